import { expect } from 'vitest';
import { labTest } from '../lab-test.ts';
import { NativePieceProcess } from './native-piece.ts';

const PORT = 7000;

/** A datagram of this length with both headers, from 192.0.2.1 to 192.0.2.2. */
function datagram(payload: number, dontFragment: boolean): [string, [string, number, number][]] {
  const bytes = Buffer.alloc(28 + payload, 0x61);
  bytes.set([0x45, 0, 0, 0, 0, 0, dontFragment ? 0x40 : 0, 0, 64, 17, 0, 0, 0, 0, 0, 0, 192, 0, 2, 2]);
  bytes.writeUInt16BE(28 + payload, 2);
  bytes.writeUInt16BE(PORT, 20);
  bytes.writeUInt16BE(PORT, 22);
  bytes.writeUInt16BE(8 + payload, 24);
  bytes.writeUInt16BE(0, 26);
  return [
    bytes.toString('hex'),
    [
      ['ipv4', 0, 20],
      ['udp', 0, 8],
      ['', 1, payload],
    ],
  ];
}

labTest(
  "don't-fragment is obeyed frame by frame, and what is too large comes back as ICMP",
  async ({ lab }) => {
    const [a, b] = [await lab.namespace('a'), await lab.namespace('b')];
    await lab.wire(a, 'eth0', b, 'eth0');
    await a.addAddress('eth0', '192.0.2.1/24');
    await b.addAddress('eth0', '192.0.2.2/24');
    const settings: [string, string][] = [
      ['port', String(PORT)],
      ['io', 'addon'],
      ['family', 'ipv4'],
    ];
    const sender = new NativePieceProcess(lab, a, 'udp', settings);
    const receiver = new NativePieceProcess(lab, b, 'udp', settings);
    await sender.running.waitFor(/ready/);
    await receiver.running.waitFor(/ready/);
    await sender.ask('send', ...datagram(1001, true));
    await sender.ask('send', ...datagram(3002, true));
    await sender.ask('send', ...datagram(3003, false));
    await sender.ask('send', ...datagram(1004, true));
    const total = (length: number) =>
      new RegExp(`^frame 4500${(length + 28).toString(16).padStart(4, '0')}`, 'm');
    for (const length of [1001, 3003, 1004]) await receiver.running.waitFor(total(length));
    expect(receiver.running.stdout).not.toMatch(total(3002));
    expect(JSON.parse(await sender.ask('counters'))).toEqual({ 'too-large': 1 });
    // Destination unreachable, fragmentation needed, and the size that would do: 1500.
    await sender.running.waitFor(/^frame 45.{16}01.{20}0304.{4}000005dc/m);
    expect(await sender.ask('close')).toBe('closed true');
    expect(await receiver.ask('close')).toBe('closed true');
    expect((await sender.running.ended).status).toBe(0);
  },
);

