/**
 * The target of a row. The table shows whether the row reaches it; the bench does not fail otherwise, because
 * machines differ.
 */
export interface Target {
  readonly row: RegExp;
  readonly of: 'value' | 'ratio';
  readonly most?: number;
  readonly least?: number;
}

export function targetOf(row: string): readonly Target[] {
  return TARGETS.filter((target) => target.row.test(row));
}

const TARGETS: readonly Target[] = [
  { row: /^hop\/by-offset\/64B\/batch32$/, of: 'value', most: 60 },
  { row: /^hop\/by-offset\/64B\/batch32$/, of: 'ratio', most: 1 },
  { row: /^heap\//, of: 'value', most: 1 },
  { row: /^change\/(stall|commit)\/\d+-of-16$/, of: 'value', most: 1 },
  { row: /^change\/plan\/1000$/, of: 'value', most: 1000 },
  // n log n, from a hundred.
  { row: /^change\/plan\/1000$/, of: 'ratio', most: 15 },
  // With ten times the load that it can carry, what comes out stays.
  { row: /^overload\/goodput\/load10\//, of: 'ratio', least: 0.9 },
  { row: /^fuel\/metered\//, of: 'ratio', most: 1.1 },
  { row: /^fuel\/endless-loop$/, of: 'value', most: 50 },
  { row: /^examine\/main-turn\//, of: 'value', most: 20 },
  { row: /^neighbours\/lost$/, of: 'value', most: 0 },
  // Caches of the engine, whatever is brought.
  { row: /^neighbours\/soak-growth$/, of: 'value', most: 1 },
  { row: /^watchdog\/seen$/, of: 'value', most: 50 },
  { row: /^watchdog\/traffic-again$/, of: 'value', most: 150 },
  { row: /^tun-(tun|udp)\/funnel\/.*cpu-a-packet$/, of: 'ratio', most: 1.3 },
];
