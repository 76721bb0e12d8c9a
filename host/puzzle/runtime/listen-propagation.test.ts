import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { PieceFault } from '../../piece/piece-fault.ts';
import { Protocols } from '../../stack/protocols.ts';
import { Lane } from '../lane.ts';
import type { PieceMaker } from '../plan/piece-maker.ts';
import { propertyText } from '../plan/properties.ts';
import { checkForLeaks } from '../testing/leak-check.ts';
import { samplePlace } from '../testing/sample-place.ts';
import { ScriptedPiece } from '../testing/scripted-piece.ts';

checkForLeaks();

const protocols = new Protocols();
let instances = new Map<string, ScriptedPiece>();
let lane: Lane;

afterEach(() => {
  lane.close();
  instances = new Map();
});

describe('across a hub and a tap', () => {
  const puzzle = () => [
    listener('phone', 'a'),
    hub('hub', ['a', 'b']),
    tap('tap', 'b', 'c'),
    socket('net', 'c'),
    asker('user', 'a'),
  ];

  it('a port opens before `listen` returns and closes with `unlisten`, and a refusal is the result of `listen`', async () => {
    await start(puzzle());
    const { context } = instance('phone');
    const shape = context.listen(0, 0, 'ip/udp/local:7');
    expect(shape).toBe(1);
    expect(openAt('net')).toEqual(['ip/udp/local:7']);
    expect(openAt('tap')).toEqual(['ip/udp/local:7']);
    context.unlisten(0, 1);
    expect(openAt('net')).toEqual([]);
    instance('net').listenRefusal = { message: 'port 8 is in use' };
    expect(context.listen(0, 0, 'ip/udp/local:8')).toEqual({ message: 'port 8 is in use' });
    // The pieces that had opened it before the refusal close it.
    expect(openAt('tap')).toEqual([]);
    expect(openAt('hub')).toEqual([]);
  });

  it('a piece listens on no more ports than its quota, however many a Shape names', async () => {
    await start(puzzle());
    const { context } = instance('phone');
    const set = (n: number, size: number) =>
      `ip/udp/{${Array.from({ length: size }, (_, i) => `local:${20_000 + n * 64 + i}`).join()}}`;
    const shapes = Array.from({ length: 512 }, (_, n) => context.listen(0, 0, set(n, 32)));
    expect(shapes.every((shape) => typeof shape === 'number')).toBe(true);
    const refusal = { message: expect.stringContaining('16384 ports') };
    expect(context.listen(0, 0, 'ip/udp/local:7')).toEqual(refusal);
    expect(openAt('net').length).toBe(512);
    context.unlisten(0, shapes[5] as number);
    expect(context.listen(0, 0, set(512, 33))).toEqual(refusal);
    expect(typeof context.listen(0, 0, set(512, 32))).toBe('number');
  });

  it('a change that inserts a piece opens the ports behind it, and one that removes the piece closes them', async () => {
    const direct = [listener('phone', 'a'), asker('user', 'a'), socket('near', 'a')];
    const between = hub('hub', ['a', 'c']);
    const copies = new Map([['a', { copies: true }]]);
    await start(direct);
    instance('phone').context.listen(0, 0, 'ip/udp/local:7');
    const { near } = Object.fromEntries(instances);
    await lane.apply([...direct, between, socket('net', 'c')], copies);
    expect(openAt('net')).toEqual(['ip/udp/local:7']);
    expect(instance('near')).toBe(near);
    await lane.apply([...direct, socket('net', 'c'), asker('other', 'c')]);
    expect(openAt('net')).toEqual([]);
    expect(openAt('near')).toEqual(['ip/udp/local:7']);
    // A port that cannot be opened behind the hub ends the change.
    const refusing = { ...socket('net', 'c'), identity: 'another' };
    await expect(
      lane.apply(
        [
          ...direct,
          between,
          changed(refusing, (piece) => {
            piece.listenRefusal = { message: 'port 7 is in use' };
          }),
        ],
        copies,
      ),
    ).rejects.toThrow(/port 7 is in use/);
    expect(openAt('near')).toEqual(['ip/udp/local:7']);
  });

  it.each(['waits for a turn', 'runs already', 'joins'])(
    'a port behind a piece that fails as a change is applied is closed again, where the piece %s',
    async (when) => {
      await start(puzzle());
      instance('phone').context.listen(0, 0, 'ip/udp/local:7');
      const fails = () => {
        throw new PieceFault('FT_FAULT_TRAP', 'unreachable');
      };
      const net = changed({ ...socket('net', 'c'), identity: 'another' }, (piece) => {
        piece.listening = (edge, stack, present) => {
          piece.listened.push([edge, stack, present]);
          // The change is prepared, and waits for other events once more before it is applied.
          if (present && when !== 'joins')
            setImmediate(() => {
              instance('hub').onProcess = fails;
              instance('hub').context.wake();
              if (when === 'runs already') lane.run();
            });
          return undefined;
        };
      });
      const next = puzzle().map((each) => {
        if (each.place.name === 'net') return net;
        if (each.place.name !== 'hub' || when !== 'joins') return each;
        return changed({ ...each, identity: 'another' }, (piece) => {
          piece.join = fails;
        });
      });
      await lane.apply(next);
      expect(lane.snapshot().pieces.find(({ name }) => name === 'hub')!.state).toBe('failed');
      expect(instance('net').listened).toContainEqual([0, 'ip/udp/local:7', true]);
      expect(openAt('net')).toEqual([]);
    },
  );

  it('an offer reaches the other side, and ends with its piece or with the pieces in between', async () => {
    await start(puzzle());
    const { context } = instance('net');
    context.offer(0, { name: 'address', value: { tag: 'text', val: 'fc64::1/64' } }, true);
    context.offer(0, { name: 'mtu', value: { tag: 'at-most', val: 1280n } }, true);
    await turn('net');
    const both = ['address fc64::1/64', 'mtu at most 1280'];
    expect(propertiesAt('user')).toEqual(both);
    expect(propertiesAt('phone')).toEqual(both);
    // Unchanged properties are not reported again, and the piece in between does not get what it forwards.
    expect(instance('user').joinings).toHaveLength(2);
    expect(instance('tap').joinings.map(({ edge, properties }) => [edge, properties.length])).toEqual([
      [0, 0],
      [1, 0],
      [1, 2],
    ]);
    context.offer(0, { name: 'mtu', value: { tag: 'at-most', val: 1280n } }, false);
    await turn('net');
    expect(propertiesAt('user')).toEqual(['address fc64::1/64']);
    await lane.apply([
      ...puzzle().slice(0, 2),
      socket('net', 'c'),
      asker('user', 'a'),
      tap('other', 'b', 'd'),
      asker('beyond', 'd', 'up'),
      asker('alone', 'c'),
    ]);
    expect(propertiesAt('user')).toEqual([]);
  });

  it('listens and offers do not pass a failed piece until it restarts', async () => {
    let clock = 0;
    lane = new Lane({ protocols, now: () => clock });
    const pieces = puzzle().map((maker) =>
      maker.place.name === 'hub' ? { ...maker, failure: 'restart' as const } : maker,
    );
    await lane.start(pieces);
    instance('phone').context.listen(0, 0, 'ip/udp/local:7');
    instance('net').context.offer(0, { name: 'up', value: { tag: 'yes' } }, true);
    await turn('net');
    expect([openAt('net'), propertiesAt('user')]).toEqual([['ip/udp/local:7'], ['up']]);
    instance('hub').onProcess = () => {
      throw new PieceFault('FT_FAULT_TRAP', 'unreachable');
    };
    await turn('hub');
    expect([openAt('net'), propertiesAt('user')]).toEqual([[], []]);
    instance('hub').onProcess = undefined;
    clock = 2000;
    lane.run();
    await turn('net');
    expect([openAt('net'), propertiesAt('user')]).toEqual([['ip/udp/local:7'], ['up']]);
  });

  it('a fault in `listening` is handled after the call of `listen`, which returns its reason', async () => {
    await start(puzzle());
    instance('tap').listening = () => {
      throw new PieceFault('FT_FAULT_TRAP', 'unreachable');
    };
    let answer: unknown;
    instance('phone').onProcess = (piece) => {
      answer ??= piece.context.listen(0, 0, 'ip/udp/local:7');
      expect(lane.snapshot().pieces.find(({ name }) => name === 'tap')!.faults).toBe(0);
    };
    await turn('phone');
    expect(answer).toEqual({ message: 'piece tap faulted in `listening`: unreachable' });
    expect(lane.snapshot().pieces.find(({ name }) => name === 'tap')).toMatchObject({
      state: 'failed',
      faults: 1,
    });
    expect(openAt('net')).toEqual([]);
  });
});

