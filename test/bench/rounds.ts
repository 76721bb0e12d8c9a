import { threadNanoseconds } from './thread-clock.ts';

/** One of several that do the same work, and are compared. */
export interface Contender {
  readonly row: string;
  /** The row it is compared with. */
  readonly against?: string;
  /** Does the work for about this many frames, and returns the exact number. */
  run(frames: number): number;
}

export interface Rounds {
  /** Nanoseconds a frame, the median of all rounds, in the order of the contenders. */
  readonly medians: readonly number[];
}

/**
 * Lets contenders take turns, so that whatever else the machine does meets all of them, and takes medians, so
 * that one disturbed round counts for nothing.
 */
export function takeTurns(
  contenders: readonly Contender[],
  { rounds, roundMs }: { rounds: number; roundMs: number },
): Rounds {
  const sizes = contenders.map((contender) => sizeFor(contender, roundMs));
  const times = contenders.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (let n = 0; n < contenders.length; n++) {
      // Each begins in turn, because a contender pays for garbage that its predecessor leaves behind.
      const at = (n + round) % contenders.length;
      times[at]!.push(timeOf(contenders[at]!, sizes[at]!));
    }
  }
  return { medians: times.map(median) };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Warms a contender up until its code is compiled, and finds how many frames fill a round. */
function sizeFor(contender: Contender, roundMs: number): number {
  const until = performance.now() + WARM_UP_MS;
  let frames = 1000;
  let perFrame = timeOf(contender, frames);
  while (performance.now() < until) {
    frames = Math.min(Math.ceil((WARM_UP_MS * 1e6) / 10 / perFrame), frames * 4);
    perFrame = timeOf(contender, frames);
  }
  return Math.max(1, Math.round((roundMs * 1e6) / perFrame));
}

function timeOf(contender: Contender, frames: number): number {
  const start = threadNanoseconds();
  const done = contender.run(frames);
  return (threadNanoseconds() - start) / done;
}

const WARM_UP_MS = 400;
