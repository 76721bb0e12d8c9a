import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { hasCommand } from '../command.ts';
import { FunnelProcess } from '../funnel-process.ts';
import { labTest } from '../lab-test.ts';
import type { Namespace } from '../namespace.ts';
import { builtHost } from './built-host.ts';
import { NativePieceProcess } from './native-piece.ts';

const ready = /^ready (\S+)$/m;

/**
 * The state of a device; with `isLinkLocal`, without the address that Linux gives to devices by itself.
 */
async function shown(host: Namespace, device: string, isLinkLocal = false) {
  const [link = {}] = JSON.parse(
    (await host.runAnyway(['ip', '-j', 'addr', 'show', 'dev', device])).stdout || '[{}]',
  );
  const routes = await Promise.all(
    ['-4', '-6'].map(async (family) =>
      JSON.parse((await host.runAnyway(['ip', '-j', family, 'route', 'show', 'dev', device])).stdout || '[]'),
    ),
  );
  return {
    mtu: link.mtu,
    isUp: link.flags?.includes('UP') ?? false,
    addresses: (link.addr_info ?? [])
      .map((each: { local: string; prefixlen: number }) => `${each.local}/${each.prefixlen}`)
      .filter((each: string) => !isLinkLocal || !each.startsWith('fe80:')),
    routes: routes.flat().map((each: { dst: string }) => each.dst),
  };
}

