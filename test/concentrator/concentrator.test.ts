import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import { runByOffset } from '../compliance/run-by-offset.ts';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { builtPiece } from '../fixtures/built-piece.ts';
import {
  type GivenFrame,
  PieceRig,
  problemsOf,
  type RigResult,
  type SentFrame,
} from '../pieces/piece-rig.ts';
import { be16, be32, read16, read32 } from '../sctp/wire.ts';

let make: BoundComponent;
beforeAll(async () => {
  make = await runByOffset(await builtPiece(join(packageRoot(), 'pieces-as/concentrator')));
}, 300_000);

const HERE = [192, 0, 2, 1];
const THERE = [192, 0, 2, 2];
const CLIENT = [10, 0, 1, 2];
const SERVER = [10, 0, 2, 2];
const NEAR = [10, 0, 1, 1];

/** A piece whose messages and datagrams the test writes and reads. */
class Site {
  readonly rig: PieceRig;

  constructor(settings: Readonly<Record<string, string>>) {
    this.rig = new PieceRig(make, settings);
    this.rig.canListen = true;
    this.rig.join(['local', 'far']);
    this.rig.process();
  }

  /** The Shape by which a port is listened on. */
  shapeOf(port: number): number {
    const found = [...this.rig.listening].find(([, stack]) => stack === `ip/udp/local:${port}`);
    if (found === undefined) throw new Error(`nobody listens on ${port}`);
    return found[0];
  }

  datagram(port: number, bytes: readonly number[], from = CLIENT, fromPort = 40_000, to = NEAR): RigResult {
    return this.rig.process({
      edge: 'local',
      shape: this.shapeOf(port),
      parts: [
        {
          protocol: 'ipv4',
          role: 'header',
          bytes: [0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, ...from, ...to],
        },
        { protocol: 'udp', role: 'header', bytes: [...be16(fromPort), ...be16(port), 0, 0, 0, 0] },
        { bytes },
      ],
    });
  }

  message(bytes: readonly number[], from = THERE, ppid = 0x4654_0001): RigResult {
    return this.rig.process(farFrame(bytes, from, ppid));
  }

  /** Messages from one site reach another. */
  pass(result: RigResult, from = HERE): RigResult[] {
    return result.sent
      .filter(({ edge }) => edge === 'far')
      .map((frame) => this.message([...bodyOf(frame)], from));
  }
}

function farFrame(bytes: readonly number[], from: readonly number[], ppid: number): GivenFrame {
  const chunk = [0, 3, ...be16(16 + bytes.length), ...be32(1), 0, 0, 0, 0, ...be32(ppid)];
  return {
    edge: 'far',
    parts: [
      {
        protocol: 'ipv4',
        role: 'header',
        bytes: [0x45, 0, 0, 0, 0, 0, 0, 0, 64, 132, 0, 0, ...from, ...HERE],
      },
      { protocol: 'sctp', role: 'header', bytes: [...be16(4295), ...be16(4295), 0, 0, 0, 0, 0, 0, 0, 0] },
      { protocol: 'sctp-data', role: 'header', bytes: chunk },
      { bytes },
    ],
  };
}

const bodyOf = (frame: SentFrame) => frame.bytes.slice(20 + 12 + 16);

/** The contents of a message. */
function read(frame: SentFrame): {
  kind: number;
  flags: number;
  code: number;
  flow: number;
  body: number[];
  sid: number;
} {
  const { bytes } = frame;
  expect(read32(bytes, 20 + 12 + 12)).toBe(0x4654_0001);
  expect(read16(bytes, 20 + 12 + 2)).toBe(bytes.length - 32);
  const body = bodyOf(frame);
  expect(body[0]).toBe(1);
  return {
    sid: read16(bytes, 20 + 12 + 8),
    kind: body[1]!,
    flags: body[2]!,
    code: body[3]!,
    flow: read32(body, 4),
    body: [...body.slice(8)],
  };
}

/** A datagram that was sent. */
function readLocal({ bytes }: SentFrame): { from: string; to: string; body: number[] } {
  const end = (at: number, port: number) => `${bytes.slice(at, at + 4).join('.')}:${read16(bytes, port)}`;
  return { from: end(12, 20), to: end(16, 22), body: [...bytes.slice(28)] };
}

const OPEN = 1;
const DATA = 2;
const CLOSE = 3;
const REFUSE = 4;
const RESET = 5;

