import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { changeAtRandom } from './random-changes.ts';

/* `node dist/test/fuzz/changes.js --count 10000 [--seed N]`: random changes of a lane under traffic. */

async function main(argv: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...argv],
    options: { count: { type: 'string', default: '10000' }, seed: { type: 'string' } },
  });
  const [count, seed] = [Number(values.count), Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))];
  if (!Number.isSafeInteger(count) || !Number.isSafeInteger(seed))
    throw new TypeError('--count and --seed are whole numbers');
  process.stdout.write(`seed ${seed}\n`);
  const { applied, refused, frames } = await changeAtRandom(count, seed);
  process.stdout.write(`${applied} changes applied, ${refused} refused, ${frames} frames accounted for\n`);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  await main(process.argv.slice(2));
