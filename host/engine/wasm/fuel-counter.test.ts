import { beforeAll, describe, expect, it } from 'vitest';
import { loadComponent } from '../load-component.ts';
import { QuietHost } from '../testing/quiet-host.ts';
import { watPiece } from '../testing/wat-piece.ts';

// How a piece might get at the variable that counts its fuel. The counter stands behind the imported global
// variables; the piece has two of its own, `$heap` and `$own`, numbers 0 and 1 of the original.

const UNITS = 0x3fff_ffff;
const SET_OWN = [0x41, 0xff, 0xff, 0xff, 0xff, 0x03, 0x24];
let piece: Uint8Array;
let setAt: number;
let exportAt: number;

beforeAll(async () => {
  piece = await watPiece({
    fields: `(global $own (mut i32) (i32.const 7)) (export "mine" (global $own))
      (func $tamper (global.set $own (i32.const ${UNITS})))`,
    bodies: { ready: '(loop $again (call $tamper) (global.set $heap (i32.const 9000)) (br $again))' },
  });
  const bytes = Buffer.from(piece);
  setAt = bytes.indexOf(Buffer.from(SET_OWN)) + SET_OWN.length;
  exportAt = bytes.indexOf(Buffer.from([4, ...Buffer.from('mine'), 3])) + 6;
  expect([piece[setAt], piece[exportAt]]).toEqual([1, 1]);
});

function changed(at: number, byte: number): Uint8Array {
  const bytes = piece.slice();
  bytes[at] = byte;
  return bytes;
}

describe('the counter of fuel', () => {
  it('is none of the variables of a piece: a loop that writes all of them ends', async () => {
    for (const own of [0, 1]) {
      const guest = (await loadComponent(changed(setAt, own))).instantiate(new QuietHost());
      expect(() => guest.ready(0, true)).toThrow(expect.objectContaining({ code: 'FT_FAULT_FUEL' }));
    }
  });

  it.each([2, 3, 4, 5, 0x7f])('is not written as variable %i', async (index) => {
    await expect(loadComponent(changed(setAt, index))).rejects.toMatchObject({
      code: 'FT_COMPONENT_INVALID',
    });
  });

  it.each([2, 3, 4, 5, 0x7f])('is not exported as variable %i', async (index) => {
    await expect(loadComponent(changed(exportAt, index))).rejects.toMatchObject({
      code: 'FT_COMPONENT_INVALID',
    });
  });

  it('is refuelled by the host, which finds it used up', async () => {
    const guest = (await loadComponent(piece)).instantiate(new QuietHost());
    guest.refuel(1234);
    expect(guest.fuelLeft).toBe(1234);
    expect(() => guest.ready(0, true)).toThrow(expect.objectContaining({ code: 'FT_FAULT_FUEL' }));
    expect(guest.fuelLeft).toBeLessThan(0);
  });
});
