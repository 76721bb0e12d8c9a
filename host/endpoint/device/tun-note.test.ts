import { expect, it } from 'vitest';
import { readTunNote, tunNote } from './tun-note.ts';

it('reads back the note about a device', () => {
  const full = {
    wasThere: true,
    properties: {
      mtu: 1280,
      isUp: true,
      addresses: new Set(['192.0.2.1/24', 'fc64::1/114']),
      routes: new Set(['::/0']),
    },
  };
  const bare = {
    wasThere: false,
    properties: { mtu: -1, isUp: false, addresses: new Set(), routes: new Set() },
  };
  expect(readTunNote(tunNote(full))).toEqual(full);
  expect(
    readTunNote(
      tunNote({ ...bare, properties: { ...bare.properties, addresses: new Set(), routes: new Set() } }),
    ),
  ).toEqual(bare);
});
