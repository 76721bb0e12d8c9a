import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import { runByOffset } from '../compliance/run-by-offset.ts';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { builtPiece } from '../fixtures/built-piece.ts';
import { type GivenFrame, PieceRig, problemsOf, type SentFrame } from '../pieces/piece-rig.ts';
import { be16, be32, read16 } from '../sctp/wire.ts';
import {
  A,
  AAAA,
  ANY,
  type Dns,
  NSEC,
  nameBytes,
  PTR,
  ptr,
  query,
  type Rr,
  readDns,
  response,
  rr,
  SRV,
} from './dns.ts';

let make: BoundComponent;
beforeAll(async () => {
  make = await runByOffset(await builtPiece(join(packageRoot(), 'pieces-as/mdns-reflector')));
}, 300_000);

const HOST = [10, 0, 0, 9];
const GROUP = [224, 0, 0, 251];

interface LanPacket extends Dns {
  readonly to: string;
  readonly at: number;
}

/** One reflector. `sent` collects the packets to its link; messages to the far side go to `far`. */
class Site {
  readonly rig: PieceRig;
  readonly sent: LanPacket[] = [];
  readonly reasons: string[] = [];
  readonly kinds: number[] = [];
  far: Site | undefined;
  /** Others on the link of this one. */
  readonly link: Site[] = [];
  isCut = false;
  #wakeAt = 0;

  constructor(
    readonly address: readonly number[],
    remote: readonly number[] | undefined,
    settings: Readonly<Record<string, string>> = {},
  ) {
    this.rig = new PieceRig(make, {
      ...(remote === undefined ? {} : { remote: remote.join('.') }),
      ...settings,
    });
    this.rig.join();
  }

  get wakeAt(): number {
    return this.#wakeAt;
  }

  run(now: number, ...frames: GivenFrame[]): void {
    this.rig.now = now;
    const result = this.rig.process(...frames);
    this.#wakeAt = result.wakeAt;
    this.reasons.push(...result.ends.map(({ reason }) => reason));
    for (const frame of result.sent) this.#route(frame, now);
  }

  #route(frame: SentFrame, now: number): void {
    if (frame.edge === 'far') {
      const message = frame.bytes.slice(20 + 12 + 16);
      this.kinds.push(message[1]!);
      if (!this.isCut) this.far?.run(now, farFrame(message, this.address));
      return;
    }
    const to = `${frame.bytes.slice(16, 20).join('.')}:${read16(frame.bytes, 22)}`;
    this.sent.push({ ...readDns(frame.bytes.slice(28)), to, at: now });
    // A socket of the group also gets what its own host sends.
    if (to !== '224.0.0.251:5353') return;
    for (const each of [this, ...this.link])
      each.run(now, lanFrame([...frame.bytes.slice(28)], [10, 0, 0, 1]));
  }

  hear(now: number, bytes: readonly number[], port = 5353): void {
    this.run(now, lanFrame(bytes, HOST, port));
  }

  /** The records that were multicast since the last call. */
  announced(): (Rr & { at: number })[] {
    const packets = this.sent.splice(0).filter(({ isResponse }) => isResponse);
    return packets.flatMap(({ answers, at }) => answers.map((answer) => ({ ...answer, at })));
  }
}

function lanFrame(bytes: readonly number[], from: readonly number[], port = 5353): GivenFrame {
  return {
    edge: 'lan',
    parts: [
      {
        protocol: 'ipv4',
        role: 'header',
        bytes: [0x45, 0, 0, 0, 0, 0, 0, 0, 255, 17, 0, 0, ...from, ...GROUP],
      },
      { protocol: 'udp', role: 'header', bytes: [...be16(port), ...be16(5353), 0, 0, 0, 0] },
      { bytes },
    ],
  };
}

