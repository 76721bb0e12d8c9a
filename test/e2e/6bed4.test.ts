import { describe, expect } from 'vitest';
import { endedFor, framesAt } from '../net/funnel-process.ts';
import { labTest } from '../net/lab-test.ts';
import { NatBox } from '../net/nat-box.ts';
import { ping, pingUntilAnswered } from '../net/ping.ts';
import { transfer } from '../net/transfer.ts';
import { echoRequest, sendUdp } from './forged-packet.ts';
import { eventually, ROUTER, SixNetwork } from './six-network.ts';

const MEGABYTE = 1_000_000;

describe('between hosts that cannot reach each other in IPv4', () => {
  labTest('ping and TCP go by way of the router', async ({ lab }) => {
    const network = await SixNetwork.open(lab);
    const [hostA, hostB] = [await network.host('a', 11), await network.host('b', 12)];
    await network.segment.isolate(hostA, true);
    await network.segment.isolate(hostB, true);
    const [a, b] = [await network.startPeer(hostA), await network.startPeer(hostB)];
    const address = await b.address();
    await pingUntilAnswered(hostA, address);
    const before = await network.relayed();
    expect(await ping(hostA, address, { count: 10 })).toMatchObject({ sent: 10, received: 10 });
    const there = await transfer(hostA, hostB, address, 4 * MEGABYTE);
    expect(there.receivedSha256).toBe(there.sentSha256);
    const back = await transfer(hostB, hostA, await a.address(), 4 * MEGABYTE);
    expect(back.receivedSha256).toBe(back.sentSha256);
    // 8 MB in packets of at most 1280 bytes.
    expect((await network.relayed()) - before).toBeGreaterThan((8 * MEGABYTE) / 1280);
  });

  labTest('a packet of 1280 bytes crosses an IPv4 path of 576', async ({ lab }) => {
    const network = await SixNetwork.open(lab);
    const [hostA, hostB] = [await network.host('a', 11), await network.host('b', 12)];
    await hostA.ip('link', 'set', 'eth0', 'mtu', '576');
    await hostB.ip('link', 'set', 'eth0', 'mtu', '576');
    await network.router.ip('link', 'set', 'eth0', 'mtu', '576');
    await network.startPeer(hostA);
    const b = await network.startPeer(hostB);
    await pingUntilAnswered(hostA, await b.address());
    // 8 bytes of ICMPv6 and 40 of IPv6 come on top.
    expect(await ping(hostA, await b.address(), { size: 1280 - 48 })).toMatchObject({ received: 5 });
  });
});

