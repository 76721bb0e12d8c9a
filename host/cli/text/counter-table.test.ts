import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LaneSnapshot } from '../../policy/funnel.ts';
import { screenLines } from '../report/live-screen.ts';
import { countersLine, eventLine, totalsLines } from '../report/run-reporter.ts';
import { clip, renderCounters, renderTitle } from './counter-table.ts';
import { ansiPaint, plainPaint } from './paint.ts';

function snapshot(uptimeMs: number, factor: number): LaneSnapshot {
  const edge = (name: string, network: string, frames: number, size: number) => ({
    name,
    network,
    framesIn: frames * factor,
    bytesIn: frames * factor * size,
    framesOut: Math.floor(frames * factor * 0.9),
    bytesOut: Math.floor(frames * factor * 0.9) * 64,
    framesRefused: 0,
  });
  const piece = { state: 'running' as const, held: 0, waiting: 0, faults: 0, restarts: 0, bypassed: 0 };
  return {
    uptimeMs,
    freeRows: 8300,
    rows: 8320,
    pieces: [
      {
        ...piece,
        name: 'home',
        piece: 'tun',
        kind: 'native',
        edges: [edge('ip', 'lan', 1200, 1280)],
        reasons: [],
      },
      {
        ...piece,
        name: 'six',
        piece: '6bed4',
        kind: 'component',
        edges: [edge('ipv6', 'lan', 1080, 64), edge('carrier', 'wan', 1000, 1308)],
        reasons: [
          { name: 'spoofed-source', frames: 3 * factor, loss: true },
          { name: 'hop-limit', frames: 0, loss: true },
          { name: 'no-match', frames: 4, loss: true },
          { name: 'answered', frames: 12, loss: false },
        ],
        held: 2,
        faults: 1,
        restarts: 0,
        bypassed: 0,
      },
      {
        ...piece,
        name: 'a-socket-with-a-very-long-name',
        piece: 'udp',
        kind: 'native',
        state: 'failed',
        fault: 'FT_FAULT_TRAP: \x1b[2Junreachable',
        edges: [edge('udp', 'wan', 12_345_678, 1)],
        reasons: [],
      },
    ],
  };
}

const before = snapshot(60_000, 1);
const now = snapshot(62_000, 2);

describe('the table of counters', () => {
  it('has rates with an earlier snapshot, at 80 columns', () => {
    expect(
      [renderTitle('home.yaml', now, 80), ...renderCounters(now, before, 80)].join('\n'),
    ).toMatchInlineSnapshot(`
      "Funnel home.yaml                            up 0:01:02   20 of 8 320 rows in use
      piece               Edge    network      frames/s   bytes/s     frames     bytes
      home                ip      lan     in        600    768 kB      2 400   3.07 MB
        tun                               out       540   34.6 kB      2 160    138 kB
      six                 ipv6    lan     in        540   34.6 kB      2 160    138 kB
        6bed4                             out       486   31.1 kB      1 944    124 kB
                          carrier wan     in        500    654 kB      2 000   2.62 MB
                                          out       450   28.8 kB      1 800    115 kB
        lost: spoofed-source 6 (1.5/s), no-match 4
        done: answered 12
        held 2, waiting 0
      a-socket-with-a-ve… udp     wan     in  6 172 839   6.17 MB     24.7 M   24.7 MB
        udp                               out 5 555 555    356 MB     22.2 M   1.42 GB
        failed: FT_FAULT_TRAP: \\u{1b}[2Junreachable"
    `);
  });

  it('has totals alone without one', () => {
    expect(totalsLines(now, 80).join('\n')).toMatchInlineSnapshot(`
      "ended after 0:01:02, 10 frames lost
      piece                          Edge    network         frames     bytes
      home                           ip      lan     in       2 400   3.07 MB
        tun                                          out      2 160    138 kB
      six                            ipv6    lan     in       2 160    138 kB
        6bed4                                        out      1 944    124 kB
                                     carrier wan     in       2 000   2.62 MB
                                                     out      1 800    115 kB
        lost: spoofed-source 6, no-match 4
        done: answered 12
        held 2, waiting 0
      a-socket-with-a-very-long-name udp     wan     in      24.7 M   24.7 MB
        udp                                          out     22.2 M   1.42 GB
        failed: FT_FAULT_TRAP: \\u{1b}[2Junreachable"
    `);
  });

  it('is one line without a terminal', () => {
    expect(countersLine(now)).toMatchInlineSnapshot(
      `"0:01:02 home.ip@lan in 2 400 (3.07 MB) out 2 160 (138 kB); six.ipv6@lan in 2 160 (138 kB) out 1 944 (124 kB); six.carrier@wan in 2 000 (2.62 MB) out 1 800 (115 kB); a-socket-with-a-very-long-name.udp@wan in 24.7 M (24.7 MB) out 22.2 M (1.42 GB); lost: six spoofed-source 6, six no-match 4; failed: a-socket-with-a-very-long-name"`,
    );
  });

  it('is never wider than the terminal, in colours or without', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.boolean(), (columns, hasRates) => {
        for (const paint of [plainPaint, ansiPaint]) {
          for (const line of [
            renderTitle('home.yaml', now, columns, paint),
            ...renderCounters(now, hasRates ? before : undefined, columns, paint),
          ]) {
            const plain = line.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g'), '');
            expect(plain.length).toBeLessThanOrEqual(columns);
          }
        }
      }),
    );
  });

  it('shows how many lines do not fit a screen, and is never higher', () => {
    for (let rows = 1; rows < 40; rows++) {
      const view = { title: 'home.yaml', columns: 80, rows, events: ['fault: six'], paint: plainPaint };
      const lines = screenLines(now, before, view);
      expect(lines.length).toBeLessThanOrEqual(rows);
      if (rows === 12) expect(lines.join('\n')).toContain('more lines');
    }
  });
});

describe('clip', () => {
  it('takes no columns for colours, and resets them', () => {
    expect(clip(ansiPaint('red', 'abcdef'), 3)).toBe('\x1b[31mabc\x1b[0m');
    expect(clip('abcdef', 3)).toBe('abc');
    expect(clip(ansiPaint('red', 'abc'), 3)).toBe('\x1b[31mabc\x1b[0m');
  });
});

describe('events', () => {
  it('are one line each, without control characters', () => {
    expect(eventLine({ kind: 'fault', piece: 'six', code: 'FT_FAULT_FUEL', message: 'too\nlong' })).toBe(
      'fault: six: FT_FAULT_FUEL: too long',
    );
    expect(eventLine({ kind: 'restarted', restored: false, piece: 'six' })).toBe('restarted: six');
    expect(eventLine({ kind: 'restarted', restored: true, piece: 'six' })).toBe(
      'restarted: six with its state',
    );
    expect(
      eventLine({ kind: 'recovered', without: 'six', restored: [], stalledMs: 30.4, recoveredMs: 40.2 }),
    ).toBe('recovered: without six, after 71 ms');
    expect(eventLine({ kind: 'recovered', restored: ['six'], stalledMs: 0, recoveredMs: 1 })).toBe(
      'recovered: after 1 ms',
    );
    expect(eventLine({ kind: 'log', piece: 'six', level: 'warn', message: '\x1b[2J' })).toBe(
      'warn: six: \\u{1b}[2J',
    );
  });
});
