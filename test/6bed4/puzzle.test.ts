import { afterEach, beforeAll, expect, it } from 'vitest';
import { ComponentPiece } from '../../host/engine/component-piece.ts';
import { type LoadedComponent, loadComponent } from '../../host/engine/load-component.ts';
import { Composer } from '../../host/frame/composer.ts';
import type { Inbox } from '../../host/piece/inbox.ts';
import type { Outbox } from '../../host/piece/outbox.ts';
import { Lane } from '../../host/puzzle/lane.ts';
import type { PieceMaker } from '../../host/puzzle/plan/piece-maker.ts';
import { environmentOf, protocolsOfPuzzle } from '../../host/puzzle/runtime/component-environment.ts';
import { checkForLeaks } from '../../host/puzzle/testing/leak-check.ts';
import { describePiece, ScriptedPiece } from '../../host/puzzle/testing/scripted-piece.ts';
import { internetChecksum, pseudoHeader6 } from '../views/internet-checksum.ts';
import { builtPiece, type Settings } from './driver.ts';
import { ipv4, toHex, toIpv4 } from './packet-text.ts';
import { icmp6, tcp6, udp6 } from './packets.ts';

checkForLeaks();

// Two peers and their router in one lane, with everything of the host between them: parsing as deep as it is
// wanted, crossing by offset, composing. The network is the test's: it carries datagrams between three
// addresses.

const protocols = protocolsOfPuzzle();
const composer = new Composer(protocols);
let peer: LoadedComponent;
let router: LoadedComponent;
let lane: Lane;
let clock: number;
const ends: Record<string, ComposingPiece> = {};
const addresses = { a: '192.0.2.11', b: '192.0.2.12', router: '192.0.2.1' };
/** Whether peers reach each other, not only the router. */
let isDirect: boolean;

beforeAll(async () => {
  const grants = new Set(['log', 'random', 'listen', 'offer'] as const);
  peer = await loadComponent(builtPiece('6bed4'), { grants });
  router = await loadComponent(builtPiece('6bed4-router'), { grants });
});

afterEach(() => {
  lane.close();
  expect(lane.frames.freeRows).toBe(lane.frames.rows);
});

/** Composes frames that leave the Funnel here, as endpoints do. */
class ComposingPiece extends ScriptedPiece {
  override process(now: number, inbox: Inbox, limit: number, outbox: Outbox): number {
    for (let n = 0; n < inbox.length; n++) {
      expect(composer.finish(this.frames, inbox.rows[inbox.at(n)]!)).toBe(0);
    }
    return super.process(now, inbox, limit, outbox);
  }
}

function end(name: string, stack: string, direction: 'up' | 'down', network: string): PieceMaker {
  const description = describePiece(name, stack, direction);
  return {
    place: { name, description, edges: new Map([['net', [network]]]) },
    kind: 'native',
    failure: 'closed',
    make: (context, frames) => {
      ends[name] = new ComposingPiece(description, context, frames, protocols);
      return ends[name];
    },
  };
}

function component(
  name: string,
  loaded: LoadedComponent,
  settings: Settings,
  edges: Record<string, string>,
): PieceMaker {
  const description = loaded.describe(settings);
  if (!('edges' in description)) throw new Error(JSON.stringify(description));
  return {
    place: {
      name,
      description,
      edges: new Map(Object.entries(edges).map(([edge, network]) => [edge, [network]])),
    },
    kind: 'component',
    failure: 'closed',
    make: (context, frames) =>
      new ComponentPiece(loaded, description, settings, environmentOf(context, frames, protocols)),
  };
}

async function start(variant: string): Promise<void> {
  clock = 0;
  isDirect = true;
  lane = new Lane({ protocols, now: () => clock });
  const settings = (port: string): Settings => [
    ['router', addresses.router],
    ['port', port],
    ['variant', variant],
  ];
  await lane.start([
    end('host-a', 'ip', 'down', 'lan-a'),
    component('six-a', peer, settings('50000'), { ipv6: 'lan-a', carrier: 'wan-a' }),
    end('wan-a', 'ip/udp', 'up', 'wan-a'),
    end('host-b', 'ip', 'down', 'lan-b'),
    component('six-b', peer, settings('50002'), { ipv6: 'lan-b', carrier: 'wan-b' }),
    end('wan-b', 'ip/udp', 'up', 'wan-b'),
    end('native', 'ip', 'down', 'native'),
    component('router', router, [['address', addresses.router]], { native: 'native', carrier: 'wan-r' }),
    end('wan-r', 'ip/udp', 'up', 'wan-r'),
  ]);
  carry();
}

/**
 * Carries datagrams between the three until none is left; how many went between peers, and by way of the
 * router.
 */
