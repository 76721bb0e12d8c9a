import { expect, test } from 'vitest';
import { environmentForChildren, passedDescriptors } from './activation.ts';

test('descriptors count from 3, with the names that there are', () => {
  const given = (more: object) => passedDescriptors({ LISTEN_PID: '7', ...more }, 7);
  expect(given({ LISTEN_FDS: '3', LISTEN_FDNAMES: 'web:web' })).toEqual([
    { number: 3, name: 'web' },
    { number: 4, name: 'web' },
    { number: 5, name: '' },
  ]);
  expect(given({ LISTEN_FDS: '1' })).toEqual([{ number: 3, name: '' }]);
  expect(given({ LISTEN_FDS: '0' })).toEqual([]);
  expect(given({})).toEqual([]);
  expect(passedDescriptors({ LISTEN_FDS: '1' }, 7)).toEqual([]);
});

test.each([
  [{ LISTEN_FDS: '1', LISTEN_PID: '8' }, 'npm or a shell'],
  [{ LISTEN_FDS: 'x', LISTEN_PID: '7' }, 'LISTEN_FDS is "x"'],
  [{ LISTEN_FDS: '-1', LISTEN_PID: '7' }, 'LISTEN_FDS is "-1"'],
  [{ LISTEN_FDS: '99999', LISTEN_PID: '7' }, 'LISTEN_FDS is "99999"'],
  [{ LISTEN_FDS: '1', LISTEN_PID: '' }, 'LISTEN_PID ""'],
])('%o is refused', (environment, why) => {
  expect(() => passedDescriptors(environment, 7)).toThrow(
    expect.objectContaining({ code: 'FT_SOCKET_ADDRESS', message: expect.stringContaining(why) }),
  );
});

test('programs get the environment without what concerns this process alone', () => {
  const own = { LISTEN_FDS: '1', LISTEN_PID: '1', LISTEN_FDNAMES: 'a', NOTIFY_SOCKET: '/x', PATH: '/bin' };
  expect(environmentForChildren({ ...own, WATCHDOG_USEC: '1', WATCHDOG_PID: '1' })).toEqual({ PATH: '/bin' });
});