it('a piece that listens itself on its carrier passes on the refusal from there', async () => {
  const seal = maker('seal', { a: ['ip up'], b: ['ip/tcp/* down'] }, { a: ['lan'], b: ['wan'] }, [
    '0/0 1/0 opaque',
  ]);
  await start([
    listener('phone', 'lan'),
    changed(seal, (piece) => {
      piece.listening = (edge, stack, present) => {
        if (edge !== 0 || !present || !stack.includes('local:')) return undefined;
        const answer = piece.context.listen(1, 0, 'ip/tcp/local:443');
        return typeof answer === 'number' ? undefined : answer;
      };
    }),
    maker('net', { e: ['ip/tcp up'] }, { e: ['wan'] }),
  ]);
  expect(instance('phone').context.listen(0, 0, 'ip/udp/local:7')).toBe(1);
  expect(openAt('net')).toContain('ip/tcp/local:443');
  instance('phone').context.unlisten(0, 1);
  instance('seal').context.unlisten(1, 1);
  instance('net').listenRefusal = { message: 'port 443 is in use' };
  expect(instance('phone').context.listen(0, 0, 'ip/udp/local:8')).toEqual({ message: 'port 443 is in use' });
});

it('a piece is never called while it waits inside `listen`, also when something nested in it ends', async () => {
  const seal = maker('seal', { a: ['ip up'], b: ['ip/udp/* down'] }, { a: ['lan'], b: ['wan'] });
  const phone = () => instance('phone').context;
  let isWaiting = false;
  const calledWhileWaiting: string[] = [];
  await start([
    listener('phone', 'lan'),
    changed(seal, (piece) => {
      piece.listening = (edge, stack, present) => {
        piece.listened.push([edge, stack, present]);
        if (isWaiting) calledWhileWaiting.push(stack);
        return undefined;
      };
    }),
    changed(socket('net', 'wan'), (piece) => {
      piece.listening = (edge, stack, present) => {
        piece.listened.push([edge, stack, present]);
        if (stack !== 'ip/udp/local:2') return undefined;
        // Each of these ends while `seal` still waits for the outcome of its own `listen`.
        instance('seal').context.unlisten(1, first as number);
        instance('seal').context.listen(1, 0, 'ip/udp/local:3');
        phone().listen(0, 0, 'ip/udp/local:9');
        return undefined;
      };
    }),
  ]);
  const { context } = instance('seal');
  const first = context.listen(1, 0, 'ip/udp/local:1');
  expect(first).toBeTypeOf('number');
  isWaiting = true;
  context.listen(1, 0, 'ip/udp/local:2');
  isWaiting = false;
  expect(calledWhileWaiting).toEqual([]);
  await turn('seal');
  expect(openAt('seal')).toEqual(['ip/udp/local:9']);
  expect(openAt('net')).toEqual(['ip/udp/local:2', 'ip/udp/local:3']);
});

