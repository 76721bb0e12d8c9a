import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Frames } from '../../frame/frames.ts';
import type { Piece } from '../../piece/piece.ts';
import { PieceFault } from '../../piece/piece-fault.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import { Protocols } from '../../stack/protocols.ts';
import { Lane } from '../lane.ts';
import type { PieceMaker } from '../plan/piece-maker.ts';
import { PuzzleError } from '../plan/puzzle-error.ts';
import { CallMonitor, CallMonitorReader } from '../runtime/call-monitor.ts';
import { LaneState } from '../runtime/lane-state.ts';
import { checkForLeaks } from '../testing/leak-check.ts';
import { describePiece, ipv4, ipv6, ScriptedPiece, udp } from '../testing/scripted-piece.ts';

checkForLeaks();

const protocols = new Protocols();
let lane: Lane;
let clock = 0;
let instances: ScriptedPiece[];

beforeEach(async () => {
  clock = 0;
  instances = [];
  lane = new Lane({ frames: new Frames({ smallRows: 512, largeRows: 2 }), protocols, now: () => clock });
  await lane.start(makers({ tun: {}, six: {} }));
});

afterEach(() => {
  lane.close();
  expect(lane.frames.freeRows).toBe(lane.frames.rows);
  // Each instance that was made was closed.
  expect(instances.filter((piece) => piece.closes === 0)).toEqual([]);
});

