import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Protocols } from '../../stack/protocols.ts';
import { Lane } from '../lane.ts';
import type { PieceMaker } from '../plan/piece-maker.ts';
import { checkForLeaks } from '../testing/leak-check.ts';
import { samplePlace } from '../testing/sample-place.ts';
import { ScriptedPiece } from '../testing/scripted-piece.ts';
import { DescriptorQuota } from './descriptor-quota.ts';
import type { LaneState } from './lane-state.ts';
import type { Seat } from './seat.ts';

checkForLeaks();

// Endpoints open descriptors for the ports on which pieces listen, and for the groups that they offer. Each
// honest piece gets its share, for any number of hostile pieces with any actions in any order.

const protocols = new Protocols();
const LIMIT = 1000;

/** Opens two descriptors for each port, and one for each group, as `udp` does. */
class Endpoint extends ScriptedPiece {
  descriptorsFor(stack: string): number[] {
    return portsOf(stack).flatMap((port) => [0, 1].map((family) => Number(port.slice(6)) * 2 + family));
  }

  descriptorsForOffer({ name }: { readonly name: string }): number {
    return name === 'group' ? 1 : 0;
  }

  /** The number of open descriptors, if each port is opened once. */
  get open(): number {
    const stacks = new Set<string>();
    for (const [, stack, isPresent] of this.listened) {
      if (isPresent) stacks.add(stack);
      else stacks.delete(stack);
    }
    const { properties = [] } = this.joinings.at(-1) ?? {};
    return (
      2 * new Set([...stacks].flatMap(portsOf)).size +
      properties.filter(({ name }) => name === 'group').length
    );
  }
}

function portsOf(stack: string): string[] {
  return stack.match(/local:\d+/g) ?? [];
}

const HOSTILE = ['evil', 'worse', 'worst'] as const;
const ports = (first: number, count: number) =>
  `ip/udp/{${Array.from({ length: count }, (_, n) => `local:${first + n}`)}}`;

/** Half of the rest, after each of those has half of its rest. */
const SHARE = Math.floor(LIMIT / 2 ** (HOSTILE.length + 1));

const deed = fc.record({
  who: fc.constantFrom(...HOSTILE),
  what: fc.constantFrom('listen', 'listen', 'listen', 'unlisten', 'offer', 'withdraw', 'change'),
  // There are few, so that pieces often name the same.
  first: fc.integer({ min: 0, max: 12 }).map((n) => 1 + n * 20),
  count: fc.constantFrom(2, 20, 39, 40),
});