it('pieces that listen in response to each other round a loop do not block the lane', async () => {
  const forwards = (name: string, from: string, to: string) =>
    changed(maker(name, { a: ['ip up'], b: ['ip down'] }, { a: [from], b: [to] }), (piece) => {
      piece.listening = (edge, stack, present) => {
        piece.listened.push([edge, stack, present]);
        if (edge === 0 && present) piece.context.listen(1, 0, stack);
        return undefined;
      };
    });
  await start([
    listener('phone', 'x'),
    forwards('one', 'x', 'y'),
    forwards('two', 'y', 'x'),
    asker('end', 'y', 'up'),
  ]);
  expect(instance('phone').context.listen(0, 0, 'ip/udp/local:7')).toBe(1);
  expect(instance('one').listened.filter(([, stack]) => stack === 'ip/udp/local:7').length).toBeLessThan(4);
});

it('after any joins, listens, offers, changes and faults, each carrier has open what is wanted, and each piece has the offers', async () => {
  const network = fc.constantFrom('a', 'b', 'c', 'd');
  const middle = fc.oneof(
    fc.tuple(fc.constant('hub'), fc.uniqueArray(network, { minLength: 2, maxLength: 3 })),
    fc.tuple(fc.constant('tap'), fc.uniqueArray(network, { minLength: 2, maxLength: 2 })),
  );
  const sketch = fc.record({
    middles: fc.dictionary(fc.constantFrom('m0', 'm1', 'm2', 'm3'), middle),
    phones: fc.dictionary(fc.constantFrom('p0', 'p1'), network),
    sockets: fc.dictionary(fc.constantFrom('s0', 's1', 's2'), network),
    refuses: fc.oneof({ weight: 5, arbitrary: fc.constant(null) }, fc.constantFrom('s0', 's1', 's2')),
  });
  const step = fc.oneof(
    fc.record({ kind: fc.constant('apply' as const), sketch }),
    fc.record({
      kind: fc.constant('listen' as const),
      phone: fc.constantFrom('p0', 'p1'),
      port: fc.integer({ min: 1, max: 3 }),
    }),
    fc.record({ kind: fc.constant('unlisten' as const), phone: fc.constantFrom('p0', 'p1'), nth: fc.nat(3) }),
    fc.record({
      kind: fc.constant('offer' as const),
      socket: fc.constantFrom('s0', 's1', 's2'),
      present: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('fault' as const), middle: fc.constantFrom('m0', 'm1', 'm2', 'm3') }),
  );
  type Sketch = typeof sketch extends fc.Arbitrary<infer T> ? T : never;
  const tally = { applied: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 24 }), async (steps) => {
      instances = new Map();
      lane = new Lane({ protocols, now: () => 1000 });
      let present: Sketch = { middles: {}, phones: {}, sockets: {}, refuses: null };
      let listens: { phone: string; shape: number; port: number }[] = [];
      let failed = new Set<string>();
      let offering = new Set<string>();
      await lane.start([]);
      for (const each of steps) {
        if (each.kind === 'apply') {
          const before = new Set(instances.values());
          const wanted = each.sketch;
          const refuses = wanted.refuses ?? undefined;
          const isApplied = await lane.apply(makersOf(wanted, refuses), COPIES).then(
            () => true,
            () => false,
          );
          tally[isApplied ? 'applied' : 'refused']++;
          if (isApplied) {
            const goesOn = (name: string) => instances.has(name) && before.has(instances.get(name)!);
            listens = listens.filter(
              ({ phone }) => goesOn(phone) && present.phones[phone] === wanted.phones[phone],
            );
            failed = new Set([...failed].filter((name) => goesOn(name)));
            offering = new Set(
              [...offering].filter((name) => goesOn(name) && present.sockets[name] === wanted.sockets[name]),
            );
            present = wanted;
          }
        } else if (each.kind === 'listen' && each.phone in present.phones) {
          const shape = instance(each.phone).context.listen(
            edgeOf(each.phone),
            0,
            `ip/udp/local:${each.port}`,
          );
          if (typeof shape === 'number') listens.push({ phone: each.phone, shape, port: each.port });
        } else if (each.kind === 'unlisten') {
          const mine = listens.filter(({ phone }) => phone === each.phone);
          const one = mine[each.nth % Math.max(1, mine.length)];
          if (one !== undefined) {
            instance(one.phone).context.unlisten(edgeOf(one.phone), one.shape);
            listens.splice(listens.indexOf(one), 1);
          }
        } else if (each.kind === 'offer' && each.socket in present.sockets) {
          const text = { name: 'address', value: { tag: 'text' as const, val: `fc64::${each.socket}` } };
          instance(each.socket).context.offer(edgeOf(each.socket), text, each.present);
          if (each.present) offering.add(each.socket);
          else offering.delete(each.socket);
          await turn(each.socket);
        } else if (each.kind === 'fault' && each.middle in present.middles && !failed.has(each.middle)) {
          instance(each.middle).onProcess = () => {
            throw new PieceFault('FT_FAULT_TRAP', 'unreachable');
          };
          await turn(each.middle);
          failed.add(each.middle);
        }
        const middles = Object.entries(present.middles).filter(([name]) => !failed.has(name));
        for (const [name, at] of Object.entries(present.sockets)) {
          const wanted = new Set(
            listens.flatMap(({ phone, port }) =>
              reach(middles, present.phones[phone]!, 'down').has(`${at} down`)
                ? [`ip/udp/local:${port}`]
                : [],
            ),
          );
          expect(openAt(name), name).toEqual([...wanted].sort());
        }
        for (const [name, at] of Object.entries(present.phones)) {
          const offers = [...offering].filter(
            (from) =>
              present.sockets[from] !== undefined && networks(middles, present.sockets[from]!).has(at),
          );
          expect(propertiesAt(name), name).toEqual(offers.map((from) => `address fc64::${from}`).sort());
        }
      }
      lane.close();
    }),
    { numRuns: 60 },
  );
  // The test covers both outcomes.
  expect(tally.applied).toBeGreaterThan(50);
  expect(tally.refused).toBeGreaterThan(5);
}, 120_000);