describe('a tun device', () => {
  labTest('answers pings of both families, also those larger than a small room', async ({ lab }) => {
    const host = await lab.namespace('host');
    const piece = new NativePieceProcess(lab, host, 'tun', [
      ['device', 'fun0'],
      ['mtu', '9000'],
      ['address', '192.0.2.1/24'],
      ['address', '198.51.100.1/24'],
      ['address', 'fc64::1/64'],
      ['route', '2001:db8::77/32'],
      ['echo', 'true'],
    ]);
    expect((await piece.running.waitFor(ready))[1]).toBe('fun0');
    expect(await shown(host, 'fun0')).toEqual({
      mtu: 9000,
      isUp: true,
      addresses: ['192.0.2.1/24', '198.51.100.1/24', 'fc64::1/64'],
      routes: expect.arrayContaining(['192.0.2.0/24', '198.51.100.0/24', '2001:db8::/32', 'fc64::/64']),
    });
    for (const address of ['192.0.2.9', '198.51.100.9', 'fc64::9', '2001:db8::9']) {
      for (const size of ['56', '1690', '1712', '8000']) {
        // One at a time: of several, ping waits for the last no longer than twice as long as the others took.
        for (let n = 0; n < 3; n++) await host.run(['ping', '-c', '1', '-W', '20', '-s', size, address]);
      }
    }
    // Nothing but what we sent: the system does not speak of itself on the device.
    expect(piece.running.stdout).not.toContain('frame');
    expect(await piece.ask('counters')).toBe('{}');
    expect(await piece.ask('close')).toBe('closed true');
    // It ends by itself, and the device is gone.
    expect((await piece.running.ended).status).toBe(0);
    expect((await host.runAnyway(['ip', 'link', 'show', 'fun0'])).status).toBe(1);
  });

  labTest('counts what the queue of the device drops while the lane does not read', async ({ lab }) => {
    const host = await lab.namespace('host');
    const piece = new NativePieceProcess(lab, host, 'tun', [
      ['device', 'fun0'],
      ['address', '192.0.2.1/24'],
    ]);
    await piece.running.waitFor(ready);
    const dropped = async () => {
      const [{ stats64 }] = JSON.parse(await host.run(['ip', '-j', '-s', 'link', 'show', 'dev', 'fun0']));
      return Number(stats64.tx.dropped);
    };
    await host.run(['ip', 'link', 'set', 'dev', 'fun0', 'txqueuelen', '50']);
    expect(await dropped()).toBe(0);
    const go = join(lab.folder, 'go');
    expect(await piece.ask('stall', go)).toBe('stalls');
    // More than the queue holds, wherever the piece stopped reading.
    await host.run(['bash', '-c', 'for n in {1..400}; do echo > /dev/udp/192.0.2.9/9; done']);
    const drops = await dropped();
    expect(drops).toBeGreaterThan(100);
    writeFileSync(go, '');
    // The piece looks every few seconds.
    const counters = async () => JSON.parse(await piece.ask('counters'));
    await expect.poll(counters, { timeout: 120_000 }).toMatchObject({ 'queue-overrun': drops });
    expect(piece.running.stdout.match(/^frame /gm)!.length + drops).toBeGreaterThanOrEqual(400);
    expect(await piece.ask('close')).toBe('closed true');
  });

  labTest('obeys what neighbours offer, and takes it back', async ({ lab }) => {
    const host = await lab.namespace('host');
    const piece = new NativePieceProcess(lab, host, 'tun', []);
    const [, device = ''] = await piece.running.waitFor(ready);
    expect(device).toMatch(/^fun\d$/);
    expect(await shown(host, device)).toMatchObject({ mtu: 1500, isUp: false, addresses: [], routes: [] });
    const address = 'fc64:bed:c000:201:c000:20b:e612:1/114';
    const all = [
      ['address', 'text', address],
      ['route', 'text', '::/0'],
      ['mtu', 'at-most', 1280],
      ['up', 'yes'],
      ['colour', 'text', 'blue'],
    ];
    expect(await piece.ask('offer', all)).toBe('joined');
    expect(await shown(host, device)).toEqual({
      mtu: 1280,
      isUp: true,
      addresses: [address],
      routes: expect.arrayContaining(['default', 'fc64:bed:c000:201:c000:20b:e612:0/114']),
    });
    expect(await piece.ask('offer', [all[0], ['address', 'text', '192.0.2.1/24']])).toBe('joined');
    expect(await shown(host, device)).toEqual({
      mtu: 1500,
      isUp: true,
      addresses: ['192.0.2.1/24', address],
      routes: ['192.0.2.0/24', 'fc64:bed:c000:201:c000:20b:e612:0/114'],
    });
    // Down and up again: Linux has dropped the IPv6 address, and gets it back.
    await piece.ask('offer', []);
    expect(await shown(host, device)).toMatchObject({ isUp: false, addresses: [] });
    await piece.ask('offer', all);
    expect((await shown(host, device)).addresses).toEqual([address]);
    await piece.ask('leave');
    expect(await shown(host, device)).toMatchObject({ mtu: 1500, isUp: false, addresses: [], routes: [] });
    for (const wrong of [
      ['address', 'text', 'here'],
      ['route', 'yes'],
      ['mtu', 'at-most', 3],
    ])
      expect(await piece.ask('offer', [wrong])).toContain('problem');
    // A route that belongs to another program is reported, and breaks nothing.
    await host.ip('route', 'add', 'unreachable', '203.0.113.0/24', 'metric', '0');
    await piece.ask('offer', [
      ['route', 'text', '203.0.113.0/24'],
      ['route', 'text', '203.0.112.0/24'],
    ]);
    expect((await shown(host, device)).routes).toEqual(['203.0.112.0/24']);
    expect(await piece.ask('logs')).toMatch(/add route 203.0.113.0.24 as a neighbour offers: .*File exists/);
    await piece.ask('close');
  });

  labTest('counts what the system does not take', async ({ lab }) => {
    const host = await lab.namespace('host');
    const piece = new NativePieceProcess(lab, host, 'tun', [['device', 'fun0']]);
    await piece.running.waitFor(ready);
    const packet = '4500001c000000004011b7cfc0000201c00002020001000200080000';
    // Not up yet.
    await piece.ask('send', packet, [['ipv4', 1, 28]]);
    await host.ip('link', 'set', 'fun0', 'up');
    await piece.ask('send', `05${packet.slice(2)}`, [['ipv4', 1, 28]]);
    await piece.ask('send', packet, [['udp', 1, 28]]);
    await piece.ask('send', packet, [['ipv4', 1, 28]]);
    // A fragment of a frame that is larger than any packet.
    await piece.ask('send', packet, [['ipv4', 1, 28]], 7);
    expect(JSON.parse(await piece.ask('counters'))).toEqual({
      'device-down': 1,
      malformed: 1,
      'not-ip': 1,
      'too-large': 1,
    });
    // Another program removes the device. The piece reports that, and counts frames that come then.
    await host.ip('link', 'del', 'fun0');
    await expect.poll(() => piece.ask('logs')).toContain('FT_TUN_ABSENT');
    await piece.ask('send', packet, [['ipv4', 1, 28]]);
    expect(await piece.ask('close')).toBe('closed true');
    expect((await piece.running.ended).status).toBe(0);
  });

  labTest('that cannot be opened says why and what to do, and leaves nothing', async ({ lab, skip }) => {
    const host = await lab.namespace('host');
    const holder = new NativePieceProcess(lab, host, 'tun', [['device', 'fun0']]);
    await holder.running.waitFor(ready);
    const refusal = async (settings: [string, string][], prefix: string[] = []) => {
      const piece = new NativePieceProcess(lab, host, 'tun', settings, prefix);
      await piece.running.ended;
      return piece.running.stdout;
    };
    expect(await refusal([['device', 'fun0']])).toMatch(/refused FT_TUN_BUSY .*fun0 is in use.*free true/);
    expect(await refusal([['device', 'lo']])).toMatch(
      /refused FT_TUN_DEVICE .*another kind of interface.*free true/,
    );
    // Half way: the device is open and has its address when its route is refused.
    await host.ip('route', 'add', 'unreachable', '203.0.113.0/24', 'metric', '0');
    const halfWay: [string, string][] = [
      ['device', 'fun1'],
      ['address', '192.0.2.1/24'],
      ['route', '203.0.113.0/24'],
    ];
    expect(await refusal(halfWay)).toMatch(/refused FT_TUN_DEVICE .*add route 203.0.113.0.24.*free true/);
    expect((await host.runAnyway(['ip', 'link', 'show', 'fun1'])).status).toBe(1);
    if (!hasCommand('setpriv')) skip('setpriv is not installed');
    // Without any right, but still the owner of /dev/net/tun; in a user namespace there is no other user to
    // become.
    const powerless = ['setpriv', '--inh-caps=-all', '--bounding-set=-all'];
    expect(await refusal([['device', 'fun2']], powerless)).toMatch(
      /refused FT_TUN_PERMISSION .*ip tuntap add dev fun2.*free true/,
    );
    expect((await host.runAnyway(['ip', 'link', 'show', 'fun2'])).status).toBe(1);
    await holder.ask('close');
  });

  labTest('of an administrator is used, and is left unchanged', async ({ lab }) => {
    const host = await lab.namespace('host');
    await host.ip('tuntap', 'add', 'dev', 'ours', 'mode', 'tun');
    const piece = new NativePieceProcess(lab, host, 'tun', [
      ['device', 'ours'],
      ['address', '192.0.2.1/24'],
      ['route', '203.0.113.0/24'],
    ]);
    await piece.running.waitFor(ready);
    expect(await shown(host, 'ours', true)).toMatchObject({
      isUp: true,
      addresses: ['192.0.2.1/24'],
      routes: expect.arrayContaining(['203.0.113.0/24']),
    });
    await piece.ask('close');
    await piece.running.ended;
    expect(await shown(host, 'ours', true)).toEqual({ mtu: 1500, isUp: false, addresses: [], routes: [] });
  });

  labTest(
    'that root made and set up for a user needs no rights; differences are reported',
    async ({ lab, skip }) => {
      if (!hasCommand('setpriv')) skip('setpriv is not installed');
      const host = await lab.namespace('host');
      await host.ip('tuntap', 'add', 'dev', 'ours', 'mode', 'tun', 'user', '0');
      await host.sysctl('ipv6.conf.ours.disable_ipv6', 1);
      await host.ip('link', 'set', 'ours', 'mtu', '1280');
      await host.ip('addr', 'add', '192.0.2.1/24', 'dev', 'ours');
      await host.ip('link', 'set', 'ours', 'up');
      // Without any right, but the owner of the device and of /dev/net/tun; in a user namespace there is no
      // other user.
      const powerless = ['setpriv', '--inh-caps=-all', '--bounding-set=-all'];
      const settings: [string, string][] = [
        ['device', 'ours'],
        ['mtu', '1280'],
        ['address', '192.0.2.1/24'],
        ['echo', 'true'],
      ];
      const before = await shown(host, 'ours', true);
      const piece = new NativePieceProcess(lab, host, 'tun', settings, powerless);
      await piece.running.waitFor(ready);
      await host.run(['ping', '-c', '1', '-W', '20', '192.0.2.9']);
      expect(await piece.ask('logs')).toBe('[]');
      await piece.ask('close');
      await piece.running.ended;
      expect(await shown(host, 'ours', true)).toEqual(before);
      const wrong = new NativePieceProcess(lab, host, 'tun', [['device', 'ours']], powerless);
      await wrong.running.ended;
      expect(wrong.running.stdout).toMatch(
        /refused FT_TUN_PERMISSION .*mtu 1500 on the tun device ours: not permitted; .*free true/,
      );
    },
  );

  labTest('is shared by lanes that say so, and stays until the last of them is gone', async ({ lab }) => {
    const host = await lab.namespace('host');
    const settings: [string, string][] = [
      ['device', 'fun0'],
      ['multi-queue', 'true'],
      ['address', '192.0.2.1/24'],
    ];
    const [one, two] = [0, 1].map(
      () => new NativePieceProcess(lab, host, 'tun', [...settings, ['echo', 'true']]),
    );
    await one!.running.waitFor(ready);
    await two!.running.waitFor(ready);
    await host.run(['ping', '-c', '1', '-W', '20', '192.0.2.9']);
    await one!.ask('close');
    await host.run(['ping', '-c', '1', '-W', '20', '192.0.2.9']);
    await two!.ask('close');
    expect((await host.runAnyway(['ip', 'link', 'show', 'fun0'])).status).toBe(1);
  });
});