function farFrame(bytes: ArrayLike<number>, from: readonly number[], ppid = 0x4654_0101): GivenFrame {
  const body = Array.from(bytes);
  return {
    edge: 'far',
    parts: [
      {
        protocol: 'ipv4',
        role: 'header',
        bytes: [0x45, 0, 0, 0, 0, 0, 0, 0, 64, 132, 0, 0, ...from, 192, 0, 2, 250],
      },
      { protocol: 'sctp', role: 'header', bytes: [...be16(4296), ...be16(4296), 0, 0, 0, 0, 0, 0, 0, 0] },
      {
        protocol: 'sctp-data',
        role: 'header',
        bytes: [0, 3, ...be16(16 + body.length), ...be32(1), 0, 0, 0, 0, ...be32(ppid)],
      },
      { bytes: body },
    ],
  };
}

/** A clock for several reflectors: it calls each when it wants to be called. */
class World {
  now = 1000;

  constructor(readonly sites: readonly Site[]) {
    for (const site of sites) site.run(this.now);
  }

  pass(ms: number): this {
    const end = this.now + ms;
    for (let calls = 0; ; calls++) {
      const next = Math.min(...this.sites.map(({ wakeAt }) => wakeAt));
      if (next > end) break;
      if (calls > 200_000) throw new Error('the reflectors never rest');
      this.now = Math.max(this.now, next);
      for (const site of this.sites) if (site.wakeAt <= this.now) site.run(this.now);
    }
    this.now = end;
    return this;
  }
}

/** Two sites that have met. */
function pair(settings: Readonly<Record<string, string>> = {}): { world: World; here: Site; there: Site } {
  const here = new Site([192, 0, 2, 1], [192, 0, 2, 2], settings);
  const there = new Site([192, 0, 2, 2], undefined, settings);
  [here.far, there.far] = [there, here];
  const world = new World([here, there]).pass(1000);
  return { world, here, there };
}

const ADDRESS = rr('printer.local', A, [10, 0, 0, 9]);
const SERVICE = ptr('_ipp._tcp.local', 'Lab._ipp._tcp.local');
const bare = ({ name, type, ttl, flush, data }: Rr): Rr => ({ name, type, ttl, flush, data });
const HELLO = 1;
const ADDED = 3;
const GONE = 4;
const ASK = 5;

