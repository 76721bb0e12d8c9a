import { expect } from 'vitest';
import { hasCommand } from '../command.ts';
import { labTest } from '../lab-test.ts';
import type { Namespace } from '../namespace.ts';
import type { NetLab } from '../net-lab.ts';
import { NativePieceProcess } from './native-piece.ts';

async function twoHosts(lab: NetLab): Promise<[Namespace, Namespace]> {
  const [a, b] = [await lab.namespace('a'), await lab.namespace('b')];
  await lab.wire(a, 'eth0', b, 'eth0');
  for (const host of [a, b]) await host.sysctl('ipv6.conf.eth0.disable_ipv6', 0);
  await a.addAddress('eth0', '192.0.2.1/24');
  await b.addAddress('eth0', '192.0.2.2/24');
  await a.ip('addr', 'add', '2001:db8::1/64', 'dev', 'eth0', 'nodad');
  await b.ip('addr', 'add', '2001:db8::2/64', 'dev', 'eth0', 'nodad');
  return [a, b];
}

/** A packet of protocol 253 to host b, from an address that the system chooses. */
function packet(payload: string, { six = false, dontFragment = false, from = '' } = {}) {
  const body = Buffer.from(payload);
  const head = Buffer.alloc(six ? 40 : 20);
  if (six) {
    head.set([0x6b, 0x80, 0, 0]);
    head.writeUInt16BE(body.length, 4);
    head.set([253, 33], 6);
    head.set([0x20, 1, 0x0d, 0xb8], 24);
    head[39] = 2;
  } else {
    head.set([0x45, 0xb8, 0, 0, 0, 0, dontFragment ? 0x40 : 0, 0, 33, 253]);
    head.writeUInt16BE(20 + body.length, 2);
    head.set(from.split('.').map(Number), 12);
    head.set([192, 0, 2, 2], 16);
  }
  const parts = [
    [six ? 'ipv6' : 'ipv4', 0, head.length],
    ['', 1, body.length],
  ];
  return [Buffer.concat([head, body]).toString('hex'), parts] as const;
}

const hex = (text: string) => Buffer.from(text).toString('hex');