describe('direct peering', () => {
  labTest('is found, and used while the router stands still', async ({ lab }) => {
    const network = await SixNetwork.open(lab);
    const [a, b] = [
      await network.startPeer(await network.host('a', 11)),
      await network.startPeer(await network.host('b', 12)),
    ];
    await network.untilDirect(a, b);
    const before = await network.relayed();
    const sentBefore = framesAt(await a.funnel.snapshot(), 'six', 'carrier').out;
    expect(await ping(a.host, await b.address())).toMatchObject({ received: 5 });
    const sent = await transfer(a.host, b.host, await b.address(), 4 * MEGABYTE);
    expect(sent.receivedSha256).toBe(sent.sentSha256);
    expect(await network.relayed()).toBe(before);
    const sentAfter = framesAt(await a.funnel.snapshot(), 'six', 'carrier').out;
    expect(sentAfter - sentBefore).toBeGreaterThan((4 * MEGABYTE) / 1280);
  });

  labTest(
    'falls back to the router when the direct path goes',
    async ({ lab }) => {
      const network = await SixNetwork.open(lab);
      const [a, b] = [
        await network.startPeer(await network.host('a', 11)),
        await network.startPeer(await network.host('b', 12)),
      ];
      await network.untilDirect(a, b);
      await network.segment.isolate(a.host, true);
      await network.segment.isolate(b.host, true);
      await eventually(200_000, 'answers by way of the router', async () => {
        return (await ping(a.host, await b.address(), { count: 3, patienceSeconds: 1 })).received === 3;
      });
    },
    400_000,
  );

  labTest('begins with the first SYN of a connection, in the variant for TCP', async ({ lab }) => {
    const network = await SixNetwork.open(lab);
    const [hostA, hostB] = [await network.host('a', 11), await network.host('b', 12)];
    // The trial has 150 ms, which a busy machine may miss; then all goes by way of the router for half a
    // minute. A host that never saw the other begins another trial, and without one even the first packet
    // would go by the router.
    for (let tries = 0; ; tries++) {
      const a = await network.startPeer(hostA, { variant: 'tcp' });
      const b = await network.startPeer(hostB, { variant: 'tcp' });
      const before = await network.relayed();
      const sent = await transfer(hostA, hostB, await b.address(), MEGABYTE);
      expect(sent.receivedSha256).toBe(sent.sentSha256);
      const relayed = (await network.relayed()) - before;
      if (relayed === 0) break;
      expect(tries, `${relayed} frames went by way of the router`).toBeLessThan(5);
      await a.funnel.stop();
      await b.funnel.stop();
    }
  });

  labTest('is found by multicast behind one address translation', async ({ lab }) => {
    const network = await SixNetwork.open(lab);
    const nat = await NatBox.create(lab, 'box', network.segment, '192.0.2.9/24');
    const [hostA, hostB] = [await lab.namespace('a'), await lab.namespace('b')];
    await nat.join(lab, hostA, 'eth0', 2);
    await nat.join(lab, hostB, 'eth0', 3);
    const [a, b] = [await network.startPeer(hostA), await network.startPeer(hostB)];
    await network.untilDirect(a, b);
    const sent = await transfer(hostA, hostB, await b.address(), MEGABYTE);
    expect(sent.receivedSha256).toBe(sent.sentSha256);
  });
});

describe('address translation', () => {
  labTest(
    'that forgets its mappings costs a peer its address, and within a keepalive it has another',
    async ({ lab }) => {
      const network = await SixNetwork.open(lab);
      const nat = await NatBox.create(lab, 'box', network.segment, '192.0.2.9/24');
      const [hostA, hostB] = [await lab.namespace('a'), await network.host('b', 12)];
      await nat.join(lab, hostA, 'eth0', 2);
      const [a, b] = [await network.startPeer(hostA, { keepalive: '2s' }), await network.startPeer(hostB)];
      const before = await a.address();
      await pingUntilAnswered(hostA, await b.address());
      await nat.rebind();
      // Well before the 30 seconds that a keepalive takes when nothing is set; no traffic of ours helps.
      await eventually(25_000, 'a new address', async () => {
        const addresses = await hostA.globalAddresses('six');
        return addresses.length === 1 && addresses[0] !== before;
      });
      const after = await a.address();
      await pingUntilAnswered(hostA, await b.address());
      await pingUntilAnswered(hostB, after);
      const out = await transfer(hostA, hostB, await b.address(), MEGABYTE);
      expect(out.receivedSha256).toBe(out.sentSha256);
      const back = await transfer(hostB, hostA, after, MEGABYTE);
      expect(back.receivedSha256).toBe(back.sentSha256);
    },
  );
});

describe('symmetric address translation', () => {
  labTest('has a peer stay with the router, by which all packets arrive', async ({ lab }) => {
    const network = await SixNetwork.open(lab);
    const nat = await NatBox.create(lab, 'box', network.segment, '192.0.2.9/24', { isSymmetric: true });
    const [hostA, hostB] = [await lab.namespace('a'), await network.host('b', 12)];
    await nat.join(lab, hostA, 'eth0', 2);
    const [a, b] = [await network.startPeer(hostA), await network.startPeer(hostB)];
    await pingUntilAnswered(hostA, await b.address());
    // Each solicited the other directly: a's solicitation comes from a port that is not in its address, and
    // b's is lost.
    await eventually(60_000, 'a question of a is refused', async () => {
      return endedFor(await b.funnel.snapshot(), 'six', 'spoofed-source') > 0;
    });
    const before = await network.relayed();
    expect(await ping(hostA, await b.address(), { count: 10 })).toMatchObject({ received: 10 });
    expect(await ping(hostB, await a.address(), { count: 10 })).toMatchObject({ received: 10 });
    const sent = await transfer(hostA, hostB, await b.address(), MEGABYTE);
    expect(sent.receivedSha256).toBe(sent.sentSha256);
    expect((await network.relayed()) - before).toBeGreaterThan(40 + MEGABYTE / 1280);
  });
});