describe('records', () => {
  test('that hosts announce are announced twice at the other site, a second apart, and cross once', () => {
    const { world, here, there } = pair();
    for (let n = 0; n < 4; n++) {
      here.hear(world.now, response(ADDRESS, SERVICE));
      world.pass(1000);
    }
    world.pass(5000);
    expect(here.kinds.filter((kind) => kind === ADDED)).toHaveLength(2);
    const announced = there.announced();
    for (const record of [ADDRESS, SERVICE]) {
      const times = announced.filter(({ name }) => name === record.name);
      expect(times.map(bare)).toEqual([record, record]);
      expect(times[1]!.at - times[0]!.at).toBe(1000);
    }
    // Nothing returns to the link of the owner, or crosses back.
    expect(here.announced()).toEqual([]);
    expect(there.kinds.filter((kind) => kind === ADDED)).toEqual([]);
  });

  test('whose owner says goodbye end after a second; a rescue within it keeps them', () => {
    const { world, here, there } = pair();
    here.hear(world.now, response(ADDRESS));
    world.pass(3000);
    there.announced();
    const goodbye = response({ ...ADDRESS, ttl: 0 });
    here.hear(world.now, goodbye);
    world.pass(500);
    here.hear(world.now, response(ADDRESS));
    world.pass(5000);
    expect(there.announced()).toEqual([]);
    here.hear(world.now, goodbye);
    world.pass(900);
    expect(there.announced()).toEqual([]);
    world.pass(200);
    expect(there.announced().map(bare)).toEqual([{ ...ADDRESS, ttl: 0 }]);
  });

  test('are asked for at 80, 85, 90 and 95 percent of their time, and end when no host answers', () => {
    const { world, here, there } = pair();
    const start = world.now;
    here.hear(start, response(ADDRESS));
    world.pass(119_000);
    const asked = here.sent.filter(({ isResponse }) => !isResponse);
    expect(asked.map(({ at }) => (at - start) / 1200)).toEqual([80, 85, 90, 95]);
    expect(asked[0]!.questions).toMatchObject([{ name: 'printer.local', type: A }]);
    there.announced();
    world.pass(2000);
    expect(there.announced().map(bare)).toEqual([{ ...ADDRESS, ttl: 0 }]);
  });

  test('with the cache-flush bit end older ones of their name, and none of their own packet', () => {
    const { world, here, there } = pair();
    const old = rr('printer.local', A, [10, 0, 0, 7]);
    here.hear(world.now, response(old));
    world.pass(3000);
    const second = rr('printer.local', A, [10, 0, 0, 8]);
    here.hear(world.now, response(ADDRESS, second));
    there.announced();
    world.pass(5000);
    const announced = there.announced().map(bare);
    expect(announced.filter(({ ttl }) => ttl === 0)).toEqual([{ ...old, ttl: 0 }]);
    expect(announced).toContainEqual(ADDRESS);
    expect(announced).toContainEqual(second);
  });

  test('of one link do not cross, nor records that are not of mDNS', () => {
    const { world, here, there } = pair();
    const global = rr('printer.local', AAAA, [0x20, 1, 0xd, 0xb8, ...Array(12).fill(1)]);
    here.hear(
      world.now,
      response(
        rr('printer.local', AAAA, [0xfe, 0x80, ...Array(14).fill(1)]),
        rr('printer.local', A, [169, 254, 3, 4]),
        rr('www.example.org', A, [192, 0, 2, 7]),
        rr('notlocal', A, [192, 0, 2, 7]),
        global,
      ),
    );
    world.pass(500);
    expect(there.announced().map(bare)).toEqual([global]);
  });

  test('have the names in their data expanded', () => {
    const { world, here, there } = pair();
    // At 12 is the name host.local; the data of SRV and NSEC point to it.
    const owner = nameBytes('host.local');
    const record = (type: number, data: number[]) => [
      ...[0xc0, 12, ...be16(type), 0x80, 1, ...be32(120), ...be16(data.length)],
      ...data,
    ];
    const first = [...owner, ...be16(SRV), 0x80, 1, ...be32(120), ...be16(8), 0, 0, 0, 0, 0, 80, 0xc0, 12];
    const packet = [0, 0, 0x84, 0, 0, 0, 0, 2, 0, 0, 0, 0, ...first, ...record(NSEC, [0xc0, 12, 0, 1, 0x40])];
    here.hear(world.now, packet);
    world.pass(500);
    const name = Buffer.from(owner).toString('hex');
    expect(there.announced().map(({ data }) => data)).toEqual([`000000000050${name}`, `${name}000140`]);
  });

  test.each([
    ['a pointer to itself', [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 0]],
    ['a pointer forward', [0xc0, 40, 0, 1, 0, 1, 0, 0, 0, 9, 0, 0]],
    ['a reserved label', [0x80, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 0]],
    ['data behind the end', [...nameBytes('a.local'), 0, 1, 0, 1, 0, 0, 0, 9, 0, 99, 1]],
    [
      'a name that is too long',
      [
        ...Array(5)
          .fill([63, ...Array(63).fill(65)])
          .flat(),
        0,
        0,
        1,
        0,
        1,
      ],
    ],
    ['a PTR with bytes behind its name', [...nameBytes('a.local'), 0, 12, 0, 1, 0, 0, 0, 9, 0, 2, 0, 0]],
  ])('with %s are malformed', (_what, record) => {
    const { world, here } = pair();
    here.hear(world.now, [0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0, ...record]);
    expect(here.reasons.at(-1)).toBe('malformed');
  });

  test('beyond the setting find no room, on both sides, until others have ended', () => {
    const { world, here, there } = pair({ records: '2' });
    const many = [1, 2, 3].map((n) => rr(`h${n}.local`, A, [10, 0, 0, n]));
    here.hear(world.now, response(...many));
    expect(here.reasons.at(-1)).toBe('table-full');
    world.pass(3000);
    expect(new Set(there.announced().map(({ name }) => name))).toEqual(new Set(['h1.local', 'h2.local']));
    here.hear(world.now, response({ ...many[0]!, ttl: 0 }));
    world.pass(3000);
    here.hear(world.now, response(many[2]!));
    expect(here.reasons.at(-1)).toBe('taken');
    world.pass(3000);
    expect(there.announced().map(({ name }) => name)).toContain('h3.local');
  });
});