const NETWORKS = ['a', 'b', 'c', 'd'];
/** Several pieces carry the same stack on each network. */
const COPIES = new Map(NETWORKS.map((name) => [name, { copies: true }]));

type Middles = [string, [string, string[]]][];

/** Returns, by exhaustive search, the networks that frames from one reach, and their direction there. */
function reach(middles: Middles, from: string, way: 'up' | 'down'): Set<string> {
  const found = new Set([`${from} ${way} `]);
  for (const each of found) {
    const [network, direction, by] = each.split(' ') as [string, string, string];
    for (const [name, [kind, ends]] of middles) {
      // A path does not go back through its last piece.
      if (name === by || !ends.includes(network)) continue;
      if (kind === 'hub') {
        for (const end of ends)
          if (end !== network) for (const to of ['up', 'down']) found.add(`${end} ${to} ${name}`);
      } else if (network === ends[0] && direction === 'down') found.add(`${ends[1]} down ${name}`);
      else if (network === ends[1] && direction === 'up') found.add(`${ends[0]} up ${name}`);
    }
  }
  return new Set([...found].map((each) => each.split(' ').slice(0, 2).join(' ')));
}

function networks(middles: Middles, from: string): Set<string> {
  const found = new Set([from]);
  for (const each of found)
    for (const [, [, ends]] of middles) if (ends.includes(each)) for (const end of ends) found.add(end);
  return found;
}