describe('the quota of descriptors', () => {
  it('leaves each piece half of the remaining descriptors, whatever others have done', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(deed, { maxLength: 60 }), async (deeds) => {
        const instances = new Map<string, ScriptedPiece>();
        const lane = new Lane({ protocols, now: () => 1000, descriptors: LIMIT });
        try {
          await lane.start(puzzle(instances, 1), COPIES);
          const shapes = new Map<string, number[]>(HOSTILE.map((name) => [name, []]));
          for (const { who, what, first, count } of deeds) {
            const { context } = instances.get(who)!;
            const mine = shapes.get(who)!;
            if (what === 'listen') {
              const shape = context.listen(0, 0, ports(first, count));
              if (typeof shape === 'number') mine.push(shape);
              else expect(shape.message).toMatch(/descriptors/);
            } else if (what === 'unlisten') {
              const shape = mine.shift();
              if (shape !== undefined) context.unlisten(0, shape);
            } else if (what === 'change') {
              // An endpoint comes or goes, so all is charged anew.
              await lane.apply(puzzle(instances, 1 + (count % 2)), COPIES);
            } else {
              const value = { tag: 'text', val: `224.0.1.${first}:1` } as const;
              context.offer(0, { name: 'group', value }, what === 'offer');
              context.wake();
              await new Promise((resolve) => setImmediate(resolve));
            }
          }
          await lane.apply(puzzle(instances, 1), COPIES);
          const endpoint = instances.get('endpoint1') as Endpoint;
          expect(endpoint.open).toBeLessThan(LIMIT);
          // An honest piece that came last has its ports, and can use them.
          const honest = instances.get('honest')!.context;
          const shape = honest.listen(0, 0, ports(5000, SHARE / 2));
          expect(shape).toBeTypeOf('number');
          expect(endpoint.listened.at(-1)).toEqual([0, ports(5000, SHARE / 2), true]);
          honest.unlisten(0, shape as number);
          // All descriptors that were taken back are free again.
          for (const name of HOSTILE)
            for (const each of shapes.get(name)!) instances.get(name)!.context.unlisten(0, each);
          for (const name of HOSTILE)
            for (let n = 0; n < 13; n++)
              instances
                .get(name)!
                .context.offer(
                  0,
                  { name: 'group', value: { tag: 'text', val: `224.0.1.${1 + n * 20}:1` } },
                  false,
                );
          for (let n = 0; n < 6; n++)
            expect(honest.listen(0, 0, ports(6000 + n * 40, 40))).toBeTypeOf('number');
          expect(honest.listen(0, 0, ports(7000, 11))).toMatchObject({
            message: expect.stringContaining('piece honest may not have 502 descriptors'),
          });
          expect(honest.listen(0, 0, ports(7000, 10))).toBeTypeOf('number');
        } finally {
          lane.close();
        }
      }),
      { numRuns: 40 },
    );
  });

  it('is not evaded by two pieces that share ports, when one of them ceases to listen', async () => {
    const instances = new Map<string, ScriptedPiece>();
    const lane = new Lane({ protocols, now: () => 1000, descriptors: LIMIT });
    await lane.start(puzzle(instances, 1), COPIES);
    const [evil, worse] = HOSTILE.map((name) => instances.get(name)!.context);
    const endpoint = instances.get('endpoint1') as Endpoint;
    for (let n = 0; ; n++) {
      const shape = evil!.listen(0, 0, ports(1 + n * 40, 40));
      if (typeof shape !== 'number' || typeof worse!.listen(0, 0, ports(1 + n * 40, 40)) !== 'number') break;
      evil!.unlisten(0, shape);
    }
    expect(endpoint.open).toBeLessThanOrEqual((LIMIT * 3) / 4);
    lane.close();
  });

  it('charges the ports of an endpoint that comes with a change, and leaves out those above the quota', async () => {
    const instances = new Map<string, ScriptedPiece>();
    const logs: string[] = [];
    const lane = new Lane({
      protocols,
      now: () => 1000,
      descriptors: LIMIT,
      onLog: ({ message }) => logs.push(message),
    });
    await lane.start(puzzle(instances, 1), COPIES);
    const { context } = instances.get('evil')!;
    for (let n = 0; n < 6; n++) expect(context.listen(0, 0, ports(1 + n * 40, 40))).toBeTypeOf('number');
    // Its second endpoint is a component here, which a change does not ask before its commit.
    await lane.apply(puzzle(instances, 2, 'component'), COPIES);
    const opened = (instances.get('endpoint2') as Endpoint).listened.filter(([, , isOpen]) => isOpen);
    expect(opened).toEqual(ALL.map((stack) => [0, stack, true]));
    expect(logs.filter((message) => message.includes('cannot carry'))).toHaveLength(6);
    expect((instances.get('endpoint1') as Endpoint).open).toBe(480);
    // Only opened ports are closed there.
    await lane.apply(puzzle(instances, 1), COPIES);
    expect((instances.get('endpoint2') as Endpoint).listened).toEqual(opened);
    lane.close();
  });

  it('counts a port once that several stacks of a piece name, until the last has ended', async () => {
    const instances = new Map<string, ScriptedPiece>();
    const lane = new Lane({ protocols, now: () => 1000, descriptors: 100 });
    try {
      await lane.start(puzzle(instances, 1), COPIES);
      const { context } = instances.get('honest')!;
      const shapes = Array.from({ length: 10 }, (_, n) => context.listen(0, 0, ports(5000, 15 + n)));
      expect(shapes.every((shape) => typeof shape === 'number')).toBe(true);
      // Of 100, 48 are for the 24 ports that the longest names.
      expect(context.listen(0, 0, ports(5000, 26))).toMatchObject({ message: expect.stringContaining('52') });
      for (const shape of shapes.slice(0, -1)) context.unlisten(0, shape as number);
      expect(context.listen(0, 0, ports(6000, 2))).toMatchObject({ message: expect.stringContaining('52') });
      context.unlisten(0, shapes.at(-1) as number);
      expect(context.listen(0, 0, ports(6000, 25))).toBeTypeOf('number');
    } finally {
      lane.close();
    }
  });

  it('counts a port of several carriers once for each of them', async () => {
    const instances = new Map<string, ScriptedPiece>();
    const lane = new Lane({ protocols, now: () => 1000, descriptors: 100 });
    const over = (carriers: string, first: number, count: number) =>
      ports(first, count).replace('udp', carriers);
    try {
      await lane.start(
        [
          maker(instances, 'over-udp', 'ip/udp up', Endpoint),
          maker(instances, 'over-tcp', 'ip/tcp up', Endpoint),
          maker(instances, 'both', 'ip/{tcp,udp}/* down', ScriptedPiece),
          maker(instances, 'honest', 'ip/udp/* down', ScriptedPiece),
        ],
        COPIES,
      );
      const { context } = instances.get('both')!;
      expect(context.listen(0, 0, over('{tcp,udp}', 1, 13))).toMatchObject({
        message: expect.stringContaining('52'),
      });
      const shape = context.listen(0, 0, over('{tcp,udp}', 1, 12));
      expect(shape).toBeTypeOf('number');
      const open = () => ['over-udp', 'over-tcp'].map((name) => (instances.get(name) as Endpoint).open);
      expect(open()).toEqual([24, 24]);
      // Nothing more for this piece, and half of the rest for another.
      expect(context.listen(0, 0, over('tcp', 100, 2))).toMatchObject({
        message: expect.stringContaining('52'),
      });
      const { context: other } = instances.get('honest')!;
      expect(other.listen(0, 0, ports(200, 14))).toMatchObject({ message: expect.stringContaining('28') });
      expect(other.listen(0, 0, ports(200, 13))).toBeTypeOf('number');
      context.unlisten(0, shape as number);
      expect(open()).toEqual([26, 0]);
    } finally {
      lane.close();
    }
  });
});