describe('spoofed sources', () => {
  labTest('are dropped and counted, by the router and by peers', async ({ lab }) => {
    const network = await SixNetwork.open(lab);
    const [a, b] = [
      await network.startPeer(await network.host('a', 11)),
      await network.startPeer(await network.host('b', 12)),
    ];
    const mallory = await network.host('mallory', 66);
    await pingUntilAnswered(a.host, await b.address());
    const forged = echoRequest(await a.address(), await b.address());
    const delivered = async () => framesAt(await b.funnel.snapshot(), 'system', 'ip').in;
    const before = await delivered();

    // The router cannot distinguish a forger from a peer whose NAT restarted: it drops the packet, and
    // advertises the right address to its sender.
    const refused = async () => {
      const snapshot = await network.routerFunnel.snapshot();
      return endedFor(snapshot, 'relay', 'mapping-changed') + endedFor(snapshot, 'relay', 'rate-limited');
    };
    const atRouter = await refused();
    const relayed = await network.relayed();
    await sendUdp(mallory, ROUTER, 25790, forged, 10);
    await eventually(60_000, 'ten dropped by the router', async () => (await refused()) - atRouter === 10);
    // The source belongs to no peer, so there is no address to advertise.
    const foreign = echoRequest('2001:db8::1', await b.address());
    const spoofed = async () => endedFor(await network.routerFunnel.snapshot(), 'relay', 'spoofed-source');
    const foreignBefore = await spoofed();
    await sendUdp(mallory, ROUTER, 25790, foreign, 10);
    await eventually(
      60_000,
      'ten more dropped by the router',
      async () => (await spoofed()) - foreignBefore === 10,
    );
    expect(await network.relayed()).toBe(relayed);

    const atPeer = endedFor(await b.funnel.snapshot(), 'six', 'spoofed-source');
    await sendUdp(mallory, '192.0.2.12', portOf(await b.address()), forged, 10);
    await eventually(60_000, 'ten dropped by the peer', async () => {
      return endedFor(await b.funnel.snapshot(), 'six', 'spoofed-source') - atPeer === 10;
    });
    expect(await delivered()).toBe(before);
    // Packets with the right source still arrive.
    expect(await ping(a.host, await b.address())).toMatchObject({ received: 5 });
  });
});

describe('a router that restarts', () => {
  labTest('loses nothing: peers keep their addresses, and a connection goes on', async ({ lab }) => {
    const network = await SixNetwork.open(lab);
    const [hostA, hostB] = [await network.host('a', 11), await network.host('b', 12)];
    await network.segment.isolate(hostA, true);
    await network.segment.isolate(hostB, true);
    const [a, b] = [await network.startPeer(hostA), await network.startPeer(hostB)];
    const addresses = [await a.address(), await b.address()];
    await pingUntilAnswered(hostA, addresses[1]!);
    const relayedBefore = await network.relayed();
    const sending = transfer(hostA, hostB, addresses[1]!, 40 * MEGABYTE, 200_000);
    await eventually(
      60_000,
      'the transfer is on its way',
      async () => (await network.relayed()) > relayedBefore + 1000,
    );
    await network.routerFunnel.kill();
    await network.startRouter();
    const sent = await sending;
    expect(sent.receivedSha256).toBe(sent.sentSha256);
    expect([await a.address(), await b.address()]).toEqual(addresses);
    expect(await network.relayed()).toBeGreaterThan(100);
  });
});

/** The UDP port in a 6bed4 address: its octets 12 and 13. */
function portOf(address: string): number {
  return Number.parseInt(address.split(':').at(-2)!, 16);
}