describe('a conversation', () => {
  test('of a client with a server of the other site goes there and back, with its order and its addresses', () => {
    const here = new Site({ serve: '1812', remote: '192.0.2.2' });
    const there = new Site({ target: '1812=10.0.2.2#11812' });
    const asked = here.datagram(1812, [1, 2, 3]);
    expect(asked.ends).toEqual([]);
    const [open, data] = asked.sent.map(read);
    expect(open).toMatchObject({ kind: OPEN, flags: 0, flow: data!.flow, sid: data!.sid });
    expect(open!.body).toEqual([...be16(1812), ...be16(40_000), 4, 0, 0, 0, ...CLIENT, ...Array(12).fill(0)]);
    expect(data).toMatchObject({ kind: DATA, flags: 0, body: [1, 2, 3] });
    const [, delivered] = there.pass(asked);
    expect(delivered!.sent.map(readLocal)).toMatchObject([{ to: '10.0.2.2:11812', body: [1, 2, 3] }]);
    const port = Number(readLocal(delivered!.sent[0]!).from.split(':')[1]);
    expect(port).toBeGreaterThanOrEqual(49_152);
    const answered = there.datagram(port, [9], SERVER, 11_812, [10, 0, 2, 1]);
    expect(answered.sent.map(read)).toMatchObject([{ kind: DATA, flags: 1, flow: open!.flow, body: [9] }]);
    const [back] = here.pass(answered, THERE);
    expect(back!.sent.map(readLocal)).toEqual([{ from: '10.0.1.1:1812', to: '10.0.1.2:40000', body: [9] }]);
    // The next datagram needs no opening, and one without contents passes, too.
    expect(here.datagram(1812, [4]).sent.map(read)).toMatchObject([{ kind: DATA, body: [4] }]);
    const empty = here.datagram(1812, []);
    expect(empty.sent.map(read)).toMatchObject([{ kind: DATA, body: [] }]);
    expect(there.pass(empty)[0]!.sent.map(readLocal)).toMatchObject([{ body: [] }]);
  });

  test('of each client has a flow of its own, on a stream of its own as far as there are enough', () => {
    const here = new Site({ serve: '161', remote: '192.0.2.2', streams: '8' });
    const opened = Array.from({ length: 8 }, (_, n) =>
      read(here.datagram(161, [n], CLIENT, 1000 + n).sent[0]!),
    );
    expect(new Set(opened.map(({ flow }) => flow)).size).toBe(8);
    expect(new Set(opened.map(({ sid }) => sid)).size).toBe(8);
  });

  test('that stays idle ends on both sides, and its port is closed', () => {
    const here = new Site({ serve: '161', remote: '192.0.2.2', idle: '10s' });
    const there = new Site({ target: '161=10.0.2.2', idle: '10s' });
    there.pass(here.datagram(161, [1]));
    expect(there.rig.listening.size).toBe(1);
    here.rig.now += 10_000;
    const ended = here.rig.process();
    expect(ended.sent.map(read)).toMatchObject([{ kind: CLOSE, flags: 0 }]);
    const [closed] = there.pass(ended);
    expect(closed!.ends.map(({ reason }) => reason)).toEqual(['control']);
    expect(closed!.wakeAt).toBe(there.rig.now);
    there.rig.process();
    expect(there.rig.listening.size).toBe(0);
    expect(here.rig.process().wakeAt).toBe(Infinity);
    expect(here.datagram(161, [2]).sent.map(read)).toMatchObject([{ kind: OPEN }, { kind: DATA }]);
  });

  test('and is closed in the same call still leaves by its port, which is closed with the next call', () => {
    const there = new Site({ target: '161=10.0.2.2' });
    const asked = [...be16(161), ...be16(1), 4, 0, 0, 0, ...CLIENT, ...Array(12).fill(0)];
    const result = there.rig.process(
      ...[
        [1, OPEN, 0, 0, 0, 0, 0, 7, ...asked],
        [1, DATA, 0, 0, 0, 0, 0, 7, 42],
        [1, CLOSE, 0, 0, 0, 0, 0, 7],
      ].map((bytes) => farFrame(bytes, HERE, 0x4654_0001)),
    );
    expect(result.sent.map(readLocal)).toMatchObject([{ to: '10.0.2.2:161', body: [42] }]);
    expect([...there.rig.listening.keys()]).toEqual([result.sent[0]!.shape]);
    there.rig.process();
    expect(there.rig.listening.size).toBe(0);
  });

  test('is refused where there is no target, and the client may ask again', () => {
    const here = new Site({ serve: '161', remote: '192.0.2.2' });
    const there = new Site({});
    const [refused, lost] = there.pass(here.datagram(161, [1]));
    expect(refused!.sent.map(read)).toMatchObject([{ kind: REFUSE, flags: 1, code: 1 }]);
    expect(refused!.ends[0]!.reason).toBe('no-target');
    expect(lost!.ends[0]!.reason).toBe('unknown-flow');
    for (const each of [refused!, lost!]) here.pass(each, THERE);
    expect(here.rig.logged.at(-1)).toMatch(/refused a flow to port 161: it has no target/);
    expect(here.datagram(161, [1]).sent.map(read)).toMatchObject([{ kind: OPEN }, { kind: DATA }]);
  });

  test('that a side has forgotten is reset, and the next datagram opens another', () => {
    const here = new Site({ serve: '161', remote: '192.0.2.2' });
    const there = new Site({ target: '161=10.0.2.2' });
    here.datagram(161, [1]);
    const [reset] = there.pass(here.datagram(161, [2]));
    expect(reset!.ends[0]!.reason).toBe('unknown-flow');
    expect(reset!.sent.map(read)).toMatchObject([{ kind: RESET, flags: 1 }]);
    here.pass(reset!, THERE);
    expect(here.datagram(161, [3]).sent.map(read)).toMatchObject([{ kind: OPEN }, { kind: DATA, body: [3] }]);
  });

  test('of a former flow does not reach the next: its port rests, and only the server that was asked is heard', () => {
    const there = new Site({ target: '161=10.0.2.2', flows: '3' });
    const ports: number[] = [];
    for (let n = 1; n <= 3; n++) {
      there.message(
        [1, OPEN, 0, 0, ...be32(n), ...be16(161), ...be16(1), 4, 0, 0, 0, ...CLIENT, ...Array(12).fill(0)],
        HERE,
      );
      ports.push(Number(/\d+$/.exec([...there.rig.listening.values()].at(-1)!)![0]));
      if (n < 3) there.message([1, CLOSE, 0, 0, ...be32(n)], HERE);
    }
    expect(new Set(ports).size).toBe(3);
    const port = ports[2]!;
    expect(there.datagram(port, [1], SERVER, 162, [10, 0, 2, 1]).ends[0]!.reason).toBe('not-served');
    expect(there.datagram(port, [1], CLIENT, 161, [10, 0, 2, 1]).ends[0]!.reason).toBe('not-served');
    expect(there.datagram(port, [1], SERVER, 161, [10, 0, 2, 1]).ends).toEqual([]);
  });
});

