import { setUpOrEnd } from './setup.mjs';

/* `npm start`: the demonstration, on this machine. */

await setUpOrEnd('start');
const { runDemo } = await import('../dist/test/demo/main.js');
process.exitCode = await runDemo(process.argv.slice(2));