labTest('a tap device gives and takes Ethernet frames', async ({ lab }) => {
  const host = await lab.namespace('host');
  const script = `const io = require(${JSON.stringify(join(builtHost(), 'addon', 'funnel-io.node'))});
    const memory = new ArrayBuffer(8 * 2048), bytes = new Uint8Array(memory), words = () => new Int32Array(8);
    const arrays = { memory, slots: 4, room: 1700, addresses: words().map((_, i) => i * 2048), lengths: words(),
      outAddresses: words(), outHeaders: words(), outLengths: words(), tally: words() };
    const batch = io.createBatch({ ...arrays, onBatch: (channel, count) => {
      for (let i = 0; i < count; i++) {
        const at = arrays.addresses[i];
        if (bytes[at + 12] !== 8 || bytes[at + 13] !== 6) continue;
        // Replies to ARP requests: the other's address is 02:00:00:00:00:09.
        const asked = bytes.slice(at + 38, at + 42), asker = bytes.slice(at + 22, at + 32);
        bytes.set([...asker.subarray(0, 6), 2, 0, 0, 0, 0, 9], at);
        bytes.set([0, 2, 2, 0, 0, 0, 0, 9, ...asked, ...asker], at + 20);
        arrays.outAddresses[0] = at; arrays.outLengths[0] = arrays.lengths[i];
        console.log('answered', io.writeTun(channel, 1));
      }
    } });
    const { channel, device } = io.openTun(batch, { device: 'tap0', tap: true, multiQueue: false, offload: false, namespace: -1, netlink: -1 });
    io.start(channel);
    console.log('ready', device);`;
  const running = host.start([process.execPath, '-e', script]);
  await running.waitFor(ready);
  await host.ip('addr', 'add', '192.0.2.1/24', 'dev', 'tap0');
  await host.ip('link', 'set', 'tap0', 'up');
  await host.runAnyway(['ping', '-c', '1', '-W', '1', '192.0.2.9']);
  await running.waitFor(/answered 1/);
  await expect.poll(() => host.ip('neigh', 'show', 'dev', 'tap0')).toContain('02:00:00:00:00:09');
});

