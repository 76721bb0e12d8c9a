import { expect, it } from 'vitest';
import { queueDrops } from './queue-drops.ts';

const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 9370 95 0 0 0 0 0 0 9370 95 0 0 0 0 0 0
   six:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
sixteen: 1 2 3 4 5 6 7 8 9 10 11 99 13 14 15 16
`;

it.each([
  ['lo', 0],
  ['six', 12],
  ['sixteen', 99],
  ['seven', undefined],
  ['', undefined],
])('of %j are %s', (device, expected) => {
  expect(queueDrops(device, text)).toBe(expected);
});

it('are known of the loopback of this machine', () => {
  expect(queueDrops('lo')).toBeGreaterThanOrEqual(0);
});