labTest(
  'socat and the endpoint exchange packets of a protocol, with their headers',
  async ({ lab, skip }) => {
    if (!hasCommand('socat')) skip('socat is not here');
    const [a, b] = await twoHosts(lab);
    const raw = new NativePieceProcess(lab, a, 'raw', [['protocol', '253']]);
    await raw.running.waitFor(/ready/);
    const four = b.start(['socat', '-u', 'IP4-RECV:253', 'STDOUT']);
    const six = b.start(['socat', '-u', 'IP6-RECV:253', 'STDOUT']);
    const heard = (text: string) => [four, six].some((each) => each.stdout.includes(text));
    for (let n = 0; !heard(`four ${n - 1}\n`) || !heard(`six ${n - 1}\n`); n++) {
      // socat listens at some time.
      await raw.ask('send', ...packet(`four ${n}\n`));
      await raw.ask('send', ...packet(`six ${n}\n`, { six: true }));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await b.run(['sh', '-c', 'printf hello4 | socat -u STDIN IP4-SENDTO:192.0.2.1:253,ttl=9,tos=0x28']);
    await b.run(['sh', '-c', "printf hello6 | socat -u STDIN 'IP6-SENDTO:[2001:db8::1]:253'"]);
    // Length, hop limit and protocol, addresses, payload.
    await raw.running.waitFor(
      new RegExp(`^frame 4528001a.{8}09fd.{4}c0000202c0000201${hex('hello4')}$`, 'm'),
    );
    await raw.running.waitFor(
      new RegExp(`^frame 600000000006fd4020010db8.{22}0220010db8.{22}01${hex('hello6')}$`, 'm'),
    );
    expect(JSON.parse(await raw.ask('counters'))).toEqual({});
    expect(await raw.ask('close')).toBe('closed true');
  },
);

labTest('ping gets its replies from a puzzle instead of the kernel', async ({ lab }) => {
  const [a, b] = await twoHosts(lab);
  await a.sysctl('ipv4.icmp_echo_ignore_all', 1);
  await a.sysctl('ipv6.icmp.echo_ignore_all', 1);
  expect((await b.runAnyway(['ping', '-c', '1', '-W', '1', '192.0.2.1'])).status).toBe(1);
  const raw = new NativePieceProcess(lab, a, 'raw', [
    ['protocol', 'icmp'],
    ['protocol', '58'],
    ['echo', ''],
  ]);
  await raw.running.waitFor(/ready/);
  for (const address of ['192.0.2.1', '2001:db8::1'])
    expect(await b.run(['ping', '-c', '5', '-i', '0.05', '-s', '4000', address])).toContain('5 received');
  expect(await raw.ask('close')).toBe('closed true');
});

labTest('errors of hosts and of the path come as ICMP, and refusals have their reasons', async ({ lab }) => {
  const [a, b] = await twoHosts(lab);
  const raw = new NativePieceProcess(lab, a, 'raw', [
    ['protocol', '253'],
    ['destinations', '192.0.2.0/24'],
    ['destinations', '2001:db8::2/128'],
  ]);
  await raw.running.waitFor(/ready/);
  // No socket there takes the protocol: protocol unreachable; unrecognized next header.
  await raw.ask('send', ...packet('to nobody'));
  await raw.running.waitFor(
    new RegExp(`^frame 45.{16}01.{4}c0000202c00002010302.*${hex('to nobody')}$`, 'm'),
  );
  await raw.ask('send', ...packet('to nobody', { six: true }));
  await raw.running.waitFor(new RegExp(`^frame 6.{11}3a.*0401.*${hex('to nobody')}$`, 'm'));
  // Larger than the device, not to be fragmented: fragmentation needed, and the size that would do, 1500.
  await raw.ask('send', ...packet('x'.repeat(3000), { dontFragment: true }));
  await raw.running.waitFor(/^frame 45.{16}01.{20}0304.{4}000005dc/m);
  await raw.ask('send', ...packet('spoofed', { from: '198.51.100.9' }));
  const [other, parts] = packet('other protocol');
  await raw.ask('send', `${other.slice(0, 18)}fe${other.slice(20)}`, parts);
  await raw.ask('send', `${other.slice(0, 12)}2000${other.slice(16)}`, parts);
  await raw.ask('send', `${other.slice(0, 32)}00000000${other.slice(40)}`, parts);
  await raw.ask('send', `${other.slice(0, 32)}7f000001${other.slice(40)}`, parts);
  await raw.ask('send', `${other.slice(0, 32)}c0000201${other.slice(40)}`, parts);
  await raw.ask('send', `${other.slice(0, 32)}c6336401${other.slice(40)}`, parts);
  await raw.ask('send', `${other.slice(0, 4)}ffff${other.slice(8)}`, parts);
  expect(JSON.parse(await raw.ask('counters'))).toEqual({
    'too-large': 1,
    unreachable: 1,
    'not-open': 1,
    fragment: 1,
    'no-destination': 1,
    'not-granted': 3,
    malformed: 1,
  });
  expect(b.name).toBe('b');
  expect(await raw.ask('close')).toBe('closed true');
});

labTest('a user without the right learns what is missing', async ({ lab }) => {
  const [a] = await twoHosts(lab);
  const raw = new NativePieceProcess(
    lab,
    a,
    'raw',
    [['protocol', 'sctp']],
    ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--bounding-set', '-all'],
  );
  const [, said] = await raw.running.waitFor(/^refused (.*)$/m);
  expect(said).toMatch(/^FT_SOCKET_PERMISSION piece here: the raw socket of IP protocol 132 .*CAP_NET_RAW/);
  expect(said).toMatch(/free true$/);
});
