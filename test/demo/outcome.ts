import type { PingResult } from '../net/ping.ts';
import type { Transfer } from '../net/transfer.ts';

/**
 * The result of traffic that had to take one of the two paths, or of IPv4 without the Funnel, for comparison.
 */
export interface Phase {
  readonly path: typeof BASELINE | 'by way of the router' | 'direct';
  readonly ping: PingResult;
  readonly transfer: Transfer;
  /** Frames that the router's Funnel passed on to peers. */
  readonly relayed: number;
  /** UDP packets with IPv6 inside that a host got from the other, by its capture. */
  readonly direct: number;
  /** Frames that any of the Funnels dropped, by host, piece and reason. */
  readonly lost: ReadonlyMap<string, number>;
}

/** The result of the same machine without the Funnel. */
export const BASELINE = 'IPv4, without the Funnel';

/** The failed expectations, in words; none means success. */
export function shortcomings(phase: Phase): string[] {
  const { path, ping, transfer, relayed, direct, lost } = phase;
  const found: string[] = [];
  const expect = (holds: boolean, otherwise: string): void => {
    if (!holds) found.push(`${path}: ${otherwise}`);
  };
  expect(ping.received === ping.sent, `${ping.sent - ping.received} of ${ping.sent} pings were not answered`);
  expect(
    transfer.receivedBytes === transfer.bytes,
    `${transfer.receivedBytes} of ${transfer.bytes} bytes arrived`,
  );
  expect(transfer.receivedSha256 === transfer.sentSha256, 'the transfer is not the same at both ends');
  for (const [where, frames] of lost) expect(false, `${frames} frames lost at ${where}`);
  if (path === BASELINE) return found;
  if (path === 'direct') {
    expect(relayed === 0, `the router passed on ${relayed} frames`);
    expect(direct > 0, 'no packet went directly');
  } else {
    expect(relayed > 0, 'the router passed on nothing');
    expect(direct === 0, `${direct} packets went directly`);
  }
  return found;
}

/** The phases beside each other. */
export function outcomeTable(phases: readonly Phase[]): string[] {
  const rows: string[][] = [
    ['', ...phases.map(({ path }) => path)],
    ['ping: answered of sent', ...phases.map(({ ping }) => `${ping.received} of ${ping.sent}`)],
    ['ping: average there and back', ...phases.map(({ ping }) => `${ping.averageMs.toFixed(2)} ms`)],
    ['TCP: bytes sent', ...phases.map(({ transfer }) => grouped(transfer.bytes))],
    ['TCP: bytes received', ...phases.map(({ transfer }) => grouped(transfer.receivedBytes))],
    ['TCP: SHA-256 at the sender', ...phases.map(({ transfer }) => `${transfer.sentSha256.slice(0, 16)}…`)],
    [
      'TCP: SHA-256 at the receiver',
      ...phases.map(({ transfer }) => `${transfer.receivedSha256.slice(0, 16)}…`),
    ],
    ['TCP: throughput', ...phases.map(({ transfer }) => throughput(transfer))],
    ['frames that the router passed on', ...phases.map(({ path, relayed }) => counted(path, relayed))],
    ['packets from host to host directly', ...phases.map(({ path, direct }) => counted(path, direct))],
    [
      'frames lost in the Funnels',
      ...phases.map(({ path, lost }) =>
        counted(
          path,
          [...lost.values()].reduce((a, b) => a + b, 0),
        ),
      ),
    ],
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) => {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!),
    );
    return cells.join('   ');
  });
  return [lines[0]!, '─'.repeat(lines[0]!.length), ...lines.slice(1)];
}

/** A count of the Funnels; without them there is none. */
function counted(path: Phase['path'], count: number): string {
  return path === BASELINE ? '–' : grouped(count);
}

function throughput({ receivedBytes, seconds }: Transfer): string {
  return `${((receivedBytes * 8) / seconds / 1e6).toFixed(0)} Mbit/s`;
}

function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ' ');
}
