import { parseArgs } from 'node:util';
import { soakEndpoint, soakedEndpoints } from './endpoint-soak.ts';
import { describeSoak, isFlat, soak, soakedPieces } from './soak.ts';

/** `npm run soak`: prints a line for each piece. Its exit status: 0, or 1 when memory or rows were lost. */
export async function runSoak(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: { frames: { type: 'string' }, piece: { type: 'string', multiple: true } },
  });
  const frames = Number(values.frames ?? 10_000_000);
  if (!Number.isSafeInteger(frames) || frames < 1)
    throw new Error(`--frames is ${values.frames}, and is to be a whole number`);
  let status = 0;
  for (const name of values.piece ?? [...soakedPieces(), ...soakedEndpoints]) {
    const endpoint = soakedEndpoints.find((each) => each === name);
    const report = endpoint === undefined ? await soak(name, frames) : await soakEndpoint(endpoint, frames);
    process.stdout.write(`${describeSoak(report)}\n`);
    if (!isFlat(report)) status = 1;
  }
  return status;
}
