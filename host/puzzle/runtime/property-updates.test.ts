import { afterEach, expect, it } from 'vitest';
import type { Property } from '../../../abi/host/contract.ts';
import { Protocols } from '../../stack/protocols.ts';
import { Lane } from '../lane.ts';
import type { PieceMaker } from '../plan/piece-maker.ts';
import { propertyText } from '../plan/properties.ts';
import { checkForLeaks } from '../testing/leak-check.ts';
import { samplePlace } from '../testing/sample-place.ts';
import { ipv6, ScriptedPiece } from '../testing/scripted-piece.ts';

checkForLeaks();

const protocols = new Protocols();
const pieces = new Map<string, ScriptedPiece>();
let lane: Lane;

afterEach(() => lane.close());

it('each piece gets the settled properties, also from behind others, and the offers of its neighbours', async () => {
  lane = new Lane({ protocols, now: () => 1000 });
  await lane.start([
    maker('user', { e: ['ipv6 down desired reliable'] }, { e: 'lan' }),
    maker('tunnel', { in: ['ipv6 up'], out: ['ipv4/udp down'] }, { in: 'lan', out: 'wan' }, [
      '0/0 1/0 +28 keeps size',
    ]),
    maker('socket', { e: ['ip/udp up available size at-most 1500'] }, { e: 'wan' }),
  ]);
  expect(reportedTo('user')).toEqual([['size at most 1472']]);
  pieces.get('tunnel')!.context.offer(0, { name: 'mtu', value: { tag: 'at-most', val: 1280n } }, true);
  pieces.get('tunnel')!.context.wake();
  await new Promise((resolve) => setImmediate(resolve));
  expect(reportedTo('user').at(-1)).toEqual(['size at most 1472', 'mtu at most 1280']);
});

it('pieces that stay are notified when a change elsewhere alters their properties, and no others', async () => {
  const fixed = [
    maker('user', { e: ['ipv6 down'] }, { e: 'lan' }),
    maker('tunnel', { in: ['ipv6 up'], out: ['ipv4/udp down'] }, { in: 'lan', out: 'wan' }, [
      '0/0 1/0 keeps size',
    ]),
    maker('other', { e: ['arp down'] }, { e: 'far' }),
    maker('answer', { e: ['arp up'] }, { e: 'far' }),
  ];
  const socket = (size: number) =>
    maker(`socket${size}`, { e: [`ip/udp up available size at-most ${size}`] }, { e: 'wan' });
  lane = new Lane({ protocols, now: () => 1000 });
  await lane.start([...fixed, socket(1500)]);
  const user = pieces.get('user');
  await lane.apply([...fixed, socket(900)]);
  expect(pieces.get('user')).toBe(user);
  expect(reportedTo('user')).toEqual([['size at most 1500'], ['size at most 900']]);
  expect(reportedTo('other')).toEqual([[]]);
});

it('a piece that stays is notified of its new properties before its next call', async () => {
  const user = maker('user', { e: ['ip down'] }, { e: 'lan' });
  const socket = (size: number) =>
    maker(`s${size}`, { e: [`ip up available size at-most ${size}`] }, { e: 'lan' });
  let clock = 0;
  lane = new Lane({ protocols, now: () => clock });
  await lane.start([user, socket(1500)]);
  const piece = pieces.get('user')!;
  // It is called again and again, for a frame that it never takes.
  piece.takes = 0;
  const calls: [number, boolean][] = [];
  piece.onProcess = () => {
    clock += 4;
    calls.push([piece.joinings.length, pieces.has('s900') && pieces.get('s900')!.joinings.length > 0]);
  };
  pieces.get('s1500')!.bring(0, ipv6());
  await lane.apply([user, socket(900)]);
  lane.run();
  expect(calls).toContainEqual([2, true]);
  expect(calls).not.toContainEqual([1, true]);
});

it('a change asks the pieces whose network or properties it changes whether they accept that, and no others', async () => {
  const still = maker('still', { e: ['arp down'] }, { e: 'far' });
  const answer = maker('answer', { e: ['arp up'] }, { e: 'far' });
  const user = maker('user', { e: ['ip down'] }, { e: 'lan' });
  const socket = maker('socket', { e: ['ipv6 up'] }, { e: 'lan' });
  const listener = maker('listener', { e: ['ipv4 up'] }, { e: 'lan' });
  lane = new Lane({ protocols, now: () => 1000 });
  await lane.start([still, answer, user, socket]);
  pieces.get('still')!.refusal = { message: 'nothing concerns it' };
  await lane.apply([still, answer, user, socket, listener]);
  await lane.apply([still, answer, user, socket]);
  // The properties stay as they are, and another piece comes to its network.
  pieces.get('user')!.refusal = { message: 'not with this one' };
  await expect(lane.apply([still, answer, user, socket, listener])).rejects.toThrow(/not with this one/);
  pieces.get('user')!.refusal = undefined;
});

