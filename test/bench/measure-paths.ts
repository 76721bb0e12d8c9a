import type { BenchOptions } from './bench-options.ts';
import type { Path } from './path.ts';
import type { Report } from './report.ts';
import { median } from './rounds.ts';
import { flood, ping, stream, untilReachable } from './traffic.ts';

/** One kind of traffic, and the figures that it gives, by the end of the row's name. */
interface Kind {
  readonly name: string;
  readonly figures: readonly { readonly name: string; readonly unit: string }[];
  /** Whether the figures stand for large segments too, which the device counts as one packet each. */
  readonly isForOffload?: boolean;
  measure(path: Path): Promise<readonly number[]>;
}

/**
 * Sends every kind of traffic over each path in turn, several rounds, and reports medians: first the C
 * program's, then the Funnel's against them.
 */
export async function measurePaths(
  group: string,
  paths: readonly Path[],
  options: BenchOptions,
  report: Report,
): Promise<void> {
  for (const path of paths) {
    await untilReachable(path);
    // Until its code is compiled, in both directions.
    for (const direction of ['out', 'in'] as const)
      await flood(path, { direction, bytes: FLOOD_BYTES, seconds: 1, rate: 0 });
  }
  for (const kind of kindsOf(options.isQuick)) {
    const those = paths.filter(({ name }) => name !== 'offload' || kind.isForOffload === true);
    const isAsked = those.some(
      ({ name }) => options.only === undefined || matches(`${group}${name}/${kind.name}`, options.only),
    );
    if (!isAsked) continue;
    const values = those.map(() => kind.figures.map((): number[] => []));
    for (let round = 0; round < (options.isQuick ? 1 : ROUNDS); round++) {
      for (let n = 0; n < those.length; n++) {
        const at = (n + round) % those.length;
        const measured = await kind.measure(those[at]!);
        measured.forEach((value, figure) => {
          values[at]![figure]!.push(value);
        });
      }
    }
    those.forEach(({ name }, at) => {
      kind.figures.forEach((figure, n) => {
        const against = name === 'c' ? undefined : `${group}c/${kind.name}/${figure.name}`;
        report.add(
          `${group}${name}/${kind.name}/${figure.name}`,
          median(values[at]![n]!),
          figure.unit,
          against,
        );
      });
    });
  }
}

function matches(row: string, only: string): boolean {
  return row.includes(only) || only.startsWith(row);
}

const ROUNDS = 5;

function kindsOf(isQuick: boolean): readonly Kind[] {
  const seconds = isQuick ? 1 : 3;
  const load = [
    { name: 'cpu-a-packet', unit: 'ns' },
    { name: 'packets-a-second', unit: '1/s' },
  ];
  const floodOf = (name: string, direction: 'out' | 'in', rate: number): Kind => ({
    name,
    figures: load,
    async measure(path) {
      const { cpuNs, packetsPerSecond } = await flood(path, { direction, bytes: FLOOD_BYTES, seconds, rate });
      return [cpuNs, packetsPerSecond];
    },
  });
  return [
    floodOf('flood-out', 'out', 0),
    floodOf('flood-in', 'in', 0),
    floodOf('paced-out', 'out', PACE),
    {
      name: 'ping',
      figures: [
        { name: 'round-trip-median', unit: 'µs' },
        { name: 'round-trip-p99', unit: 'µs' },
        { name: 'cpu-a-lone-packet', unit: 'ns' },
      ],
      async measure(path) {
        const { medianUs, p99Us, cpuNs } = await ping(path, isQuick ? 2000 : 20_000);
        return [medianUs, p99Us, cpuNs];
      },
    },
    {
      name: 'stream',
      figures: [
        { name: 'throughput', unit: 'Mbit/s' },
        { name: 'cpu-a-gigabit', unit: 'ms' },
      ],
      isForOffload: true,
      async measure(path) {
        const { megabitsPerSecond, cpuMs } = await stream(path, seconds);
        return [megabitsPerSecond, cpuMs];
      },
    },
  ];
}

/** Payload of a flood, in bytes: that of a voice packet of 20 ms. */
const FLOOD_BYTES = 160;
/** Packets a second of a steady load, in bursts of 32: far from what either can carry. */
const PACE = 50_000;