describe('counts by name', () => {
  const open = (n: number, port = 161) => [
    1,
    OPEN,
    0,
    0,
    ...be32(n),
    ...be16(port),
    ...be16(1),
    4,
    0,
    0,
    0,
    ...CLIENT,
    ...Array(12).fill(0),
  ];
  const reasonOf = (result: RigResult) => result.ends.map(({ reason }) => reason);

  test.each<[string, readonly number[], number?]>([
    ['of another version', [2, DATA, 0, 0, 0, 0, 0, 1]],
    ['of an unknown kind', [1, 9, 0, 0, 0, 0, 0, 1]],
    ['that is cut short', [1, DATA, 0, 0, 0, 0, 0]],
    ['of another payload protocol', [1, DATA, 0, 0, 0, 0, 0, 1], 47],
    ['an opening of the wrong length', [1, OPEN, 0, 0, 0, 0, 0, 1, 0, 161]],
    ['an opening by the side that accepts', [1, OPEN, 1, 0, ...open(1).slice(4)]],
  ])('a message %s', (_, bytes, ppid) => {
    const site = new Site({ target: '161=10.0.2.2' });
    const result = site.message(bytes, THERE, ppid);
    expect(reasonOf(result)).toEqual(['bad-message']);
    expect(result.sent).toEqual([]);
  });

  test('a stranger, where the far side has a name', () => {
    const site = new Site({ target: '161=10.0.2.2', remote: '192.0.2.2' });
    expect(reasonOf(site.message(open(1), [192, 0, 2, 77]))).toEqual(['stranger']);
    expect(reasonOf(site.message(open(1)))).toEqual(['control']);
  });

  test('a client that comes before the far side, a full queue, and an Edge that is on no network', () => {
    const site = new Site({ serve: '161' });
    expect(reasonOf(site.datagram(161, [1]))).toEqual(['not-connected']);
    site.message([1, CLOSE, 0, 0, 0, 0, 0, 1]);
    expect(reasonOf(site.datagram(161, [1]))).toEqual([]);
    site.rig.ready('far', false);
    expect(reasonOf(site.datagram(161, [1]))).toEqual(['far-full']);
    site.rig.leave('far');
    expect(reasonOf(site.datagram(161, [1]))).toEqual(['not-joined']);
  });

  test('flows beyond the setting, on either side', () => {
    const here = new Site({ serve: '161', remote: '192.0.2.2', flows: '2' });
    for (const port of [1, 2]) here.datagram(161, [1], CLIENT, port);
    expect(reasonOf(here.datagram(161, [1], CLIENT, 3))).toEqual(['too-many-flows']);
    const there = new Site({ target: '161=10.0.2.2', flows: '2' });
    for (const n of [1, 2]) there.message(open(n));
    const refused = there.message(open(3));
    expect(reasonOf(refused)).toEqual(['too-many-flows']);
    expect(refused.sent.map(read)).toMatchObject([{ kind: REFUSE, code: 2 }]);
    // An opening of the same number replaces what was there before.
    expect(reasonOf(there.message(open(2)))).toEqual(['control']);
    expect(there.rig.listening.size).toBe(2);
  });

  test('a port that cannot be opened, which is refused', () => {
    const site = new Site({ target: '161=10.0.2.2' });
    site.rig.canListen = false;
    expect(site.message(open(1)).sent.map(read)).toMatchObject([{ kind: REFUSE, code: 3 }]);
  });
});