function makersOf(
  {
    middles,
    phones,
    sockets,
  }: {
    middles: Record<string, [string, string[]]>;
    phones: Record<string, string>;
    sockets: Record<string, string>;
  },
  refuses: string | undefined,
): PieceMaker[] {
  return [
    ...Object.entries(middles).map(([name, [kind, ends]]) =>
      kind === 'hub' ? hub(name, ends) : tap(name, ends[0]!, ends[1]!),
    ),
    ...Object.entries(phones).map(([name, at]) => listener(name, at)),
    ...Object.entries(sockets).map(([name, at]) => {
      const plain = socket(name, at);
      return name === refuses
        ? changed({ ...plain, identity: 'refuses' }, (piece) => {
            piece.listenRefusal = { message: 'in use' };
          })
        : plain;
    }),
    // So every Edge has an opposing one.
    ...NETWORKS.flatMap((at) => [asker(`down-${at}`, at), socket(`up-${at}`, at)]),
  ];
}

function listener(name: string, network: string): PieceMaker {
  return maker(name, { e: ['ip/udp/* down'] }, { e: [network] });
}

function socket(name: string, network: string): PieceMaker {
  return maker(name, { e: ['ip up'] }, { e: [network] });
}

/** A piece that takes another protocol, and gets the offers. */
function asker(name: string, network: string, direction = 'down'): PieceMaker {
  return maker(name, { e: [`ip/sctp ${direction}`] }, { e: [network] });
}