/** The same with IPv6, from any port of ours to [2001:db8:1::1]:7000. */
function datagram6(payload: number): [string, [string, number, number][]] {
  const bytes = Buffer.alloc(48 + payload, 0x61);
  bytes.fill(0, 0, 48);
  bytes.set([0x60, 0, 0, 0, 0, 0, 17, 64]);
  bytes.writeUInt16BE(8 + payload, 4);
  bytes.set([0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 24);
  bytes.writeUInt16BE(PORT, 40);
  bytes.writeUInt16BE(PORT, 42);
  bytes.writeUInt16BE(8 + payload, 44);
  return [
    bytes.toString('hex'),
    [
      ['ipv6', 0, 40],
      ['udp', 0, 8],
      ['', 1, payload],
    ],
  ];
}

labTest(
  'the MTU of the path is learned from a router, and reported to those who cannot be divided',
  async ({ lab }) => {
    const [a, router, b] = [
      await lab.namespace('a'),
      await lab.namespace('router'),
      await lab.namespace('b'),
    ];
    await lab.wire(a, 'eth0', router, 'eth0');
    await lab.wire(router, 'eth1', b, 'eth0');
    for (const [where, device, ...addresses] of [
      [a, 'eth0', '198.51.100.1/24', '2001:db8::1/64'],
      [router, 'eth0', '198.51.100.254/24', '2001:db8::fe/64'],
      [router, 'eth1', '192.0.2.254/24', '2001:db8:1::fe/64'],
      [b, 'eth0', '192.0.2.2/24', '2001:db8:1::1/64'],
    ] as const) {
      await where.sysctl(`ipv6.conf.${device}.disable_ipv6`, 0);
      for (const each of addresses)
        await where.ip('addr', 'add', each, 'dev', device, ...(each.includes(':') ? ['nodad'] : []));
    }
    for (const name of ['ipv4.ip_forward', 'ipv6.conf.all.forwarding']) await router.sysctl(name, 1);
    await router.ip('link', 'set', 'eth1', 'mtu', '1300');
    await b.ip('link', 'set', 'eth0', 'mtu', '1300');
    await a.ip('route', 'add', 'default', 'via', '198.51.100.254');
    await a.ip('route', 'add', 'default', 'via', '2001:db8::fe');
    await b.ip('route', 'add', 'default', 'via', '192.0.2.254');
    await b.ip('route', 'add', 'default', 'via', '2001:db8:1::fe');
    const receiver = new NativePieceProcess(lab, b, 'udp', [['port', String(PORT)]]);
    await receiver.running.waitFor(/ready/);
    const arrived6 = (payload: number) =>
      new RegExp(`^frame 60000000${(payload + 8).toString(16).padStart(4, '0')}11`, 'gm');
    // Destination unreachable, fragmentation needed, 1300 bytes; and packet too big, 1300 bytes.
    const report4 = /^frame 45.{16}01.{20}0304.{4}00000514/gm;
    const report6 = /^frame 6.{11}3a.{66}0200.{4}00000514/gm;
    const count = (text: string, what: RegExp) => text.match(what)?.length ?? 0;

    const one = new NativePieceProcess(lab, a, 'udp', [['port', String(PORT)]]);
    await one.running.waitFor(/ready/);
    // The router reports the first one. The next is divided, or refused here, by its don't-fragment flag.
    await one.ask('send', ...datagram(1400, true));
    await expect.poll(() => count(one.running.stdout, report4), { timeout: 20_000 }).toBe(1);
    await one.ask('send', ...datagram(1401, true));
    await expect.poll(() => count(one.running.stdout, report4), { timeout: 20_000 }).toBe(2);
    await one.ask('send', ...datagram6(1400));
    await expect.poll(() => count(one.running.stdout, report6), { timeout: 20_000 }).toBe(1);
    await one.ask('send', ...datagram6(1402));
    await receiver.running.waitFor(arrived6(1402));
    expect(JSON.parse(await one.ask('counters'))).toEqual({ 'too-large': 1 });
    await one.ask('send', ...datagram(1403, false));
    await receiver.running.waitFor(/^frame 45000597/m);

    expect(
      await one.ask('replace', [
        ['port', String(PORT)],
        ['fragment-ipv6', 'false'],
      ]),
    ).toBe(`replaced ${PORT}`);
    await one.ask('send', ...datagram6(1404));
    await expect.poll(() => count(one.running.stdout, report6), { timeout: 20_000 }).toBe(2);
    await one.ask('send', ...datagram6(1252));
    await receiver.running.waitFor(arrived6(1252));
    expect(count(receiver.running.stdout, arrived6(1404))).toBe(0);
    expect(JSON.parse(await one.ask('counters'))).toEqual({ 'too-large': 2 });
    expect(await one.ask('close')).toBe('closed true');
    expect(await receiver.ask('close')).toBe('closed true');
  },
);

labTest('replies of routers arrive as ICMP', async ({ lab }) => {
  const [a, router] = [await lab.namespace('a'), await lab.namespace('router')];
  await lab.wire(a, 'eth0', router, 'eth0');
  await a.addAddress('eth0', '198.51.100.1/24');
  await router.addAddress('eth0', '198.51.100.254/24');
  await router.sysctl('ipv4.ip_forward', 1);
  await router.ip('route', 'add', 'prohibit', '192.0.2.0/24');
  await a.ip('route', 'add', 'default', 'via', '198.51.100.254');
  const sender = new NativePieceProcess(lab, a, 'udp', [['port', String(PORT)]]);
  await sender.running.waitFor(/ready/);
  await sender.ask('send', ...datagram(10, false));
  // From the router to us: administratively prohibited.
  await sender.running.waitFor(/^frame 45.{16}01.{4}c63364fec6336401030d/m);
  await sender.ask('close');
});

labTest('a device that is made again under its name has its ports and groups again', async ({ lab }) => {
  const host = await lab.namespace('host');
  const make = async () => {
    await host.ip('link', 'add', 'vp', 'type', 'veth', 'peer', 'name', 'vq');
    for (const device of ['vp', 'vq']) await host.ip('link', 'set', device, 'up');
    await host.ip('addr', 'add', '192.0.2.1/24', 'dev', 'vp');
  };
  await make();
  const piece = new NativePieceProcess(lab, host, 'udp', [
    ['port', String(PORT)],
    ['device', 'vp'],
    ['family', 'ipv4'],
  ]);
  await piece.running.waitFor(/ready/);
  await piece.ask('offer', [['group', 'text', '224.0.0.99:7001']]);
  const bound = async () => await host.run(['ss', '-Huln']);
  const isRight = expect.stringMatching(
    /%vp:7000 [\s\S]*224.0.0.99%vp:7001 |224.0.0.99%vp:7001 [\s\S]*%vp:7000 /,
  );
  expect(await bound()).toEqual(isRight);
  await host.ip('link', 'del', 'vp');
  await make();
  await expect.poll(bound, { timeout: 20_000 }).toEqual(isRight);
  expect(await piece.ask('logs')).toContain('made again');
  // Datagrams arrive in both directions.
  await piece.ask('send', ...datagram(20, false));
  expect(JSON.parse(await piece.ask('counters'))).toEqual({});
  await piece.ask('close');
});

labTest('a group that no device could join is joined when one comes', async ({ lab }) => {
  const host = await lab.namespace('host');
  const piece = new NativePieceProcess(lab, host, 'udp', [['family', 'ipv4']]);
  await piece.running.waitFor(/ready/);
  await piece.ask('offer', [['group', 'text', '224.0.0.99:7001']]);
  expect(await piece.ask('logs')).toContain('cannot join the group');
  await host.ip('link', 'add', 'vp', 'type', 'veth', 'peer', 'name', 'vq');
  for (const device of ['vp', 'vq']) await host.ip('link', 'set', device, 'up');
  await host.ip('addr', 'add', '192.0.2.1/24', 'dev', 'vp');
  await host.ip('route', 'add', 'default', 'dev', 'vp');
  await host.ip('addr', 'add', '192.0.2.2/24', 'dev', 'vp');
  await expect
    .poll(() => host.run(['ip', 'maddr', 'show', 'dev', 'vp']), { timeout: 20_000 })
    .toContain('224.0.0.99');
  await piece.ask('close');
});