test('an instance that takes over goes on with all flows, and listens where they are', () => {
  const settings = { serve: '161', remote: '192.0.2.2', target: '162=10.0.2.2' };
  const before = new Site(settings);
  const [opened] = before.datagram(161, [1]).sent.map(read);
  before.message([
    1,
    OPEN,
    0,
    0,
    ...be32(7),
    ...be16(162),
    ...be16(1),
    4,
    0,
    0,
    0,
    ...CLIENT,
    ...Array(12).fill(0),
  ]);
  const ports = [...before.rig.listening.values()].toSorted();
  const rig = new PieceRig(make, settings);
  rig.canListen = true;
  expect(rig.piece.restore(rig.now, '0.1.0', before.rig.piece.save(before.rig.now))).toBeUndefined();
  rig.join(['local', 'far']);
  rig.process();
  expect([...rig.listening.values()].toSorted()).toEqual(ports);
  const after = Object.assign(Object.create(Site.prototype), { rig }) as Site;
  expect(after.datagram(161, [2]).sent.map(read)).toMatchObject([{ kind: DATA, flow: opened!.flow }]);
  expect(after.message([1, DATA, 0, 0, ...be32(7), 5]).sent.map(readLocal)).toMatchObject([{ body: [5] }]);
});

test('impossible settings are reported', () => {
  expect(problemsOf(make, { serve: 'x' })[0]).toMatch(/serve must be a port/);
  expect(problemsOf(make, { target: '161' })[0]).toMatch(/target must be such as/);
  expect(problemsOf(make, { target: '161=nowhere' })[0]).toMatch(/target must be such as/);
  expect(problemsOf(make, { remote: 'nowhere' })[0]).toMatch(/remote must be an IPv4 or IPv6 address/);
  expect(problemsOf(make, { 'first-port': '65000', flows: '900' })[0]).toMatch(/first-port must leave/);
  expect(problemsOf(make, { target: '1812=2001:db8::1#11812' })).toEqual([]);
});

test('the status shows whether the sites are joined, and which service cannot be had', () => {
  const rig = new PieceRig(make, { serve: '1812', target: '161=10.0.2.2#161' });
  const status = () => `${rig.statuses.at(-1)?.health}: ${rig.statuses.at(-1)?.summary}`;
  expect(status()).toBe('pending: waits for a network on its Edge local');
  rig.canListen = true;
  rig.join(['local']);
  expect(status()).toBe('pending: waits for a network on its Edge far');
  rig.join(['far']);
  rig.process();
  expect(status()).toBe('pending: waits for a message of the other site');
  expect(rig.statuses.at(-1)!.facts).toEqual({ services: '1812' });
  const before = rig.statuses.length;
  rig.process();
  expect(rig.statuses.length).toBe(before);
  const refused = new PieceRig(make, { serve: '1812', remote: '192.0.2.2' });
  refused.canListen = false;
  refused.join(['local', 'far']);
  refused.process();
  expect(refused.statuses.at(-1)).toMatchObject({
    health: 'impaired',
    summary: 'the port of a service cannot be opened',
    facts: { 'refused-port': '1812', services: '1812' },
  });
  const joined = new Site({ serve: '1812', remote: '192.0.2.2' });
  expect(joined.rig.statuses.at(-1)).toMatchObject({
    health: 'good',
    summary: 'carries datagrams between the sites',
  });
});