describe('a change', () => {
  it('keeps the instances of pieces that would be made the same way, and their counters', async () => {
    const before = [instanceOf('tun'), instanceOf('six')];
    before[0]!.bring(0, ipv6());
    const difference = await lane.apply(
      makers({ tun: {}, six: {}, cap: { stack: 'ipv6/udp', direction: 'up' } }),
    );
    expect(difference).toEqual({
      added: ['cap'],
      removed: [],
      replaced: [],
      kept: ['tun', 'six'],
      edges: [{ piece: 'cap', edge: 'net', network: 'lan', change: 'joins' }],
    });
    expect([instanceOf('tun'), instanceOf('six')]).toEqual(before);
    expect(before[0]!.joinings.length + before[0]!.left.length).toBe(1);
    expect(lane.snapshot().pieces[1]!.edges[0]!.framesIn).toBe(1);
  });

  it('hands over the state and the counters of a replaced piece, and loses no frame', async () => {
    const old = instanceOf('six');
    instanceOf('tun').bring(0, ipv6());
    old.state = Uint8Array.of(1, 2, 3);
    const difference = await lane.apply(makers({ tun: {}, six: { version: 2 } }));
    expect(difference.replaced).toEqual(['six']);
    const six = instanceOf('six');
    expect(six).not.toBe(old);
    expect(six.restored).toEqual([Uint8Array.of(1, 2, 3)]);
    expect(old.closes).toBe(1);
    instanceOf('tun').bring(0, ipv6());
    expect([old.taken.length, six.taken.length]).toEqual([1, 1]);
    expect(lane.snapshot().pieces[1]!.edges[0]).toMatchObject({ framesIn: 2 });
  });

  it('keeps the totals of pieces and Edges that go, also when they come and go again', async () => {
    const totals = () =>
      lane
        .snapshot()
        .departed?.map(({ name, state, edges }) => [
          `${name} ${state}`,
          ...edges.map(({ network, framesIn, framesOut }) => `${network} ${framesIn} ${framesOut}`),
        ]);
    expect(totals()).toBeUndefined();
    const both = makers({ tun: {}, six: {}, cap: { stack: 'ipv6/udp', direction: 'up' } });
    await lane.apply(both);
    instanceOf('tun').bring(0, ipv6(), ipv6());
    await lane.apply(makers({ tun: {}, cap: { stack: 'ipv6/udp', direction: 'up' } }));
    expect(totals()).toEqual([['six removed', 'lan 2 0']]);
    expect(lane.snapshot().pieces.map(({ name }) => name)).toEqual(['tun', 'cap']);
    await lane.apply(both);
    expect(lane.snapshot().pieces.find(({ name }) => name === 'six')!.edges[0]!.framesIn).toBe(0);
    instanceOf('tun').bring(0, ipv6());
    await lane.apply(makers({ tun: {}, cap: { stack: 'ipv6/udp', direction: 'up' } }));
    expect(totals()).toEqual([['six removed', 'lan 3 0']]);
  });

  it('keeps the totals of an Edge that moves, of a piece that stays and of one that is replaced', async () => {
    instanceOf('tun').bring(0, ipv6());
    await lane.apply(makers({ tun: { network: 'wan' }, six: { network: 'wan', version: 2 } }));
    const [tun, six] = lane.snapshot().departed!;
    expect([tun!.name, tun!.edges[0]!.network, tun!.edges[0]!.framesOut]).toEqual(['tun', 'lan', 1]);
    expect([six!.name, six!.edges[0]!.network, six!.edges[0]!.framesIn]).toEqual(['six', 'lan', 1]);
    expect([tun!.reasons, tun!.faults, six!.reasons]).toEqual([[], 0, []]);
  });

  it('replaces a piece that lost something to another program, also with the same configuration', async () => {
    const old = instanceOf('tun');
    old.deviates = true;
    expect(await lane.difference(makers({ tun: {}, six: {} }))).toMatchObject({ replaced: ['tun'] });
    expect(await lane.apply(makers({ tun: {}, six: {} }))).toMatchObject({
      replaced: ['tun'],
      kept: ['six'],
    });
    expect(instanceOf('tun')).not.toBe(old);
    expect(await lane.apply(makers({ tun: {}, six: {} }))).toMatchObject({
      replaced: [],
      kept: ['tun', 'six'],
    });
  });

  it('moves an Edge to another network without a new instance', async () => {
    const six = instanceOf('six');
    await lane.apply(
      makers({
        tun: {},
        six: { network: 'far' },
        gate: { network: 'far', direction: 'down' },
        mate: { stack: 'ipv6' },
      }),
    );
    expect(instanceOf('six')).toBe(six);
    expect(six.left).toEqual(['0/0']);
    expect(six.joinings.map(({ joint }) => joint)).toEqual(['lan', 'far']);
    instanceOf('gate').bring(0, ipv6());
    expect(six.taken).toHaveLength(1);
  });

  it.each(['make', 'start', 'accepts', 'listening', 'restore'] as const)(
    'that is refused in `%s` leaves everything unchanged',
    async (step) => {
      const pieces = lane.snapshot().pieces;
      const before = instances.slice();
      const calls = before.map((piece) =>
        JSON.stringify([piece.joinings, piece.left, piece.listened, piece.calls]),
      );
      const bad =
        step === 'restore'
          ? { tun: {}, six: { version: 2, fails: step } }
          : {
              tun: {},
              six: {},
              bad: {
                fails: step,
                stack: 'ipv6/udp',
                direction: step === 'listening' ? ('down' as const) : ('up' as const),
              },
              ...(step === 'listening'
                ? {
                    web: { stack: 'ipv6/udp/local:80', network: 'w' },
                    gate: { fails: step, network: 'w', direction: 'down' as const },
                  }
                : {}),
            };
      const error = await lane.apply(makers(bad)).catch((caught) => caught);
      expect(error).toBeInstanceOf(Error);
      expect(lane.snapshot().pieces).toEqual(pieces);
      // The running pieces got no call, except perhaps `save`.
      expect(
        before.map((piece) =>
          JSON.stringify([
            piece.joinings,
            piece.left,
            piece.listened.filter(([, , present]) => present).slice(0, 1),
            piece.calls,
          ]),
        ),
      ).toEqual(
        before.map((_piece, n) => {
          const [joinings, left, target, called] = JSON.parse(calls[n]!);
          return JSON.stringify([joinings, left, target.slice(0, 1), called]);
        }),
      );
      expect(instances.slice(before.length).every((piece) => piece.closes === 1)).toBe(true);
      instanceOf('tun').bring(0, ipv6());
      expect(before[1]!.taken).toHaveLength(1);
    },
  );

  it('replaces an older change that is still prepared', async () => {
    let release = () => {};
    const slow = makers({ tun: {}, six: {}, slow: { stack: 'ipv6/udp' } });
    const waits = new Promise<void>((resolve) => {
      release = resolve;
    });
    const stalled: PieceMaker = {
      ...slow[2]!,
      make: async (context, frames) => {
        await waits;
        return slow[2]!.make(context, frames);
      },
    };
    const older = lane.apply([...slow.slice(0, 2), stalled]).catch((error) => error);
    const newer = lane.apply(makers({ tun: {}, six: {}, quick: { stack: 'ipv6/udp' } }));
    release();
    const error = await older;
    expect(error).toBeInstanceOf(PuzzleError);
    expect(error.code).toBe('FT_CHANGE_SUPERSEDED');
    expect((await newer).added).toEqual(['quick']);
    expect(lane.snapshot().pieces.map(({ name }) => name)).toEqual(['tun', 'six', 'quick']);
  });

  it('reports its difference without making anything', async () => {
    const count = instances.length;
    expect(
      await lane.difference(makers({ tun: {}, extra: { stack: 'ipv6', direction: 'up' } })),
    ).toMatchObject({
      added: ['extra'],
      removed: ['six'],
    });
    expect(instances.length).toBe(count);
    await expect(lane.difference(makers({ tun: {} }))).rejects.toThrow(PuzzleError);
  });

  it('withdraws the offers of a removed piece', async () => {
    const address = { name: 'address', value: { tag: 'text', val: 'fc64::1/114' } } as const;
    instanceOf('six').context.offer(0, address, true);
    instanceOf('tun').bring(0, ipv6());
    expect(instanceOf('tun').joinings.at(-1)!.properties).toEqual([address]);
    await lane.apply(makers({ tun: {}, other: { stack: 'ipv6', direction: 'up' } }));
    expect(instanceOf('tun').joinings.at(-1)!.properties).toEqual([]);
  });

  it('calls no other piece for what arrives while it is committed, and takes the time of the commit', async () => {
    const called: number[] = [];
    const [tun, six] = makers({ tun: {}, six: { version: 2 } });
    const make: PieceMaker['make'] = async (...given) => {
      const piece = (await six!.make(...given)) as ScriptedPiece;
      const join = piece.join.bind(piece);
      piece.join = (joining) => {
        join(joining);
        const before = instanceOf('tun').calls.length;
        piece.bring(0, ipv6());
        clock += 7;
        called.push(instanceOf('tun').calls.length - before);
      };
      return piece;
    };
    await lane.apply([tun!, { ...six!, make }]);
    expect(called).toEqual([0]);
    expect(instanceOf('tun').taken).toHaveLength(1);
    expect(lane.commitMs).toBe(7);
  });

  it('leaves the others on a network where one leaves', async () => {
    const cap = { stack: 'ipv6/udp' };
    await lane.apply(makers({ tun: {}, six: {}, cap }));
    await lane.apply(makers({ tun: {}, cap }));
    const address = { name: 'address', value: { tag: 'text', val: 'fc64::1/114' } } as const;
    const pair = [instanceOf('tun'), instanceOf('cap')];
    for (const [from, to] of [pair, pair.toReversed()]) {
      from!.context.offer(0, address, true);
      from!.context.wake();
      lane.run();
      expect(to!.joinings.at(-1)!.properties).toEqual([address]);
      from!.context.offer(0, address, false);
      from!.context.wake();
      lane.run();
    }
  });

  it('keeps an offer without interruption when the new piece offers what the old one did', async () => {
    const address = { name: 'address', value: { tag: 'text', val: 'fc64::1/114' } } as const;
    instanceOf('six').context.offer(0, address, true);
    instanceOf('tun').bring(0, ipv6());
    const reported = instanceOf('tun').joinings.length;
    await lane.apply(makers({ tun: {}, six: { version: 2, offers: address } }));
    for (const join of instanceOf('tun').joinings.slice(reported)) expect(join.properties).toEqual([address]);
  });

  it.each([
    ['the same Shape', 'ipv6'],
    ['another Shape', 'ip'],
  ])('gives the frames on their way to the successor, with %s', async (_, stack) => {
    const old = instanceOf('six');
    await lane.apply(makers({ tun: {}, six: { version: 2, stack } }));
    const six = instanceOf('six');
    for (let n = 0; n < 3; n++) instanceOf('tun').bring(0, ipv6());
    expect([old.taken.length, six.taken.length]).toEqual([0, 3]);
    await lane.apply(makers({ tun: {}, six: { version: 3 } }));
    instanceOf('tun').bring(0, ipv6());
    expect([six.taken.length, instanceOf('six').taken.length]).toEqual([3, 1]);
    await lane.apply(makers({ tun: {}, gate: { stack: 'ipv6' } }));
    instanceOf('tun').bring(0, ipv6());
    expect(instanceOf('gate').taken.length).toBe(1);
  });

  it('ends the frames that wait for a replaced instance as `replaced`, and those of a removed one as `removed`', async () => {
    await lane.apply(makers({ tun: {}, six: {}, cap: { stack: 'ipv6/udp' } }));
    for (const name of ['six', 'cap']) instanceOf(name).takes = 0;
    instanceOf('tun').bring(0, ipv6(), ipv6(), ipv6(udp(5, 7)));
    const old = instanceOf('six');
    await lane.apply(makers({ tun: {}, six: { version: 2 } }));
    expect([old.taken, instanceOf('six').taken]).toEqual([[], []]);
    expect(lane.snapshot().pieces[1]).toMatchObject({
      waiting: 0,
      reasons: [{ name: 'replaced', frames: 2, loss: true }],
    });
    // The counters of a removed piece go with it, and its frames are free again.
    expect(lane.frames.freeRows).toBe(lane.frames.rows);
  });

  it('opens new ports of a piece that stays and begins to listen while the change is prepared, or is refused', async () => {
    const phone = { stack: 'ip/udp/*', direction: 'down' as const, network: 'far' };
    await lane.apply(makers({ tun: {}, six: {}, phone, near: { stack: 'ip/udp', network: 'far' } }));
    const before = lane.snapshot().pieces.map(({ name }) => name);
    const carried = (refuses: boolean) => {
      const all = makers({ tun: {}, six: {}, phone, net: { stack: 'ip/udp', network: 'far' } });
      const net = all.at(-1)!;
      const make: PieceMaker['make'] = async (...given) => {
        const piece = (await net.make(...given)) as ScriptedPiece;
        // It has opened the ports wanted so far, and its change waits for the next turn of the lane.
        piece.listening = (edge, stack, present) => {
          piece.listened.push([edge, stack, present]);
          if (present && stack === 'ip/udp/*')
            setImmediate(() => instanceOf('phone').context.listen(0, 0, 'ip/udp/local:9'));
          return present && refuses && stack === 'ip/udp/local:9'
            ? { message: 'port 9 is in use' }
            : undefined;
        };
        return piece;
      };
      return [...all.slice(0, -1), { ...net, make }];
    };
    const error = await lane.apply(carried(true)).catch((caught) => caught);
    expect(error).toMatchObject({ code: 'FT_LISTEN_REFUSED' });
    expect(error.message).toMatch(/port 9 is in use/);
    expect(lane.snapshot().pieces.map(({ name }) => name)).toEqual(before);
    expect(instances.at(-1)!.listened).toEqual([
      [0, 'ip/udp/*', true],
      [0, 'ip/udp/local:9', true],
      [0, 'ip/udp/*', false],
    ]);
    instanceOf('phone').context.unlisten(0, 1);
    await lane.apply(carried(false));
    expect(instanceOf('net').listened).toEqual([
      [0, 'ip/udp/*', true],
      [0, 'ip/udp/local:9', true],
    ]);
  });

  it.each(['removed', 'replaced'] as const)(
    'takes nothing more from a piece that it has %s',
    async (what) => {
      const web = { stack: 'ipv6/tcp' };
      const phone = { stack: 'ip/udp/*', direction: 'down' as const, network: 'far' };
      const net = { stack: 'ip/udp', network: 'far' };
      await lane.apply(makers({ tun: {}, six: {}, web, phone, net }));
      const old = [instanceOf('web'), instanceOf('phone')];
      old[1]!.wakeAt = 500;
      old[1]!.context.wake();
      lane.run();
      const next: Sketch =
        what === 'removed'
          ? { asker: { ...phone, version: 3 } }
          : { web: { ...web, version: 2 }, phone: { ...phone, version: 2 } };
      await lane.apply(makers({ tun: {}, six: {}, net, ...next }));
      const { listened } = instanceOf('net');
      listened.length = 0;
      const joinings = instances.map((piece) => piece.joinings.length);
      const calls = old.map((piece) => piece.calls.length);
      expect(old[1]!.context.listen(0, 0, 'ip/udp/local:7')).toEqual({
        message: expect.stringContaining('on no network'),
      });
      old[1]!.context.unlisten(0, 0);
      const address = { name: 'address', value: { tag: 'text', val: 'fc64::1/114' } } as const;
      old[0]!.context.offer(0, address, true);
      for (const piece of old) piece.context.wake();
      old[0]!.bring(0, ipv6());
      old[0]!.context.status({ health: 'failed', summary: 'gone', facts: {} });
      clock = 1000;
      lane.run();
      expect(listened).toEqual([]);
      expect(instances.map((piece) => piece.joinings.length)).toEqual(joinings);
      expect(old.map((piece) => piece.calls.length)).toEqual(calls);
      expect(instanceOf('tun').taken).toEqual([]);
      expect(lane.frames.freeRows).toBe(lane.frames.rows);
      expect(JSON.stringify(lane.snapshot().pieces)).not.toContain('gone');
    },
  );

  it('takes the option `copies` from a network that had it', async () => {
    const phone = { stack: 'ip/udp/*', direction: 'down' as const, network: 'far' };
    const all = { tun: {}, six: {}, phone, other: phone, net: { stack: 'ip/udp', network: 'far' } };
    await lane.apply(makers(all), new Map([['far', { copies: true }]]));
    const listen = (name: string, port: number) =>
      instanceOf(name).context.listen(0, 0, `ip/udp/local:${port}`);
    expect([listen('phone', 7), listen('other', 7)]).toEqual([1, 1]);
    instanceOf('other').context.unlisten(0, 1);
    await lane.apply(makers(all));
    expect(listen('other', 8)).toBe(1);
    expect(listen('phone', 8)).toEqual({ message: expect.stringContaining('is taken by piece other') });
  });

  it('keeps no network on which no Edge is left', async () => {
    const changed = vi.spyOn(LaneState.prototype, 'topologyChanged');
    const stateOf = () => changed.mock.contexts.at(-1) as LaneState;
    try {
      for (let n = 0; n < 5; n++) {
        const at = { network: `network-${n}` };
        await lane.apply(makers({ tun: at, six: at }));
        // Once more, with Edges that stay.
        await lane.apply(makers({ tun: at, six: at, cap: { ...at, stack: 'ipv6/udp' } }));
        expect([...stateOf().joints.keys()]).toEqual([`network-${n}`]);
      }
      await lane.apply([]);
      const { joints, seats } = stateOf();
      expect([joints.size, seats.length]).toEqual([0, 0]);
    } finally {
      changed.mockRestore();
    }
  });

  it('shows each new piece the native ones that end with the change, for it to take over what they have', async () => {
    const part = (kind: 'native' | 'component') => (each: PieceMaker) => ({ ...each, kind });
    const component = (sketch: Sketch) => makers(sketch).map(part('component'));
    const web = { stack: 'ipv6/tcp' };
    await lane.apply([...makers({ tun: {}, six: {}, cap: { stack: 'ipv6/udp' } }), ...component({ web })]);
    const old = [instanceOf('six'), instanceOf('cap')];
    const shown: unknown[] = [];
    const next = makers({ tun: {}, six: { version: 2 }, dns: { stack: 'ipv6/udp' } }).map((each) => ({
      ...each,
      make: async (...given: Parameters<PieceMaker['make']>) =>
        Object.assign(await each.make(...given), {
          succeed: (retiring: readonly Piece[]) => shown.push([each.place.name, retiring]),
        }),
    }));
    await lane.apply([...next, ...component({ web: { ...web, version: 2 } })]);
    expect(shown).toEqual([
      ['six', old],
      ['dns', old],
    ]);
  });

  it.each([
    ['start', ['start', 'start', 'start']],
    ['accepts', ['start', 'start', 'start', 'accepts', 'accepts', 'accepts']],
  ] as const)('goes no further where pieces refuse it in `%s`, and asks all of them', async (step, calls) => {
    const seen: string[] = [];
    const web = { stack: 'ipv6/udp/local:80', network: 'w', direction: 'up' as const };
    const gate = { network: 'w', direction: 'down' as const, stack: 'ipv6/udp' };
    const observed = makers({
      tun: {},
      six: { version: 2, fails: step },
      web: { ...web, fails: step },
      gate,
    }).map((each) => ({
      ...each,
      make: async (...given: Parameters<PieceMaker['make']>) => {
        const piece = await each.make(...given);
        for (const call of ['start', 'accepts', 'restore', 'listening'] as const) {
          const own = piece[call].bind(piece) as (...all: unknown[]) => never;
          const observe = (...all: unknown[]) => {
            seen.push(call);
            return own(...all);
          };
          Object.assign(piece, { [call]: observe });
        }
        return piece;
      },
    }));
    const error = await lane.apply(observed).catch((caught) => caught);
    expect(error.mistakes.map(({ piece }: { piece: string }) => piece)).toEqual(['six', 'web']);
    expect(seen).toEqual(calls);
  });

  it.each([false, true])(
    'shows in the call monitor which piece it calls while it is prepared (start waits: %s)',
    async (waitsInStart) => {
      lane.close();
      const callMonitor = new CallMonitor();
      const reader = new CallMonitorReader(callMonitor.memory);
      lane = new Lane({ protocols, now: () => clock, callMonitor });
      await lane.start(makers({ tun: {}, six: {} }));
      const seen: unknown[] = [];
      const web = { stack: 'ipv6/udp/local:80', network: 'w', direction: 'up' as const };
      const gate = { network: 'w', direction: 'down' as const, stack: 'ipv6/udp' };
      const observed = makers({ tun: {}, six: { version: 2 }, web, gate }).map((each) => ({
        ...each,
        make: async (...given: Parameters<PieceMaker['make']>) => {
          const piece = await each.make(...given);
          if (each.place.name === 'web') return piece;
          for (const call of ['start', 'accepts', 'listening', 'restore', 'close'] as const) {
            const own = piece[call].bind(piece) as (...all: unknown[]) => never;
            const observe = (...all: unknown[]) => {
              seen.push([call, reader.piece, reader.isSeated]);
              return own(...all);
            };
            Object.assign(piece, { [call]: observe, waitsInStart });
          }
          return piece;
        },
      }));
      await lane.apply(observed);
      const starts = (name: string) => (waitsInStart ? ['start', undefined, false] : ['start', name, false]);
      expect(seen).toEqual([
        starts('six'),
        starts('gate'),
        ['accepts', 'six', false],
        ['accepts', 'gate', false],
        ['listening', 'six', false],
        ['listening', 'gate', false],
        ['restore', 'six', false],
      ]);
    },
  );

  it.each([
    ['native', [[1, 'ipv6/udp/local:80', false]]],
    ['component', []],
  ] as const)('closes what a %s piece that stays has open on an Edge that leaves', async (kind, closed) => {
    const web = { stack: 'ipv6/udp/local:80', network: 'w', direction: 'up' as const };
    const gate = {
      stacks: ['ipv6/udp'],
      edges: ['a', 'b'],
      networks: ['lan', 'w'],
      direction: 'down' as const,
    };
    const pieces = (sketch: Sketch) =>
      makers({ six: { stack: 'ipv6/udp' }, web, ...sketch }).map((each) =>
        each.place.name === 'gate' ? { ...each, kind } : each,
      );
    await lane.apply(pieces({ gate }));
    const { listened } = instanceOf('gate');
    expect(listened).toContainEqual([1, 'ipv6/udp/local:80', true]);
    listened.length = 0;
    const mate = { ...web, stack: 'ipv6/udp', direction: 'down' as const };
    await lane.apply(pieces({ gate: { ...gate, networks: ['lan'] }, mate }));
    expect(listened).toEqual(closed);
  });

  it('hands over no state of a piece that has failed, or that is another one under the same name', async () => {
    const saves = () => instances.reduce((sum, piece) => sum + piece.saves, 0);
    instanceOf('six').state = Uint8Array.of(1, 2, 3);
    await lane.apply(makers({ tun: {}, six: { version: 2, description: 'seven' } }));
    expect([saves(), instanceOf('six').restored]).toEqual([0, []]);
    instanceOf('six').onProcess = () => {
      throw new PieceFault('FT_FAULT_TRAP', 'unreachable');
    };
    instanceOf('tun').bring(0, ipv6());
    await lane.apply(makers({ tun: {}, six: { version: 3, description: 'seven' } }));
    expect([saves(), instanceOf('six').restored]).toEqual([0, []]);
    instanceOf('six').state = Uint8Array.of(4);
    await lane.apply(makers({ tun: {}, six: { version: 4, description: 'seven' } }));
    expect([saves(), instanceOf('six').restored]).toEqual([1, [Uint8Array.of(4)]]);
    expect(lane.snapshot().pieces[1]!.state).toBe('running');
  });

  it('calls a piece that stays and has failed for nothing', async () => {
    const six = instanceOf('six');
    six.onProcess = () => {
      throw new PieceFault('FT_FAULT_TRAP', 'unreachable');
    };
    instanceOf('tun').bring(0, ipv6());
    const calls = six.calls.length;
    await lane.apply(
      makers({ tun: {}, cap: {}, six: { network: 'far' }, gate: { network: 'far', direction: 'down' } }),
    );
    expect([six.left, six.calls.length, six.saves]).toEqual([[], calls, 0]);
    expect(lane.snapshot().pieces.map(({ state }) => state)).toContain('failed');
  });

  it('leaves a Shape that nothing matches any more, and keeps the others of its Edge', async () => {
    const both = { stacks: ['ipv4', 'ipv6/udp'] };
    await lane.apply(makers({ tun: {}, both }));
    const piece = instanceOf('both');
    instanceOf('tun').bring(0, ipv4(), ipv6(udp(1, 2)));
    expect(piece.taken.map(({ shape }) => shape)).toEqual([0, 1]);
    await lane.apply(makers({ tun: { version: 2, stack: 'ipv6' }, both }));
    expect(instanceOf('both')).toBe(piece);
    expect(piece.left).toEqual(['0/0']);
    instanceOf('tun').bring(0, ipv6(udp(1, 2)));
    expect(piece.taken).toHaveLength(3);
    piece.bring(0, ipv4());
    expect(lane.snapshot().pieces[1]!.reasons).toMatchObject([{ name: 'no-match', frames: 1 }]);
    await lane.apply(makers({ tun: { version: 3 }, both }));
    instanceOf('tun').bring(0, ipv4());
    expect(piece.taken.at(-1)!.shape).toBe(0);
  });

  it('takes an Edge off a piece that stays: what it sends there is not joined, and what waits has ended', async () => {
    const both = { stacks: ['ip'], edges: ['a', 'b'], networks: ['lan', 'far'] };
    const far = { direction: 'down' as const, network: 'far' };
    await lane.apply(makers({ tun: {}, both, far }));
    const piece = instanceOf('both');
    piece.takes = 0;
    instanceOf('far').bring(0, ...Array.from({ length: 300 }, () => ipv6()));
    await lane.apply(makers({ tun: {}, both: { ...both, networks: ['lan'] } }));
    expect(instanceOf('both')).toBe(piece);
    // A batch of 256 was on its way into the piece already.
    expect(lane.snapshot().pieces[1]).toMatchObject({
      waiting: 256,
      reasons: [{ name: 'removed', frames: 44, loss: true }],
    });
    piece.takes = Infinity;
    piece.bring(1, ipv6());
    expect(lane.snapshot().pieces[1]!.reasons).toContainEqual(
      expect.objectContaining({ name: 'not-joined', frames: 1 }),
    );
    expect(piece.context.listen(1, 0, 'ip')).toEqual({
      message: expect.stringMatching(/Edge 1, Shape 0: .*not joined/),
    });
    piece.bring(0, ipv6());
    expect(instanceOf('tun').taken).toHaveLength(1);
  });

  it.each([
    ['another stack', {}, { stack: 'ipv6/udp' }, [false, true]],
    [
      'another direction',
      { direction: 'up' as const, version: 2 },
      { direction: 'down' as const },
      [true, true],
    ],
    ['the same Shape', {}, {}, [true, true]],
  ])('gives a successor with %s the frames of its own Shape only', async (_, tun, six, taken) => {
    await lane.apply(makers({ tun, six: { version: 2, ...six } }));
    for (const [n, packet] of [ipv6(), ipv6(udp(1, 2))].entries()) {
      const before = instanceOf('six').taken.length;
      instanceOf('tun').bring(0, packet);
      expect(instanceOf('six').taken.length - before).toBe(taken[n] ? 1 : 0);
    }
    // And again, when the tags have changed hands once more.
    await lane.apply(makers({ tun, six: { version: 3, ...six } }));
    instanceOf('tun').bring(0, ipv6(udp(1, 2)));
    expect(instanceOf('six').taken).toHaveLength(1);
    await lane.apply(makers({ tun, gate: { ...six } }));
    instanceOf('tun').bring(0, ipv6(udp(1, 2)));
    expect(instanceOf('gate').taken).toHaveLength(1);
  });

  it('closes replaced pieces while frames flow, and those that hold frames at once', async () => {
    const component = (made: PieceMaker[]) =>
      made.map((each) => (each.place.name === 'tun' ? each : { ...each, kind: 'component' as const }));
    const pieces = { tun: {}, six: {}, web: { stack: 'ipv6/tcp' }, dns: { stack: 'ipv6/udp' } };
    await lane.apply(component(makers(pieces)));
    const [six, web, dns] = ['six', 'web', 'dns'].map(instanceOf);
    web!.held = 1;
    let isOver = false;
    const closed: number[][] = [];
    const versions = { six: { version: 2 }, web: { version: 2, stack: 'ipv6/tcp' } };
    const changing = lane
      .apply(component(makers({ tun: {}, ...versions, dns: { version: 2, stack: 'ipv6/udp' } })))
      .then(() => {
        isOver = true;
      });
    while (!isOver) {
      await new Promise((resolve) => setImmediate(resolve));
      instanceOf('tun').bring(0, ipv6());
      closed.push([six!, web!, dns!].map(({ closes }) => closes));
    }
    await changing;
    expect(closed).toContainEqual([0, 1, 0]);
    expect([six!, web!, dns!].map(({ closes }) => closes)).toEqual([1, 1, 1]);
    expect(instances.reduce((sum, { taken }) => sum + taken.length, 0)).toBe(closed.length);
  });

  it('leaves nothing open when the lane is closed during the clean-up', async () => {
    const component = (made: PieceMaker[]) =>
      made.map((each) => (each.place.name === 'tun' ? each : { ...each, kind: 'component' as const }));
    await lane.apply(component(makers({ tun: {}, six: {}, dns: { stack: 'ipv6/udp' } })));
    const changing = lane.apply(
      component(makers({ tun: {}, six: { version: 2 }, dns: { version: 2, stack: 'ipv6/udp' } })),
    );
    const isCommitted = () => instances.at(-1)!.joinings.length > 0 && instances.at(-2)!.joinings.length > 0;
    const count = instances.length + 2;
    while (instances.length < count || !isCommitted()) await new Promise((resolve) => setImmediate(resolve));
    expect(instances.slice(-4).map(({ closes }) => closes)).toEqual([0, 0, 0, 0]);
    lane.close();
    await changing;
    expect(instances.slice(-4).map(({ closes }) => closes)).toEqual([1, 1, 1, 1]);
  });

  it.each(['make', 'start', 'accepts', 'listening'] as const)(
    'that is refused in `%s`, however often, leaves a name in the call monitor for the next piece',
    async (step) => {
      lane.close();
      // A monitor with as many names left as the pieces of this test need.
      const callMonitor = new CallMonitor();
      while (callMonitor.claim('taken') > 0);
      for (const slot of [1, 2, 3, 4]) callMonitor.release(slot);
      lane = new Lane({ protocols, now: () => clock, callMonitor });
      await lane.start(makers({ tun: {}, six: {} }));
      const web = { stack: 'ipv6/udp/local:80', network: 'w', direction: 'up' as const };
      const gate = { network: 'w', direction: 'down' as const, stack: 'ipv6/udp' };
      for (let n = 0; n < 5; n++)
        await expect(
          lane.apply(makers({ tun: {}, six: {}, web, gate: { ...gate, fails: step } })),
        ).rejects.toThrow();
      for (let n = 0; n < 5; n++) {
        await lane.apply(makers({ tun: {}, six: {}, web, gate }));
        const slots = lane.snapshot().pieces.length;
        expect(slots).toBe(4);
        await lane.apply(makers({ tun: {}, six: {} }));
      }
      await lane.apply(makers({ tun: {}, six: {}, web, gate }));
      const running: (string | undefined)[] = [];
      const reader = new CallMonitorReader(callMonitor.memory);
      for (const name of ['web', 'gate']) instanceOf(name).onProcess = () => running.push(reader.piece);
      for (const name of ['web', 'gate']) instanceOf(name).context.wake();
      lane.run();
      expect(running).toEqual(['web', 'gate']);
    },
  );

  it('names the piece and the setting where the operating system refuses it, and passes on other errors', async () => {
    const starting = (error: Error) =>
      makers({ tun: {}, six: {}, cap: { stack: 'ipv6/udp' } }).map((each) => ({
        ...each,
        make: async (...given: Parameters<PieceMaker['make']>) =>
          Object.assign(await each.make(...given), {
            start: () => {
              throw error;
            },
          }),
      }));
    const busy = Object.assign(new FunnelError('FT_PORT_BUSY', 'port 53 is in use'), { setting: 'port' });
    const refused: PuzzleError = await lane.apply(starting(busy)).catch((error) => error);
    expect(refused).toBeInstanceOf(PuzzleError);
    expect(refused.mistakes).toEqual([
      { code: 'FT_PORT_BUSY', piece: 'cap', message: 'port 53 is in use', setting: 'port' },
    ]);
    const wrong = new TypeError('a mistake of the host');
    await expect(lane.apply(starting(wrong))).rejects.toBe(wrong);
  });

  it.each([{ setting: 'device' }, {}])(
    'reports the problems of a piece that does not start, with %j',
    async (more) => {
      const starting = makers({ tun: {}, six: {}, cap: { stack: 'ipv6/udp' } }).map((each) => ({
        ...each,
        make: async (...given: Parameters<PieceMaker['make']>) => {
          const piece = (await each.make(...given)) as ScriptedPiece;
          if (each.place.name === 'cap') piece.problems = [{ message: 'no device', ...more }];
          return piece;
        },
      }));
      const refused: PuzzleError = await lane.apply(starting).catch((error) => error);
      expect(refused.mistakes).toStrictEqual([
        { code: 'FT_PIECE_START', piece: 'cap', message: 'no device', ...more },
      ]);
    },
  );

  it('leaves a replaced piece its name in the call monitor', async () => {
    lane.close();
    const callMonitor = new CallMonitor();
    lane = new Lane({ protocols, now: () => clock, callMonitor });
    await lane.start(makers({ tun: {}, six: {} }));
    await lane.apply(makers({ tun: {}, six: { version: 2 } }));
    await lane.apply(makers({ tun: {}, six: { version: 2 }, web: { stack: 'ipv6/udp/local:80' } }));
    const reader = new CallMonitorReader(callMonitor.memory);
    const running: (string | undefined)[] = [];
    for (const name of ['six', 'web']) {
      instanceOf(name).onProcess = () => running.push(reader.piece);
      instanceOf(name).context.wake();
    }
    lane.run();
    expect(running).toEqual(['six', 'web']);
  });

  it('loses and duplicates nothing in hundreds of random changes under traffic, one in four of which fails', async () => {
    const piece = fc.record({
      network: fc.constantFrom('lan', 'far'),
      version: fc.nat(2),
      stack: fc.constantFrom('ipv6/udp', 'ipv6/udp/local:7', 'ipv6/tcp'),
    });
    const change = fc.record({
      tun: fc.record({ version: fc.nat(1) }),
      others: fc.dictionary(fc.constantFrom('a', 'b', 'c'), piece),
      fails: fc.oneof(
        { weight: 3, arbitrary: fc.constant(null) },
        fc.constantFrom('make' as const, 'start' as const, 'accepts' as const),
      ),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 12 }), async (changes) => {
        lane.close();
        instances = [];
        lane = new Lane({
          frames: new Frames({ smallRows: 512, largeRows: 2 }),
          protocols,
          now: () => clock,
        });
        await lane.start(makers({ tun: {}, six: {} }));
        let sent = 0;
        for (const { tun, others, fails } of changes) {
          const sketch: Sketch = { tun, six: {} };
          for (const [name, options] of Object.entries(others))
            sketch[name] = { ...options, ...(fails ? { fails } : {}) };
          const before = JSON.stringify(lane.snapshot().pieces);
          const current = instances.filter((each) => each.closes === 0);
          const applied = lane.apply(makers(sketch)).then(
            () => true,
            () => false,
          );
          const whileWaiting = JSON.stringify(lane.snapshot().pieces);
          expect(whileWaiting).toBe(before);
          for (let n = 0; n < 3; n++) instanceOf('tun').bring(0, numbered(sent++));
          if (!(await applied)) expect(instances.filter((each) => each.closes === 0)).toEqual(current);
          for (let n = 0; n < 3; n++) instanceOf('tun').bring(0, numbered(sent++));
          expect(accounted()).toBe(sent);
        }
        const numbers = instances.flatMap((each) => each.taken.map(({ bytes }) => bytes.slice(-4).join()));
        expect(new Set(numbers).size).toBe(numbers.length);
      }),
      { numRuns: 60 },
    );
  });
});