labTest('two tap devices are one Ethernet, over a stream between them', async ({ lab }) => {
  const [a, b] = [await lab.namespace('a'), await lab.namespace('b')];
  await lab.wire(a, 'eth0', b, 'eth0');
  await a.addAddress('eth0', '192.0.2.1/24');
  await b.addAddress('eth0', '192.0.2.2/24');
  const start = async (host: Namespace, n: number, link: object) => {
    const file = join(lab.folder, `${host.name}.yaml`);
    const pieces = {
      system: {
        piece: 'tun',
        settings: { mode: 'ethernet', device: 'tap0', address: [`198.51.100.${n}/24`, `fc64::${n}/64`] },
        edges: { ethernet: 'lan' },
      },
      cut: {
        piece: 'frame-sequence',
        settings: { stack: 'ethernet', ...link },
        edges: { frames: 'lan', carrier: 'wan' },
      },
      socket: { piece: 'tcp', edges: { tcp: 'wan' } },
    };
    writeFileSync(file, JSON.stringify({ pieces }));
    return FunnelProcess.start(host, file, lab.folder);
  };
  const funnels = [await start(a, 1, {}), await start(b, 2, { remote: '192.0.2.1' })];
  // The first ones look for the link address, and for the connection.
  for (;;) {
    const { status } = await b.runAnyway(['ping', '-n', '-c', '1', '-W', '1', '198.51.100.1']);
    if (status === 0) break;
  }
  for (const address of ['198.51.100.1', 'fc64::1']) {
    await b.runAnyway(['ping', '-n', '-c', '3', '-i', '0.2', '-W', '2', address]);
    expect(await b.run(['ping', '-n', '-c', '5', '-i', '0.05', '-s', '1400', address])).toContain(
      '5 received',
    );
  }
  // The link address was resolved through the puzzle, by the system itself.
  const [neighbour] = JSON.parse(
    await b.run(['ip', '-j', 'neigh', 'show', 'to', '198.51.100.1', 'dev', 'tap0']),
  );
  const [device] = JSON.parse(await a.run(['ip', '-j', 'link', 'show', 'tap0']));
  expect(neighbour.lladdr).toBe(device.address);
  for (const each of funnels) expect((await each.stop()).status).toBe(0);
});
