import { expect, it } from 'vitest';
import { readTunNote, type TunNote, tunNote } from './tun-note.ts';

it('reads back the note about a device', () => {
  const full: TunNote = {
    properties: {
      mtu: 1280,
      isUp: true,
      addresses: new Set(['192.0.2.1/24', 'fc64::1/114']),
      routes: new Set(['::/0']),
    },
    own: { isUp: true, addresses: new Set(['fc64::1/114']), routes: new Set(['::/0']) },
    before: { mtu: 1500, isUp: true },
  };
  const bare: TunNote = {
    properties: { mtu: 1500, isUp: false, addresses: new Set(), routes: new Set() },
    own: { isUp: false, addresses: new Set(), routes: new Set() },
  };
  const down: TunNote = { ...full, own: bare.own, before: { mtu: 1400, isUp: false } };
  for (const note of [full, bare, down]) expect(readTunNote(tunNote(note))).toEqual(note);
});