it('an offer is made once, and ends only with its own name, kind and value', async () => {
  lane = new Lane({ protocols, now: () => 1000 });
  await lane.start([
    maker('one', { e: ['ip down'] }, { e: 'lan' }),
    maker('other', { e: ['ip up'] }, { e: 'lan' }),
  ]);
  const { context } = pieces.get('one')!;
  const offers: Property[] = [
    { name: 'mtu', value: { tag: 'at-most', val: 1280n } },
    { name: 'size', value: { tag: 'at-most', val: 1280n } },
    { name: 'mtu', value: { tag: 'at-most', val: 1500n } },
    { name: 'mtu', value: { tag: 'at-least', val: 1280n } },
    { name: 'mtu', value: { tag: 'yes' } },
    { name: 'mtu', value: { tag: 'text', val: '1280' } },
    { name: 'mtu', value: { tag: 'text', val: '' } },
  ];
  const known = () => pieces.get('other')!.joinings.at(-1)!.properties;
  const change = (property: Property, present: boolean) => {
    context.offer(0, property, present);
    context.wake();
    lane.run();
  };
  for (const [n, offer] of offers.entries()) {
    change({ ...offer, value: { ...offer.value } }, true);
    change({ ...offer, value: { ...offer.value } }, true);
    expect(known()).toEqual(offers.slice(0, n + 1));
  }
  for (const n of [3, 0, 4, 1, 2, 0, 0]) {
    const [ended] = offers.splice(n, 1);
    change({ ...ended!, value: { ...ended!.value } }, false);
    expect(known()).toEqual(offers);
    change({ ...ended!, value: { ...ended!.value } }, false);
    expect(known()).toEqual(offers);
  }
});

it('many pieces with large offers cost a neighbour no more than a few, and small offers arrive', async () => {
  const HOSTILE = 60;
  const names = Array.from({ length: HOSTILE }, (_, n) => `evil${n}`);
  lane = new Lane({ protocols, now: () => 1000 });
  await lane.start(
    [
      ...names.map((name) => maker(name, { e: ['ip down'] }, { e: 'lan' })),
      maker('honest', { e: ['ip down'] }, { e: 'lan' }),
      maker('victim', { e: ['ip up'] }, { e: 'lan' }),
    ],
    new Map([['lan', { copies: true }]]),
  );
  const address = { name: 'address', value: { tag: 'text', val: 'fc64::1/64' } } as const;
  for (const name of names)
    for (let n = 0; n < 64; n++)
      pieces
        .get(name)!
        .context.offer(
          0,
          { name: 'address', value: { tag: 'text', val: `${name} ${n}`.padEnd(1000) } },
          true,
        );
  pieces.get('honest')!.context.offer(0, address, true);
  pieces.get('honest')!.context.wake();
  await new Promise((resolve) => setImmediate(resolve));
  const { properties } = pieces.get('victim')!.joinings.at(-1)!;
  const size = properties.reduce(
    (sum, { name, value }) => sum + name.length + (value.tag === 'text' ? value.val.length : 0),
    0,
  );
  expect(size).toBeLessThanOrEqual(65_536 + 1024 * 32);
  expect(properties).toContainEqual(address);
  // All have the same share, of which each uses what it can.
  for (const name of names)
    expect(
      properties.filter(({ value }) => value.tag === 'text' && value.val.startsWith(`${name} `)),
    ).toHaveLength(1);
});

it('a piece can refuse properties, and the old ones stay', async () => {
  const user = maker('user', { e: ['ip down'] }, { e: 'lan' });
  const socket = (size: number) =>
    maker(`s${size}`, { e: [`ip up available size at-most ${size}`] }, { e: 'lan' });
  lane = new Lane({ protocols, now: () => 1000 });
  await lane.start([user, socket(1500)]);
  pieces.get('user')!.refusal = { message: 'frames of 900 bytes are too small for it' };
  await expect(lane.apply([user, socket(900)])).rejects.toThrow(/user.*frames of 900 bytes are too small/);
  expect(reportedTo('user')).toEqual([['size at most 1500']]);
});

it('nothing starts where required properties do not hold', async () => {
  lane = new Lane({ protocols, now: () => 1000 });
  const makers = [
    maker('sip', { e: ['tcp/5060 down required framed'] }, { e: 'lan' }),
    maker('tcp', { e: ['tcp up'] }, { e: 'lan' }),
  ];
  pieces.clear();
  await expect(lane.start(makers)).rejects.toMatchObject({ mistakes: [{ code: 'FT_PROPERTY_CONFLICT' }] });
  expect(pieces.size).toBe(0);
});

function maker(
  name: string,
  edges: Readonly<Record<string, readonly string[]>>,
  networks: Readonly<Record<string, string>>,
  curves: readonly string[] = [],
): PieceMaker {
  const lists = Object.fromEntries(Object.entries(networks).map(([edge, network]) => [edge, [network]]));
  const place = samplePlace(name, edges, lists, { curves });
  return {
    place,
    kind: 'native',
    failure: 'closed',
    identity: name,
    make: (context, frames) => {
      const piece = new ScriptedPiece(place.description, context, frames, protocols);
      pieces.set(name, piece);
      return piece;
    },
  };
}

function reportedTo(name: string): string[][] {
  return pieces.get(name)!.joinings.map(({ properties }) => properties.map(propertyText));
}