describe('a question', () => {
  function known(): ReturnType<typeof pair> {
    const sites = pair();
    sites.here.hear(sites.world.now, response(ADDRESS, SERVICE));
    sites.world.pass(5000);
    sites.there.announced();
    return sites;
  }

  test('is answered for the far side: a unique record at once, a shared one after 20 to 120 ms', () => {
    const { world, there } = known();
    const start = world.now;
    there.hear(
      start,
      query([
        { name: 'PRINTER.local', type: A },
        { name: '_ipp._tcp.local', type: PTR },
      ]),
    );
    world.pass(2000);
    const [first, second, ...more] = there.announced();
    expect(bare(first!)).toEqual(ADDRESS);
    expect(first!.at).toBe(start);
    expect(bare(second!)).toEqual(SERVICE);
    expect(second!.at - start).toBeGreaterThanOrEqual(20);
    expect(second!.at - start).toBeLessThanOrEqual(120);
    expect(more).toEqual([]);
  });

  test('gets no answer that it knows with half of its time left, also from its next packet', () => {
    const { world, there } = known();
    const question = [{ name: '_ipp._tcp.local', type: PTR }];
    there.hear(world.now, query(question, [{ ...SERVICE, ttl: 2250 }]));
    world.pass(2000);
    expect(there.announced()).toEqual([]);
    there.hear(world.now, query(question, [], { truncated: true }));
    there.hear(world.now + 100, query([], [SERVICE]));
    world.pass(2000);
    expect(there.announced()).toEqual([]);
    there.hear(world.now, query(question, [{ ...SERVICE, ttl: 2249 }]));
    world.pass(2000);
    expect(there.announced()).toHaveLength(1);
  });

  test('that comes again within a second is answered once a second, but a probe at once', () => {
    const { world, there } = known();
    const start = world.now;
    for (let n = 0; n < 10; n++) {
      there.hear(world.now, query([{ name: 'printer.local', type: A }]));
      world.pass(100);
    }
    expect(there.announced().map(({ at }) => at - start)).toEqual([0, 1000]);
    world.pass(300);
    there.hear(world.now, query([{ name: 'printer.local', type: ANY }], [], { probe: [ADDRESS] }));
    world.pass(1);
    expect(there.announced()).toHaveLength(1);
  });

  test('from another port than 5353 gets a unicast response: its id and question, no flush bit, ten seconds', () => {
    const { world, there } = known();
    there.hear(world.now, query([{ name: 'printer.local', type: A }], [], { id: 77 }), 40_000);
    expect(there.sent).toMatchObject([
      {
        to: '10.0.0.9:40000',
        id: 77,
        questions: [{ name: 'printer.local', type: A }],
        answers: [{ ...ADDRESS, ttl: 10, flush: false }],
      },
    ]);
  });

  test('that allows a unicast response gets one if the record was multicast lately', () => {
    const { world, there } = known();
    there.hear(world.now, query([{ name: 'printer.local', type: A, unicast: true }]));
    expect(there.sent.splice(0)).toMatchObject([{ to: '10.0.0.9:5353', answers: [ADDRESS] }]);
    world.pass(40_000);
    there.sent.length = 0;
    there.hear(world.now, query([{ name: 'printer.local', type: A, unicast: true }]));
    expect(there.sent).toMatchObject([{ to: '224.0.0.251:5353', answers: [ADDRESS] }]);
  });

  test('crosses once in `again`, is asked at the far side, and does not come back', () => {
    const { world, here, there } = pair();
    for (let n = 0; n < 5; n++) {
      there.hear(world.now, query([{ name: '_ipp._tcp.local', type: PTR }]));
      world.pass(2000);
    }
    expect(there.kinds.filter((kind) => kind === ASK)).toHaveLength(1);
    expect(here.kinds).not.toContain(ASK);
    const asked = here.sent.filter(({ isResponse }) => !isResponse);
    expect(asked.map(({ questions }) => questions)).toMatchObject([[{ name: '_ipp._tcp.local', type: PTR }]]);
    world.pass(60_000);
    there.hear(world.now, query([{ name: '_ipp._tcp.local', type: PTR }]));
    expect(there.kinds.filter((kind) => kind === ASK)).toHaveLength(2);
  });
});

