import { describe, expect, test } from 'vitest';
import { outcomeTable, type Phase, shortcomings } from './outcome.ts';

const relayed: Phase = {
  path: 'by way of the router',
  ping: { sent: 20, received: 20, averageMs: 1.234 },
  transfer: {
    bytes: 1000,
    receivedBytes: 1000,
    sentSha256: 'ab'.repeat(32),
    receivedSha256: 'ab'.repeat(32),
    seconds: 0.001,
  },
  relayed: 1234,
  direct: 0,
  lost: new Map(),
};
const direct: Phase = { ...relayed, path: 'direct', relayed: 0, direct: 56 };

describe('shortcomings', () => {
  test('none where all is as it should be', () => {
    expect([relayed, direct].flatMap(shortcomings)).toEqual([]);
  });

  test.each([
    ['a ping without an answer', { ...direct, ping: { ...direct.ping, received: 19 } }, /1 of 20 pings/],
    [
      'bytes that did not arrive',
      { ...direct, transfer: { ...direct.transfer, receivedBytes: 999 } },
      /999 of 1000/,
    ],
    ['other bytes', { ...direct, transfer: { ...direct.transfer, receivedSha256: 'cd' } }, /not the same/],
    [
      'a frame lost',
      { ...direct, lost: new Map([['a, net would-block', 3]]) },
      /3 frames lost at a, net would-block/,
    ],
    ['a router that still works', { ...direct, relayed: 1 }, /router passed on 1/],
    ['no direct packet', { ...direct, direct: 0 }, /no packet went directly/],
    ['a router that does not work', { ...relayed, relayed: 0 }, /passed on nothing/],
    ['a direct packet too early', { ...relayed, direct: 2 }, /2 packets went directly/],
  ])('%s', (_, phase, message) => {
    expect(shortcomings(phase)).toEqual([expect.stringMatching(message)]);
  });
});

test('the table', () => {
  expect(outcomeTable([relayed, direct]).join('\n')).toBe(
    `                                     by way of the router              direct
─────────────────────────────────────────────────────────────────────────────
ping: answered of sent                           20 of 20            20 of 20
ping: average there and back                      1.23 ms             1.23 ms
TCP: bytes sent                                     1 000               1 000
TCP: bytes received                                 1 000               1 000
TCP: SHA-256 at the sender              abababababababab…   abababababababab…
TCP: SHA-256 at the receiver            abababababababab…   abababababababab…
TCP: throughput                                  8 Mbit/s            8 Mbit/s
frames that the router passed on                    1 234                   0
packets from host to host directly                      0                  56
frames lost in the Funnels                              0                   0`,
  );
});
