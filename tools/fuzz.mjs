import { setUpOrEnd } from './setup.mjs';

/* `npm run fuzz`: hostile input for everything that takes bytes. `-- --help` lists the options. */

await setUpOrEnd('test');
const { runFuzz } = await import('../dist/test/fuzz/main.js');
try {
  process.exitCode = await runFuzz(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`fuzz: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
