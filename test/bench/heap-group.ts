import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Group } from './group.ts';

/**
 * Bytes of heap that a frame and hop allocates; measured by `heap-run.ts` in a process with a heap made for
 * that.
 */
export const heapGroup: Group = {
  name: 'heap/',
  async run({ isQuick }, report) {
    const frames = isQuick ? 1_000_000 : 10_000_000;
    const { bytesAFrame } = await runInOwnProcess(frames);
    report.add('heap/lane/64B/batch32', bytesAFrame, 'bytes/frame');
  },
};

async function runInOwnProcess(frames: number): Promise<{ bytesAFrame: number }> {
  const run = fileURLToPath(new URL('./heap-run.js', import.meta.url));
  // Young generation large enough for all that a sample allocates; collections on demand only, between
  // samples.
  const flags = ['--expose-gc', '--min-semi-space-size=64', '--max-semi-space-size=64'];
  const child = spawn(process.execPath, [...flags, run, String(frames)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  const status = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (status !== 0) throw new Error(`heap-run ended with ${status}`);
  return JSON.parse(printed) as { bytesAFrame: number };
}
