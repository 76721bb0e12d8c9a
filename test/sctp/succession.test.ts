import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import { runByOffset } from '../compliance/run-by-offset.ts';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { builtPiece } from '../fixtures/built-piece.ts';
import { ScriptedPeer } from './scripted-peer.ts';
import { PORT_B, randomBy, TwoEnds } from './two-ends.ts';
import { CHUNK, chunk, type Message } from './wire.ts';

let make: BoundComponent;
beforeAll(async () => {
  make = await runByOffset(await builtPiece(join(packageRoot(), 'pieces-as/sctp')));
}, 300_000);

const message = (n: number, length: number, sid: number): Message => ({
  sid,
  ppid: n,
  bytes: Uint8Array.from({ length }, (_, i) => i + n),
});

test('an instance that takes the place of another goes on with all associations, whatever was on its way', () => {
  for (let seed = 1; seed <= 12; seed++) {
    const random = randomBy(seed);
    const network = () => (random() < 0.1 ? [] : [5 + random() * 30]);
    const ends = new TwoEnds(make, { network, seed });
    const sent: Message[] = [];
    for (let n = 0; n < 40; n++) {
      const each = message(
        n,
        1 + Math.floor(random() * (random() < 0.3 ? 8000 : 200)),
        Math.floor(random() * 3),
      );
      sent.push(each);
      ends.send(ends.a, each);
      ends.run(random() * 80);
      if (random() < 0.3) ends.replace(random() < 0.5 ? ends.a : ends.b);
      if (random() < 0.2) ends.b.rig.ready('streams', random() < 0.3);
    }
    ends.b.rig.ready('streams', true);
    ends.b.wakeAt = ends.now;
    ends.runUntil(() => ends.b.received.length === sent.length);
    for (let sid = 0; sid < 3; sid++) {
      const of = (list: readonly Message[]) =>
        list.filter((each) => each.sid === sid).map(({ ppid }) => ppid);
      expect(of(ends.b.received)).toEqual(of(sent));
    }
    for (const { ppid, bytes } of ends.b.received) {
      expect(Buffer.compare(bytes, sent.find((each) => each.ppid === ppid)!.bytes)).toBe(0);
    }
    expect(ends.a.notices).toEqual([CHUNK.COOKIE_ACK]);
    ends.give(ends.a, chunk(CHUNK.SHUTDOWN));
    ends.runUntil(() => ends.b.notices.at(-1) === CHUNK.SHUTDOWN_COMPLETE);
  }
});

test('a cookie of the instance before is still good', () => {
  const peer = new ScriptedPeer(make);
  const { tag, cookie } = peer.ask();
  const other = new ScriptedPeer(make, {}, 99);
  other.takeOver(peer);
  const { chunks } = other.sendTagged(tag, chunk(CHUNK.COOKIE_ECHO, cookie));
  expect(chunks[0]!.type).toBe(CHUNK.COOKIE_ACK);
});

test('associations that do not fit into the state are aborted and reported by the instance that takes over', () => {
  const settings = { 'send-buffer': '1048576' };
  const peer = new ScriptedPeer(make, settings).open({ window: 2000 });
  for (let n = 0; n < 20; n++) peer.write({ sid: 0, ppid: 0, bytes: new Uint8Array(40_000) });
  const other = new ScriptedPeer(make, settings);
  other.takeOver(peer);
  other.tag = peer.tag;
  const { chunks, notices } = other.pass(0);
  expect(chunks.map(({ type }) => type)).toEqual([CHUNK.ABORT]);
  expect(notices).toEqual([CHUNK.ABORT]);
  expect(other.rig.logged.at(-1)).toMatch(/its state did not fit/);
});

test('settings that are too small for what is kept are refused', () => {
  const peer = new ScriptedPeer(make).open();
  peer.sourcePort = PORT_B + 1;
  peer.open();
  const state = peer.rig.piece.save(peer.rig.now);
  for (const setting of ['associations', 'streams']) {
    const other = new ScriptedPeer(make, { [setting]: '1' });
    expect(other.rig.piece.restore(other.rig.now, '0.1.0', state)?.message).toMatch(/the state holds more/);
  }
});
