import { setUpOrEnd } from './setup.mjs';

/*
 * `npm run soak`: ten million frames through each piece and each endpoint that needs no rights; reports the
 * memory that
 * they leave behind. `-- --frames N --piece NAME`
 */

await setUpOrEnd('test');
const { runSoak } = await import('../dist/test/soak/main.js');
try {
  process.exitCode = await runSoak(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`soak: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
