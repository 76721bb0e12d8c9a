import { PerformanceObserver } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import { startEchoLane } from './echo-lane.ts';
import { median } from './rounds.ts';

/**
 * Counts what frames allocate, not only what stays: the heap is read before and after a sample of frames, and
 * a sample counts only when no collection fell into it. Then its growth is all that was allocated in it.
 * Between samples the heap is collected. The allocations of the reading itself are measured with empty
 * samples, and subtracted. Memory outside of the heap (buffers) counts too.
 *
 * Frames go through a lane of four `echo` pieces, in batches of 32; a frame counts once for each piece.
 */
export async function measureHeap(frames: number): Promise<{ bytesAFrame: number; samples: number }> {
  const { lane, traffic } = await startEchoLane({
    pieces: PIECES,
    frames: BATCH,
    bytes: 64,
    reach: 'headers',
    stack: 'ip/udp',
  });
  const pass = (count: number): void => {
    for (let n = 0; n < count; n += BATCH * PIECES) traffic.bring(BATCH);
  };
  const collections: { start: number; end: number }[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries())
      collections.push({ start: startTime, end: startTime + duration });
  });
  observer.observe({ entryTypes: ['gc'] });
  // Warm: compiled, and every array as large as it will be.
  for (let n = 0; n < WARM_UP; n += SAMPLE) {
    pass(SAMPLE);
    await new Promise(setImmediate);
  }
  const samples: Sample[] = [];
  for (let passed = 0; passed < frames; passed += SAMPLE) samples.push(await take(() => pass(SAMPLE)));
  const empty: Sample[] = [];
  for (let n = 0; n < 50; n++) empty.push(await take(() => {}));
  observer.disconnect();
  lane.close();
  const isQuiet = ({ start, end }: Sample): boolean =>
    !collections.some((collection) => collection.start < end && collection.end > start);
  const quiet = samples.filter(isQuiet);
  if (quiet.length < samples.length / 2)
    throw new Error(
      `${samples.length - quiet.length} of ${samples.length} samples were disturbed by collections`,
    );
  const own = typical(empty.filter(isQuiet));
  return { bytesAFrame: Math.max(0, typical(quiet) - own) / SAMPLE, samples: quiet.length };
}

interface Sample {
  readonly start: number;
  readonly end: number;
  readonly bytes: number;
}

async function take(work: () => void): Promise<Sample> {
  (globalThis.gc as () => void)();
  await new Promise(setImmediate);
  const start = performance.now();
  const before = process.memoryUsage();
  work();
  const after = process.memoryUsage();
  const bytes = after.heapUsed - before.heapUsed + after.external - before.external;
  return { start, end: performance.now(), bytes };
}

/** The median: now and then V8 drops code that is not used any more, which is no frame's doing. */
function typical(samples: readonly Sample[]): number {
  return median(samples.map(({ bytes }) => bytes));
}

const BATCH = 32;
const PIECES = 4;
/** Frames in one sample: a hundred of them are ten million. */
const SAMPLE = 102_400;
const WARM_UP = 2_000_000;

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.stdout.write(JSON.stringify(await measureHeap(Number(process.argv[2]))));
}