function carry(): { direct: number; relayed: number } {
  const carried = { direct: 0, relayed: 0 };
  const wans = { a: ends['wan-a']!, b: ends['wan-b']!, router: ends['wan-r']! };
  for (let isQuiet = false; !isQuiet; ) {
    isQuiet = true;
    for (const [name, wan] of Object.entries(wans)) {
      for (const { bytes } of wan.taken.splice(0)) {
        isQuiet = false;
        const packet = Uint8Array.from(bytes);
        const view = new DataView(packet.buffer);
        expect(internetChecksum(packet.subarray(0, 20))).toBe(0);
        expect(view.getUint16(2)).toBe(packet.length);
        expect(view.getUint16(24)).toBe(packet.length - 20);
        // The work of the kernel: the source address, and with it the checksums, except that of UDP.
        view.setUint32(12, ipv4(addresses[name as keyof typeof addresses]));
        view.setUint16(10, 0);
        view.setUint16(10, internetChecksum(packet.subarray(0, 20)));
        view.setUint16(26, 0);
        const destination = toIpv4(view.getUint32(16));
        const to = Object.entries(addresses).find(([, address]) => address === destination)?.[0];
        if (to === undefined || (to !== 'router' && name !== 'router' && !isDirect)) continue;
        if (packet.length > 28) {
          if (name === 'router') carried.relayed++;
          else if (to !== 'router') carried.direct++;
        }
        wans[to as keyof typeof wans].bring(0, [...packet]);
      }
    }
  }
  return carried;
}

/** Lets time pass, and wakes the pieces that want it. */
function pass(ms: number): void {
  for (const until = clock + ms; clock < until; ) {
    clock += 25;
    lane.run();
    carry();
  }
}

const A = 'fc64:bed:c000:201:c000:20b:c350:1';
const B = 'fc64:bed:c000:201:c000:20c:c352:1';
const received = (name: string): string[] =>
  ends[name]!.taken.splice(0).map(({ bytes }) => toHex(Uint8Array.from(bytes)));
const lessHops = (packet: Uint8Array, hops: number): string => {
  const less = packet.slice();
  less[7]! -= hops;
  return toHex(less);
};

it('packets go by way of the router, and then directly', async () => {
  await start('plain');
  const first = [udp6(A, B, 1240), icmp6(A, B, '8000 0000 12345678 abcdef', { hops: 64 }), tcp6(A, B, 2)];
  ends['host-a']!.bring(0, ...first.map((packet) => [...packet]));
  const way = carry();
  expect(way.relayed).toBe(3);
  // The solicitation and its answer.
  expect(way.direct).toBe(2);
  expect(received('host-b')).toEqual(first.map((packet) => lessHops(packet, 3)));
  ends['host-a']!.bring(0, ...first.map((packet) => [...packet]));
  expect(carry()).toEqual({ direct: 3, relayed: 0 });
  expect(received('host-b')).toEqual(first.map((packet) => lessHops(packet, 2)));
});

it('packets pass by way of the router where peers do not reach each other', async () => {
  await start('plain');
  isDirect = false;
  for (let n = 0; n < 5; n++) {
    ends['host-a']!.bring(0, [...udp6(A, B)]);
    expect(carry()).toEqual({ direct: 0, relayed: 1 });
    pass(100);
  }
  expect(received('host-b').length).toBe(5);
});

it('a connection is direct from its first SYN on', async () => {
  await start('tcp');
  const [syn, synAck, ack] = [tcp6(A, B, 0x02), tcp6(B, A, 0x12), tcp6(A, B, 0x10)];
  ends['host-a']!.bring(0, [...syn]);
  expect(carry()).toEqual({ direct: 1, relayed: 0 });
  ends['host-b']!.bring(0, [...synAck]);
  expect(carry()).toEqual({ direct: 1, relayed: 0 });
  ends['host-a']!.bring(0, [...ack]);
  expect(carry()).toEqual({ direct: 1, relayed: 0 });
  ends['host-b']!.bring(0, [...tcp6(B, A, 0x10)]);
  expect(carry()).toEqual({ direct: 1, relayed: 0 });
  expect(received('host-b')).toEqual([lessHops(syn, 2), lessHops(ack, 2)]);
});

it('an error quotes what stayed with the host, and its checksum is right', async () => {
  await start('plain');
  const packet = udp6(A, B, 1241);
  ends['host-a']!.bring(0, [...packet]);
  const [answer] = ends['host-a']!.taken.splice(0);
  const bytes = Uint8Array.from(answer!.bytes);
  expect(bytes.length).toBe(1280);
  expect([...bytes.slice(40, 42)]).toEqual([2, 0]);
  expect(toHex(bytes.slice(48))).toBe(toHex(packet.slice(0, 1232)));
  const message = bytes.slice(40);
  const pseudo = pseudoHeader6(bytes.slice(8, 24), bytes.slice(24, 40), message.length, 58);
  expect(internetChecksum(pseudo, message)).toBe(0);
  // So does one that goes back through the tunnel.
  ends['host-a']!.bring(0, [...udp6(A, B, 500, { hops: 2 })]);
  carry();
  const [back] = ends['host-a']!.taken.splice(0);
  expect(back!.bytes.slice(40, 42)).toEqual([3, 0]);
  expect(back!.bytes.length).toBe(48 + 540);
});

it('the native network is reached, and replies', async () => {
  await start('plain');
  ends['host-a']!.bring(0, [...udp6(A, '2001:db8::1', 900)]);
  carry();
  expect(received('native')).toEqual([lessHops(udp6(A, '2001:db8::1', 900), 2)]);
  ends.native!.bring(0, [...udp6('2001:db8::1', A, 901)]);
  carry();
  expect(received('host-a')).toEqual([lessHops(udp6('2001:db8::1', A, 901), 2)]);
});