/** The number of frames that arrived, ended under a name, or wait. */
function accounted(): number {
  const taken = instances.reduce((sum, piece) => sum + piece.taken.length, 0);
  const pieces = lane.snapshot().pieces;
  const ended = pieces.flatMap((piece) => piece.reasons).reduce((sum, reason) => sum + reason.frames, 0);
  return taken + ended + pieces.reduce((sum, piece) => sum + piece.waiting, 0);
}

interface Options {
  version?: number;
  network?: string;
  stack?: string;
  direction?: 'up' | 'down';
  fails?: 'make' | 'start' | 'accepts' | 'listening' | 'restore';
  offers?: Parameters<ScriptedPiece['context']['offer']>[1];
  /** The name in its description; that of the piece by default. */
  description?: string;
  /** The Shapes of each Edge, in place of `stack`. */
  stacks?: string[];
  /** Its Edges and their networks, in place of `net` and `network`. */
  edges?: string[];
  networks?: string[];
}

type Sketch = Record<string, Options>;

function makers(sketch: Sketch): PieceMaker[] {
  return Object.entries(sketch).map(([name, options]) => {
    const { version = 1, network = 'lan', fails, offers } = options;
    const direction = options.direction ?? (name === 'tun' ? 'down' : 'up');
    const stack = options.stack ?? (name === 'tun' ? 'ip' : 'ipv6');
    const { stacks = [stack], edges = ['net'], networks = [network] } = options;
    const described = describePiece(options.description ?? name, stack, direction);
    const [shape] = described.edges[0]!.shapes;
    const shapes = stacks.map((each) => ({ ...shape!, stack: each }));
    const description = {
      ...described,
      version: `${version}.0.0`,
      edges: edges.map((each) => ({ ...described.edges[0]!, name: each, optional: true, shapes })),
    };
    const joined = edges.flatMap((each, n) =>
      networks[n] === undefined ? [] : [[each, [networks[n]]] as const],
    );
    return {
      place: { name, description, edges: new Map(joined) },
      kind: 'native' as const,
      failure: 'closed' as const,
      identity: JSON.stringify({ ...options, network: undefined, networks: undefined }),
      make: (context, frames) => {
        if (fails === 'make') throw new PuzzleError([{ code: 'FT_TEST', message: 'cannot be made' }]);
        const piece = new ScriptedPiece(description, context, frames, protocols);
        instances.push(piece);
        if (fails === 'start') piece.problems.push({ message: 'does not start' });
        if (fails === 'accepts') piece.refusal = { message: 'does not accept' };
        if (fails === 'listening') piece.listenRefusal = { message: 'does not open' };
        if (fails === 'restore') piece.restoreRefusal = { message: 'does not restore' };
        if (offers !== undefined) {
          piece.onProcess = () => {
            context.offer(0, offers, true);
          };
        }
        return piece as Piece;
      },
    };
  });
}

/** Returns the instance in a seat: the newest that is not closed. */
function instanceOf(name: string): ScriptedPiece {
  return instances.findLast((piece) => piece.context.name === name && piece.closes === 0)!;
}

function numbered(n: number): number[] {
  const packet = ipv6();
  packet.splice(36, 4, n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255);
  return packet;
}