function hub(name: string, networksOfIt: string[]): PieceMaker {
  const curves = ['0/0 0/0', '0/0 0/1', '0/1 0/1'].map((curve) => `${curve} keeps address,mtu,up`);
  return maker(name, { 'net*': ['ip up', 'ip down'] }, { net: networksOfIt }, curves);
}

function tap(name: string, a: string, b: string): PieceMaker {
  return maker(name, { a: ['ip up'], b: ['ip down'] }, { a: [a], b: [b] }, ['0/0 1/0 keeps address,mtu,up']);
}

function maker(
  name: string,
  edges: Readonly<Record<string, readonly string[]>>,
  networksOfIt: Readonly<Record<string, readonly string[]>>,
  curves: readonly string[] = [],
): PieceMaker {
  const place = samplePlace(name, edges, networksOfIt, { curves });
  return {
    place,
    kind: 'native',
    failure: 'closed',
    identity: name,
    make: (context, frames) => {
      const piece = new ScriptedPiece(place.description, context, frames, protocols);
      instances.set(name, piece);
      return piece;
    },
  };
}

function changed(plain: PieceMaker, alter: (piece: ScriptedPiece) => void): PieceMaker {
  return {
    ...plain,
    make: async (context, frames) => {
      const before = instances.get(plain.place.name);
      const piece = (await plain.make(context, frames)) as ScriptedPiece;
      alter(piece);
      // A refusing piece does not replace the recorded one.
      if (piece.listenRefusal !== undefined && before !== undefined) instances.set(plain.place.name, before);
      return piece;
    },
  };
}

async function start(makers: readonly PieceMaker[]): Promise<void> {
  lane = new Lane({ protocols, now: () => 1000 });
  await lane.start(makers);
}

/** Returns the number of the only Edge of a piece, which changes when the Edge moves. */
function edgeOf(name: string): number {
  return instance(name).joinings.at(-1)!.edge;
}

function instance(name: string): ScriptedPiece {
  return instances.get(name)!;
}

/** Lets the lane call a piece, and notify the others of its offers. */
async function turn(name: string): Promise<void> {
  instance(name).context.wake();
  await new Promise((resolve) => setImmediate(resolve));
}

/** Returns the ports that a piece was called to open and not to close. Checks that no call repeats. */
function openAt(name: string): string[] {
  const open = new Set<string>();
  for (const [edge, stack, present] of instance(name).listened) {
    const key = `${edge} ${stack}`;
    expect(open.has(key), `${name}: ${key} ${present}`).toBe(!present);
    if (present) open.add(key);
    else open.delete(key);
  }
  return [...open].flatMap((key) => (key.includes('local:') ? [key.slice(2)] : [])).sort();
}

function propertiesAt(name: string): string[] {
  return instance(name).joinings.at(-1)!.properties.map(propertyText).sort();
}