const ALL = ['ip/udp/*'];
const COPIES = new Map([['a', { copies: true }]]);

function puzzle(
  instances: Map<string, ScriptedPiece>,
  endpoints: number,
  kind: 'native' | 'component' = 'native',
): PieceMaker[] {
  return [
    ...Array.from({ length: endpoints }, (_, n) => {
      const name = `endpoint${n + 1}`;
      return maker(instances, name, 'ip/udp up', Endpoint, name === 'endpoint2' ? kind : 'native');
    }),
    ...[...HOSTILE, 'honest'].map((name) => maker(instances, name, 'ip/udp/* down', ScriptedPiece)),
  ];
}

function maker(
  instances: Map<string, ScriptedPiece>,
  name: string,
  shape: string,
  Kind: typeof ScriptedPiece,
  kind: 'native' | 'component' = 'native',
): PieceMaker {
  const place = samplePlace(name, { net: [shape] }, { net: ['a'] });
  return {
    place,
    kind,
    failure: 'closed',
    identity: name,
    make: (context, frames) => {
      const piece = new Kind(place.description, context, frames, protocols);
      instances.set(name, piece);
      return piece;
    },
  };
}

it('offers have a price at each endpoint, and count for the piece that makes them', () => {
  const offer = { name: 'group', value: { tag: 'yes' } } as const;
  const seatOf = (name: string, offers: number, price: number) =>
    ({
      name,
      members: [undefined, { offers: Array(offers).fill(offer) }],
      piece: { descriptorsForOffer: () => price },
    }) as unknown as Seat;
  const [a, b] = [seatOf('a', 2, 1), seatOf('b', 1, 2)];
  const refusal = (limit: number) => {
    const quota = new DescriptorQuota({ seats: [a, b] } as unknown as LaneState, limit);
    expect(quota.priceOfOffer(offer)).toBe(3);
    return quota.refusal(a!, [], 3);
  };
  // The two have 6 and 3 already, and with 3 more, `a` has 9: as many must remain for the others.
  expect(refusal(21)).toBeUndefined();
  expect(refusal(20)).toMatch(/piece a may not have 9 descriptors .* that leaves 8 to all other pieces/);
});
