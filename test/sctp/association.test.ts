import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import { runByOffset } from '../compliance/run-by-offset.ts';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { builtPiece } from '../fixtures/built-piece.ts';
import { randomBy, TwoEnds } from './two-ends.ts';
import { CHUNK, chunk, type Message } from './wire.ts';

let make: BoundComponent;
beforeAll(async () => {
  make = await runByOffset(await builtPiece(join(packageRoot(), 'pieces-as/sctp')));
}, 300_000);

function message(n: number, length: number, sid = 0, isUnordered = false): Message {
  return { sid, ppid: 0x1000_0000 + n, isUnordered, bytes: Uint8Array.from({ length }, (_, i) => i * 7 + n) };
}

const plain = ({ sid, ppid, bytes, isUnordered }: Message) => ({
  sid,
  ppid,
  isUnordered,
  bytes: Buffer.from(bytes).toString('hex'),
});

describe('an association', () => {
  test.each([true, false])(
    'opens with the first message, carries messages both ways, and is shut down (encapsulated: %s)',
    (encapsulated) => {
      const ends = new TwoEnds(make, { encapsulated });
      const first = message(1, 100);
      ends.send(ends.a, first);
      ends.run(1000);
      expect(ends.log.slice(0, 4).map(({ packet }) => packet.chunks.map(({ type }) => type))).toEqual([
        [CHUNK.INIT],
        [CHUNK.INIT_ACK],
        [CHUNK.COOKIE_ECHO],
        [CHUNK.COOKIE_ACK],
      ]);
      expect(ends.b.received.map(plain)).toEqual([plain(first)]);
      expect(ends.b.received[0]).toMatchObject({ from: [192, 0, 2, 1], fromPort: 5000 });
      const back = message(2, 5000, 3);
      ends.send(ends.b, back);
      ends.run(1000);
      expect(ends.a.received.map(plain)).toEqual([plain(back)]);
      ends.give(ends.a, chunk(CHUNK.SHUTDOWN));
      ends.run(1000);
      expect(ends.log.slice(-3).map(({ packet }) => packet.chunks.map(({ type }) => type))).toEqual([
        [CHUNK.SHUTDOWN],
        [CHUNK.SHUTDOWN_ACK],
        [CHUNK.SHUTDOWN_COMPLETE],
      ]);
      expect(ends.a.notices).toEqual([CHUNK.COOKIE_ACK, CHUNK.SHUTDOWN_COMPLETE]);
      expect(ends.b.notices).toEqual([CHUNK.COOKIE_ACK, CHUNK.SHUTDOWN_COMPLETE]);
    },
  );

  test('delivers everything in order whatever the network loses, doubles and reorders', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = randomBy(seed);
      const network = () => {
        const fate = random();
        if (fate < 0.15) return [];
        if (fate < 0.25) return [5 + random() * 60, 5 + random() * 60];
        return [5 + random() * 30];
      };
      const ends = new TwoEnds(make, { network, seed });
      const sent = { a: [] as Message[], b: [] as Message[] };
      for (let n = 0; n < 60; n++) {
        const from = random() < 0.5 ? 'a' : 'b';
        // The side that opens is the one that has no port open.
        if (n === 0 && from === 'b') continue;
        const each = message(
          n,
          1 + Math.floor(random() * (random() < 0.2 ? 20_000 : 300)),
          Math.floor(random() * 4),
        );
        if (from === 'b' && ends.b.notices.length === 0) continue;
        sent[from].push(each);
        ends.send(ends[from], each);
        ends.run(random() * 100);
      }
      ends.runUntil(
        () => ends.a.received.length === sent.b.length && ends.b.received.length === sent.a.length,
      );
      for (let sid = 0; sid < 4; sid++) {
        const of = (list: readonly Message[]) => list.filter((each) => each.sid === sid).map(plain);
        expect(of(ends.b.received)).toEqual(of(sent.a));
        expect(of(ends.a.received)).toEqual(of(sent.b));
      }
      ends.give(ends.a, chunk(CHUNK.SHUTDOWN));
      ends.runUntil(
        () =>
          ends.a.notices.at(-1) === CHUNK.SHUTDOWN_COMPLETE &&
          ends.b.notices.at(-1) === CHUNK.SHUTDOWN_COMPLETE,
      );
      ends.run(120_000);
      expect(ends.a.wakeAt).toBe(Infinity);
      expect(ends.b.wakeAt).toBe(Infinity);
    }
  });
});