describe('sites', () => {
  test('that lose each other say goodbye after the grace, and repeat their records when they meet again', () => {
    const { world, here, there } = pair();
    here.hear(world.now, response(SERVICE));
    world.pass(3000);
    there.announced();
    here.isCut = true;
    there.isCut = true;
    world.pass(110_000);
    expect(there.announced()).toEqual([]);
    world.pass(20_000);
    expect(there.announced().map(bare)).toEqual([{ ...SERVICE, ttl: 0 }]);
    here.isCut = false;
    there.isCut = false;
    world.pass(40_000);
    expect(there.announced().map(bare)).toEqual([SERVICE, SERVICE]);
  });

  test('notice that an association took messages with it', () => {
    const { world, here, there } = pair();
    here.hear(world.now, response(SERVICE));
    world.pass(3000);
    there.announced();
    here.isCut = true;
    here.hear(world.now, response(ADDRESS, { ...SERVICE, ttl: 0 }));
    world.pass(5000);
    here.isCut = false;
    world.pass(40_000);
    const announced = there.announced().map(bare);
    expect(announced).toContainEqual(ADDRESS);
    expect(announced).toContainEqual({ ...SERVICE, ttl: 0 });
  });

  test('keep a host that has the name of a unique record of the far side, until that host has gone', () => {
    const { world, here, there } = pair();
    const other = rr('printer.local', A, [10, 9, 9, 9], 4500);
    const ours = { ...ADDRESS, ttl: 4500 };
    // Both hosts are there before the sites hear of each other's.
    here.isCut = true;
    there.isCut = true;
    there.hear(world.now, response(other));
    here.hear(world.now, response(ours));
    world.pass(2000);
    here.isCut = false;
    there.isCut = false;
    world.pass(60_000);
    expect([...there.announced(), ...here.announced()]).toEqual([]);
    expect(there.reasons).toContain('conflict');
    there.hear(world.now, response({ ...other, ttl: 0 }));
    world.pass(5000);
    expect(there.announced().map(bare)).toEqual([ours, ours]);
  });

  test('three in a ring agree, rest, and forget a record that has gone', () => {
    const ends = [0, 1, 2].map((n) => {
      const [from, to] = [
        [192, 0, 2, 10 + n],
        [192, 0, 2, 20 + n],
      ];
      const a = new Site(from, to);
      const b = new Site(to, undefined);
      [a.far, b.far] = [b, a];
      return { a, b };
    });
    // The link of site n has the near end of association n, and the other end of the one before.
    for (let n = 0; n < 3; n++) {
      const [near, other] = [ends[n]!.a, ends[(n + 2) % 3]!.b];
      near.link.push(other);
      other.link.push(near);
    }
    const all = ends.flatMap(({ a, b }) => [a, b]);
    const world = new World(all).pass(1000);
    const start = (bytes: number[]) => {
      for (const each of [ends[0]!.a, ends[2]!.b]) each.hear(world.now, bytes);
    };
    start(response(SERVICE));
    world.pass(10_000);
    const heard = all.map((site) => site.announced().filter(({ ttl }) => ttl > 0).length);
    expect(heard[0]! + heard[5]!).toBe(0);
    expect(heard[1]! + heard[2]!).toBeGreaterThan(0);
    expect(heard[3]! + heard[4]!).toBeGreaterThan(0);
    world.pass(20_000);
    expect(all.flatMap((site) => site.announced())).toEqual([]);
    start(response({ ...SERVICE, ttl: 0 }));
    world.pass(20_000);
    for (const site of all) site.sent.length = 0;
    for (const each of all) each.hear(world.now, query([{ name: '_ipp._tcp.local', type: PTR }]));
    world.pass(10_000);
    expect(all.flatMap((site) => site.announced())).toEqual([]);
  });

  test('know their records again after a replacement, and no goodbye is sent', () => {
    const { world, here, there } = pair();
    here.hear(world.now, response(ADDRESS, SERVICE));
    world.pass(3000);
    there.announced();
    const saved = there.rig.piece.save!(world.now)!;
    const after = new Site([192, 0, 2, 2], undefined);
    expect(after.rig.piece.restore!(world.now, '0.1.0', saved)).toBeUndefined();
    after.far = here;
    here.far = after;
    after.run(world.now);
    new World([here, after]).pass(0);
    after.hear(world.now, query([{ name: 'printer.local', type: A }]));
    expect(after.announced().map(bare)).toContainEqual(ADDRESS);
    expect(here.kinds.filter((kind) => kind === GONE || kind === HELLO)).toHaveLength(1);
  });

  test('believe the far side only what can be a record of mDNS there', () => {
    const { world, here, there } = pair();
    const added = (type: number, name: string, data: number[], ttl = 120) =>
      farFrame(
        [1, ADDED, 2, 0, ...be16(type), 0, 0, ...be32(ttl), ...nameBytes(name), ...data],
        here.address,
      );
    const wrong = [
      added(A, 'x.local', [1, 2, 3]),
      added(A, 'x.local', [1, 2, 3, 4], 0),
      added(A, 'x.example', [1, 2, 3, 4]),
      added(AAAA, 'x.local', [0xfe, 0x80, ...Array(14).fill(0)]),
      added(PTR, 'x.local', [0xc0, 12]),
      added(SRV, 'x.local', [0, 0, 0, 0, 0, 1]),
      added(ANY, 'x.local', [1]),
      farFrame([2, HELLO, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], here.address),
      farFrame([1, 99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], here.address),
      farFrame([1, HELLO, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], here.address, 51),
      farFrame([1, HELLO], here.address),
    ];
    for (const frame of wrong) {
      there.run(world.now, frame);
      expect(there.reasons.at(-1)).toBe('bad-message');
    }
    here.run(world.now, farFrame([1, HELLO, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [192, 0, 2, 66]));
    expect(here.reasons.at(-1)).toBe('stranger');
    world.pass(2000);
    expect(there.announced()).toEqual([]);
  });
});

test('whatever hosts say, both sites agree on the records in the end, and rest', () => {
  const names = ['a.local', 'b.local', '_x._tcp.local'];
  const event = fc.record({
    isHere: fc.boolean(),
    name: fc.constantFrom(...names),
    address: fc.integer({ min: 1, max: 3 }),
    ttl: fc.constantFrom(0, 10, 4500),
    flush: fc.boolean(),
    wait: fc.constantFrom(0, 50, 700, 1500, 12_000),
    isCut: fc.constantFrom(false, false, false, true),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 25 }), (events) => {
      const { world, here, there } = pair();
      for (const { isHere, name, address, ttl, flush, wait, isCut } of events) {
        here.isCut = isCut;
        (isHere ? here : there).hear(world.now, response(rr(name, A, [10, 0, 0, address], ttl, flush)));
        world.pass(wait);
      }
      here.isCut = false;
      // All times to live have ended; the sites are in touch.
      world.pass(5_000_000);
      here.sent.length = 0;
      there.sent.length = 0;
      for (const site of [here, there])
        for (const name of names) site.hear(world.now, query([{ name, type: A }]));
      world.pass(2000);
      expect([...here.announced(), ...there.announced()]).toEqual([]);
    }),
    { numRuns: 30 },
  );
});

test('settings that are wrong are reported', () => {
  expect(
    problemsOf(make, { remote: 'far', records: '0', grace: '1s', again: '10ms', port: '0' }),
  ).toHaveLength(5);
});
