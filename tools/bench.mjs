import { setUpOrEnd } from './setup.mjs';

/* `npm run bench`: figures, as ratios within one run. `-- --json FILE` also writes them. */

await setUpOrEnd('test');
const { runBench } = await import('../dist/test/bench/main.js');
process.exitCode = await runBench(process.argv.slice(2));
