import { expect } from 'vitest';
import { labTest } from '../net/lab-test.ts';
import type { Namespace } from '../net/namespace.ts';
import { ping } from '../net/ping.ts';
import { SixNetwork } from './six-network.ts';

// Between 6bed4 and the system stand pieces that pass everything: the port opens behind them, and the device
// gets its address.

labTest('6bed4 finds its peer through a hub, a tap and a fault', async ({ lab }) => {
  const network = await SixNetwork.open(lab);
  const a = await network.startPeer(
    await network.host('a', 11),
    { 'allow-private': true },
    {
      hub: { piece: 'hub', edges: { net: ['lan', 'lan2'] } },
      tap: { piece: 'tap', edges: { a: 'wan', b: 'wan2' } },
    },
  );
  const b = await network.startPeer(
    await network.host('b', 12),
    { 'allow-private': true },
    {
      fault: { piece: 'fault', settings: { delay: '5ms' }, edges: { b: 'lan', a: 'lan2' } },
      hub: { piece: 'hub', edges: { net: ['wan', 'wan2'] } },
    },
  );
  await network.untilDirect(a, b);
  const { received } = await ping(b.host, await a.address(), { count: 5 });
  expect(received).toBe(5);
  for (const { host } of [a, b]) {
    expect(await mtuOf(host)).toBe(1280);
    expect(await openPorts(host)).toHaveLength(1);
  }
});

async function mtuOf(host: Namespace): Promise<number> {
  const text = await host.run(['ip', 'link', 'show', 'six']);
  return Number(/ mtu (\d+) /.exec(text)?.[1]);
}

async function openPorts(host: Namespace): Promise<string[]> {
  const text = await host.run(['cat', '/proc/net/udp']);
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => line.trim().split(/\s+/)[1] ?? []);
}
