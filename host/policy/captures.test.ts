import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CaptureReader } from '../endpoint/capture/capture-reader.ts';
import { captureBytes } from '../endpoint/capture/testing/capture-bytes.ts';
import { checkForLeaks } from '../puzzle/testing/leak-check.ts';
import { type FunnelEvent, openFunnel } from './funnel.ts';

checkForLeaks();

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'funnel-captures-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const FRAMES = 12_000;
const FRAME_BYTES = 1400;
const NUMBER_AT = 40;

/** A capture with numbered packets: more than fit into the writer's buffer and all queues. */
function capture(): Buffer {
  const packets = Array.from({ length: FRAMES }, (_, n) => {
    const bytes = new Uint8Array(FRAME_BYTES);
    // IPv6 without a next header (59).
    bytes.set([0x60, 0, 0, 0, (FRAME_BYTES - 40) >> 8, (FRAME_BYTES - 40) & 0xff, 59, 64]);
    new DataView(bytes.buffer).setUint32(NUMBER_AT, n);
    return { bytes, nanoseconds: n * 1000 };
  });
  return captureBytes(packets);
}

it('a capture that is replayed at full speed is recorded whole: its reader pauses for the writer', async () => {
  const [from, to] = [join(folder, 'from.pcapng'), join(folder, 'to')];
  writeFileSync(from, capture());
  // A pipe that is not read for now stands for a disk that is too slow.
  execFileSync('mkfifo', [to]);
  const pipe = openSync(to, constants.O_RDONLY | constants.O_NONBLOCK);
  const events: FunnelEvent[] = [];
  const funnel = await openFunnel(
    {
      pieces: {
        reader: { piece: 'pcap-reader', settings: { file: from, speed: 'fast' }, edges: { frames: 'net' } },
        writer: { piece: 'pcap-writer', settings: { file: to }, edges: { frames: 'net' } },
      },
    },
    { onEvent: (event) => events.push(event), worker: false },
  );
  const framesOut = () => funnel.snapshot().pieces[0]!.edges[0]!.framesOut;
  let last = -1;
  while (framesOut() !== last) {
    last = framesOut();
    await sleep(300);
  }
  expect(last).toBeGreaterThan(1000);
  expect(last).toBeLessThan(FRAMES);
  const reader = new CaptureReader();
  const room = Buffer.alloc(1 << 16);
  for (let n = 0; n < FRAMES; n++) {
    while (!reader.next()) {
      const length = readIfThere(pipe, room);
      if (length === 0) await sleep(1);
      else reader.push(room.subarray(0, length));
    }
    const { buffer, start } = reader;
    expect(new DataView(buffer.buffer, buffer.byteOffset + start).getUint32(NUMBER_AT)).toBe(n);
  }
  const isAtEnd = () => events.some((event) => event.kind === 'log' && event.message.includes('at its end'));
  await expect.poll(isAtEnd).toBe(true);
  const counted = () =>
    funnel.snapshot().pieces.flatMap(({ reasons }) => reasons.filter(({ frames }) => frames > 0));
  await expect.poll(counted).toMatchObject([{ name: 'recorded', loss: false, frames: FRAMES }]);
  await funnel.close();
  closeSync(pipe);
});

function readIfThere(pipe: number, room: Buffer): number {
  try {
    return readSync(pipe, room);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
    throw error;
  }
}
