import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { checksum } from '../../../host/frame/testing/packet-arbitrary.ts';
import { capture } from '../capture.ts';
import { FunnelProcess } from '../funnel-process.ts';
import { labTest } from '../lab-test.ts';
import type { Namespace } from '../namespace.ts';
import type { NetLab } from '../net-lab.ts';
import { readPcapng } from '../pcapng.ts';
import { NativePieceProcess } from './native-piece.ts';

type Settings = readonly (readonly [string, string])[];

async function twoHosts(lab: NetLab): Promise<[Namespace, Namespace]> {
  const [a, b] = [await lab.namespace('a'), await lab.namespace('b')];
  await lab.wire(a, 'eth0', b, 'eth0');
  await a.addAddress('eth0', '192.0.2.1/24');
  await b.addAddress('eth0', '192.0.2.2/24');
  return [a, b];
}

/** The endpoint on eth0 of a host, behind which a neighbour listens on stacks. */
async function packetOn(
  lab: NetLab,
  host: Namespace,
  stacks: readonly string[],
  settings: Settings = [],
): Promise<NativePieceProcess> {
  const piece = new NativePieceProcess(lab, host, 'packet', [['device', 'eth0'], ...settings]);
  await piece.running.waitFor(/ready/);
  for (const stack of stacks) expect(await piece.ask('listen', stack, true)).toBe('heard');
  return piece;
}

const framesOf = (piece: NativePieceProcess): Buffer[] =>
  [...piece.running.stdout.matchAll(/^frame ([0-9a-f]+)$/gm)].map(([, hex]) => Buffer.from(hex!, 'hex'));

const send = (piece: NativePieceProcess, frame: Buffer): Promise<string> =>
  piece.ask('send', frame.toString('hex'), [['ethernet', 1, frame.length]]);

const counters = async (piece: NativePieceProcess) => JSON.parse(await piece.ask('counters'));

async function addressOf(host: Namespace, device = 'eth0'): Promise<Buffer> {
  const shown = await host.ip('-o', 'link', 'show', 'dev', device);
  return Buffer.from(/link\/ether ([0-9a-f:]+)/.exec(shown)![1]!.replaceAll(':', ''), 'hex');
}

/** Whether the checksum of TCP or UDP in a frame of IPv4 without options is right. */
function isWhole(frame: Buffer, at = 14): boolean {
  const length = frame.readUInt16BE(at + 2) - 20;
  const contents = frame.subarray(at + 20, at + 20 + length);
  const pseudo = Buffer.from([0, frame[at + 9]!, length >> 8, length & 255]);
  return checksum([frame.subarray(at + 12, at + 20), pseudo, contents]) === 0;
}

labTest('ping reaches a station that is a puzzle alone, found by ARP', async ({ lab }) => {
  const [a, b] = await twoHosts(lab);
  const piece = await packetOn(
    lab,
    a,
    ['ethernet/arp', 'ethernet/ipv4/icmp'],
    [
      ['promiscuous', 'true'],
      ['send', 'any'],
    ],
  );
  const own = Buffer.from('0200000000aa', 'hex');
  const ping = b.start(['ping', '-c', '3', '-i', '0.2', '-W', '5', '192.0.2.9']);
  let answered = 0;
  while (ping.isRunning) {
    for (const frame of framesOf(piece).slice(answered)) {
      answered++;
      const back = Buffer.from(frame);
      frame.copy(back, 0, 6, 12);
      own.copy(back, 6);
      if (frame.readUInt16BE(12) === 0x0806 && frame.subarray(38, 42).toString('hex') === 'c0000209') {
        back[21] = 2;
        own.copy(back, 22);
        frame.copy(back, 28, 38, 42);
        frame.copy(back, 32, 22, 32);
        await send(piece, back);
      } else if (frame.readUInt16BE(12) === 0x0800 && frame[34] === 8) {
        frame.copy(back, 26, 30, 34);
        frame.copy(back, 30, 26, 30);
        back[34] = 0;
        back.writeUInt16BE(0, 36);
        back.writeUInt16BE(checksum([back.subarray(34)]), 36);
        await send(piece, back);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(ping.stdout).toContain('3 received');
  expect(await counters(piece)).toEqual({});
  expect(await piece.ask('close')).toBe('closed true');
});

labTest('the kernel passes on what a neighbour listens on, as long as it does', async ({ lab }) => {
  const [a, b] = await twoHosts(lab);
  const piece = await packetOn(lab, a, []);
  const say = (port: number, text: string) =>
    b.run(['sh', '-c', `printf ${text} | socat -u STDIN UDP4-SENDTO:192.0.2.1:${port}`]);
  const heard = (): string[] =>
    framesOf(piece).map((frame) => frame.subarray(42).toString().replace(/\0+$/, ''));
  await say(7001, 'nobody-listens');
  await piece.ask('listen', 'ethernet/ip/udp/local:7001', true);
  await say(7002, 'another-port');
  await say(7001, 'first');
  await expect.poll(heard).toEqual(['first']);
  await piece.ask('listen', 'ip/udp/local:7002', true);
  await say(7002, 'second');
  await expect.poll(heard).toEqual(['first', 'second']);
  await piece.ask('listen', 'ethernet/ip/udp/local:7001', false);
  await say(7001, 'closed');
  await say(7002, 'third');
  await expect.poll(heard).toEqual(['first', 'second', 'third']);
  // The kernel itself says what it filters by.
  expect(await a.run(['ss', '-0', '-b', '-n'])).toContain('bpf filter');
  expect(JSON.parse(await piece.ask('status'))).toMatchObject({
    health: 'good',
    facts: { device: 'eth0', receives: 'ip/udp/local:7002' },
  });
  // Nothing has been read and thrown away.
  expect(await counters(piece)).toEqual({});
  await piece.ask('close');
});

labTest('checksums that the sender left to the card are complete', async ({ lab }) => {
  const [a, b] = await twoHosts(lab);
  const piece = await packetOn(lab, a, ['ip/udp/local:7001']);
  await b.run(['sh', '-c', 'printf hello | socat -u STDIN UDP4-SENDTO:192.0.2.1:7001']);
  await expect.poll(() => framesOf(piece).length).toBe(1);
  expect(isWhole(framesOf(piece)[0]!)).toBe(true);
  await piece.ask('close');
});

/** Sends datagrams as one segment, which the kernel leaves to the card to divide (UDP_SEGMENT). */
const SEGMENTS = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(17, 103, 1000)
s.sendto(b''.join(bytes([65 + n]) * 1000 for n in range(10)) + b'last', ('192.0.2.1', 7001))
`;

labTest('segments of TCP and UDP for the card to divide are the packets of the wire', async ({ lab }) => {
  const [a, b] = await twoHosts(lab);
  const piece = await packetOn(lab, a, ['ip/tcp/local:7000', 'ip/udp/local:7001']);
  const file = join(lab.folder, 'merged.pcapng');
  const recording = await capture(a, 'eth0', file);
  const receiver = a.start(['socat', '-u', 'TCP4-LISTEN:7000', 'OPEN:/dev/null']);
  const bytes = 400_000;
  await expect.poll(() => a.run(['ss', '-Htln'])).toContain(':7000');
  await b.run(['sh', '-c', `head -c ${bytes} /dev/zero | tr '\\0' x | socat -u STDIN TCP4:192.0.2.1:7000`]);
  await receiver.ended;
  await b.run(['python3', '-c', SEGMENTS]);
  const udp = (): Buffer[] => framesOf(piece).filter((frame) => frame[23] === 17);
  await expect.poll(() => udp().length).toBe(11);
  expect(udp().map((frame) => frame.subarray(42).toString())).toEqual([
    ...Array.from({ length: 10 }, (_, n) => String.fromCharCode(65 + n).repeat(1000)),
    'last',
  ]);
  const tcp = framesOf(piece).filter((frame) => frame[23] === 6);
  const all = framesOf(piece);
  expect(Math.max(...all.map(({ length }) => length))).toBeLessThanOrEqual(1514);
  expect(all.filter((frame) => !isWhole(frame))).toEqual([]);
  // The headers of IPv4, too; and each byte of the stream is there once.
  expect(all.filter((frame) => checksum([frame.subarray(14, 34)]) !== 0)).toEqual([]);
  const isEnd = (frame: Buffer): boolean => (frame[47]! & 1) !== 0;
  expect(tcp.filter(isEnd)).toHaveLength(1);
  const first = tcp.find((frame) => (frame[47]! & 2) !== 0)!.readUInt32BE(38) + 1;
  const covered = new Uint8Array(bytes);
  for (const frame of tcp) {
    const [from, header] = [(frame.readUInt32BE(38) - first) >>> 0, (frame[46]! >> 4) * 4];
    const payload = frame.readUInt16BE(16) - 20 - header;
    for (let n = 0; n < payload; n++) covered[from + n] = 1;
  }
  expect(covered.indexOf(0)).toBe(-1);
  // Wireshark, which undoes nothing, has seen large segments. It writes its file a little later.
  const largest = (protocol: number): number =>
    readPcapng(file)
      .filter(({ bytes: each }) => each[23] === protocol)
      .reduce((most, { bytes: each }) => Math.max(most, each.length), 0);
  for (const protocol of [6, 17]) await expect.poll(() => largest(protocol), PATIENT).toBeGreaterThan(1514);
  await recording.stop();
  expect(await counters(piece)).toEqual({});
  await piece.ask('close');
});

/** Sends a frame of TCP with a tag, as one segment of three packets, by the header of virtio. */
const TAGGED = `
import socket, struct
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(('eth0', 0))
ether = bytes.fromhex('0200000000aa' '0200000000bb' '8100' '2005' '0800')
def ip(protocol, length):
    head = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + length, 7, 0, 64, protocol, 0, bytes([192, 0, 2, 2]), bytes([192, 0, 2, 1]))
    total = sum(struct.unpack('!10H', head))
    total = (total & 0xffff) + (total >> 16)
    return head[:10] + struct.pack('!H', ~total & 0xffff) + head[12:]
s.send(ether + ip(17, 14) + struct.pack('!4H', 1000, 7001, 14, 0) + b'tagged')
s.setsockopt(263, 15, 1)
payload = b'a' * 1000 + b'b' * 1000 + b'c' * 500
pseudo = 0xc000 + 0x0202 + 0xc000 + 0x0201 + 6 + 20 + len(payload)
pseudo = (pseudo & 0xffff) + (pseudo >> 16)
tcp = struct.pack('!HHIIBBHHH', 1000, 7001, 4294966000, 9, 0x50, 0x99, 100, pseudo, 0)
s.send(struct.pack('<BBHHHH', 1, 1, 58, 1000, 38, 16) + ether + ip(6, 20 + len(payload)) + tcp + payload)
`;

labTest('tags of VLANs are in the frames, both ways', async ({ lab }) => {
  const [a, b] = await twoHosts(lab);
  const piece = await packetOn(
    lab,
    a,
    ['ethernet/vlan/ip/{tcp,udp}/local:7001'],
    [
      ['promiscuous', 'true'],
      ['send', 'any'],
    ],
  );
  await b.run(['python3', '-c', TAGGED]);
  await expect.poll(() => framesOf(piece).length).toBe(4);
  const [udp, ...tcp] = framesOf(piece);
  expect(udp!.subarray(12, 18).toString('hex')).toBe('810020050800');
  expect(udp!.subarray(46, 52).toString()).toBe('tagged');
  // The large segment, divided: the payload, the number, the end and the push at the end, the reduced window
  // at the start.
  expect(
    tcp.map((frame) => [
      frame.subarray(12, 18).toString('hex'),
      frame.subarray(58).toString(),
      frame.readUInt16BE(22),
      frame.readUInt32BE(42),
      frame[51],
      isWhole(frame, 18),
    ]),
  ).toEqual([
    ['810020050800', 'a'.repeat(1000), 7, 4_294_966_000, 0x90, true],
    ['810020050800', 'b'.repeat(1000), 8, 4_294_967_000, 0x10, true],
    ['810020050800', 'c'.repeat(500), 9, 704, 0x19, true],
  ]);
  // A frame that the piece sends has its tag on the wire.
  const file = join(lab.folder, 'tagged.pcapng');
  const recording = await capture(b, 'eth0', file);
  await send(piece, udp!);
  await expect
    .poll(
      () => b.run(['tshark', '-r', file, '-Y', 'vlan.id == 5', '-T', 'fields', '-e', 'udp.dstport']),
      PATIENT,
    )
    .toContain('7001');
  await recording.stop();
  await piece.ask('close');
});

labTest(
  'frames larger than a small row arrive whole, and those beyond the device are refused',
  async ({ lab }) => {
    const [a, b] = await twoHosts(lab);
    for (const host of [a, b]) await host.ip('link', 'set', 'eth0', 'mtu', '9000');
    const piece = await packetOn(lab, a, ['ip/icmp'], [['mtu', '9000']]);
    await b.run(['ping', '-c', '1', '-s', '8000', '192.0.2.1']);
    await expect.poll(() => framesOf(piece).length).toBe(1);
    expect(framesOf(piece)[0]).toHaveLength(14 + 20 + 8 + 8000);
    const frame = Buffer.alloc(9100);
    (await addressOf(a)).copy(frame, 6);
    await send(piece, frame);
    await send(piece, frame.subarray(0, 13));
    expect(await counters(piece)).toEqual({ 'too-large': 1, malformed: 1 });
    await piece.ask('close');
  },
);

labTest('sends what it may: as itself, as any, or nothing', async ({ lab }) => {
  const [a, b] = await twoHosts(lab);
  const seen = await packetOn(lab, b, ['ethernet/0x88b5']);
  const frame = Buffer.alloc(60, 0);
  (await addressOf(b)).copy(frame, 0);
  frame.writeUInt16BE(0x88b5, 12);
  const from = async (source: Buffer, text: string): Promise<Buffer> => {
    source.copy(frame, 6);
    frame.fill(0, 14);
    frame.write(text, 14);
    return Buffer.from(frame);
  };
  const [itself, other] = [await addressOf(a), Buffer.from('0200000000aa', 'hex')];
  const results: object[] = [];
  for (const mode of ['own', 'any', 'none']) {
    const piece = await packetOn(
      lab,
      a,
      ['ethernet'],
      [
        ['send', mode],
        // Its own frames are not read back.
        ['outgoing', 'true'],
      ],
    );
    await send(piece, await from(itself, `${mode} itself`));
    await send(piece, await from(other, `${mode} other`));
    results.push(await counters(piece));
    expect(framesOf(piece).filter((each) => each.readUInt16BE(12) === 0x88b5)).toEqual([]);
    await piece.ask('close');
  }
  expect(results).toEqual([{ 'not-granted': 1 }, {}, { 'not-granted': 2 }]);
  const texts = () => framesOf(seen).map((each) => each.subarray(14).toString().replace(/\0+$/, ''));
  await expect.poll(texts).toEqual(['own itself', 'any itself', 'any other']);
  await seen.ask('close');
});

labTest(
  'what this machine sends comes where it is wanted, and on the loopback not what the piece sends',
  async ({ lab }) => {
    const [a] = await twoHosts(lab);
    const out = await packetOn(lab, a, ['ip/udp/7001'], [['outgoing', 'true']]);
    const quiet = await packetOn(lab, a, ['ip/udp/7001']);
    const say = (where: string) =>
      a.run(['sh', '-c', `printf hi | socat -u STDIN UDP4-SENDTO:${where}:7001`]);
    await a.ip('neigh', 'add', '192.0.2.7', 'lladdr', '02:00:00:00:00:07', 'dev', 'eth0');
    await say('192.0.2.7');
    await expect.poll(() => framesOf(out).length).toBe(1);
    expect(framesOf(quiet)).toEqual([]);
    const loopback = new NativePieceProcess(lab, a, 'packet', [
      ['device', 'lo'],
      ['send', 'any'],
    ]);
    await loopback.running.waitFor(/ready/);
    await loopback.ask('listen', 'ip/udp/7001', true);
    // A packet that comes to the loopback from outside of the system's own stack.
    for (const name of ['route_localnet', 'accept_local']) await a.sysctl(`ipv4.conf.lo.${name}`, 1);
    await say('127.0.0.1');
    await expect.poll(() => framesOf(loopback).filter((frame) => frame[23] === 17).length).toBe(1);
    const frame = framesOf(loopback).find((each) => each[23] === 17)!;
    const socat = a.start(['socat', '-u', 'UDP4-RECV:7001', 'STDOUT']);
    await expect.poll(() => a.run(['ss', '-Huln'])).toContain(':7001');
    await send(loopback, frame);
    await socat.waitFor(/hi/);
    expect(framesOf(loopback).filter((each) => each[23] === 17)).toHaveLength(1);
    for (const piece of [out, quiet, loopback]) await piece.ask('close');
  },
);

labTest('what the kernel drops while the lane is stuck is counted', async ({ lab }) => {
  const [a, b] = await twoHosts(lab);
  const piece = await packetOn(lab, a, ['ip/udp/local:7001']);
  const go = join(lab.folder, 'go');
  expect(await piece.ask('stall', go)).toBe('stalls');
  const count = 20_000;
  const flood = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(${count}): s.sendto(b'x' * 1000, ('192.0.2.1', 7001))
`;
  await b.run(['python3', '-c', flood]);
  writeFileSync(go, '');
  const lost = async (): Promise<number> => (await counters(piece))['queue-overrun'] ?? 0;
  await expect.poll(async () => (await lost()) + framesOf(piece).length, PATIENT).toBe(count);
  expect(await lost()).toBeGreaterThan(0);
  await piece.ask('close');
});

labTest('follows its device, down and up, gone and back, under another name', async ({ lab }) => {
  const [a, b] = await twoHosts(lab);
  const piece = await packetOn(lab, a, ['ip/icmp']);
  const status = () => piece.ask('status');
  const pings = async (): Promise<boolean> => {
    const before = framesOf(piece).length;
    await b.runAnyway(['ping', '-c', '1', '-W', '1', '192.0.2.1']);
    return framesOf(piece).length > before;
  };
  const own = await addressOf(a);
  const frame = Buffer.concat([Buffer.alloc(6, 255), own, Buffer.from('88b5', 'hex'), Buffer.alloc(46)]);
  await expect.poll(pings, PATIENT).toBe(true);
  await a.ip('link', 'set', 'eth0', 'down');
  await expect.poll(status, PATIENT).toContain('the device is down');
  await send(piece, frame);
  expect(await counters(piece)).toEqual({ 'device-down': 1 });
  await a.ip('link', 'set', 'eth0', 'up');
  await expect.poll(status, PATIENT).toContain('"good"');
  await expect.poll(pings, PATIENT).toBe(true);
  // The address changes, and with it what the piece may send.
  await a.ip('link', 'set', 'eth0', 'address', '02:00:00:00:00:bb');
  await expect.poll(status, PATIENT).toContain('02:00:00:00:00:bb');
  await send(piece, frame);
  expect((await counters(piece))['not-granted']).toBe(1);
  await a.ip('link', 'set', 'eth0', 'down');
  await a.ip('link', 'set', 'eth0', 'name', 'other');
  await expect.poll(status, PATIENT).toContain('no device has the name eth0 now');
  await a.ip('link', 'del', 'other');
  await expect.poll(() => piece.ask('deviates'), PATIENT).toBe('true');
  await send(piece, frame);
  expect((await counters(piece)).closed).toBe(1);
  await lab.wire(a, 'eth0', b, 'eth0');
  await a.addAddress('eth0', '192.0.2.1/24');
  await b.addAddress('eth0', '192.0.2.2/24');
  await expect.poll(status, PATIENT).toContain('"good"');
  expect(await piece.ask('deviates')).toBe('false');
  await expect.poll(pings, PATIENT).toBe(true);
  expect(await piece.ask('close')).toBe('closed true');
});

labTest('a successor loses and repeats no frame, and promiscuity ends with the piece', async ({ lab }) => {
  const [a, b] = await twoHosts(lab);
  const settings: Settings = [
    ['device', 'eth0'],
    ['promiscuous', 'true'],
  ];
  const promiscuity = async (): Promise<string> =>
    /promiscuity (\d+)/.exec(await a.ip('-d', 'link', 'show', 'dev', 'eth0'))![1]!;
  const piece = await packetOn(lab, a, ['ip/udp/local:7001'], settings.slice(1));
  expect(await promiscuity()).toBe('1');
  const count = 300;
  const sender = b.start([
    'python3',
    '-c',
    `
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(${count}):
  s.sendto(b'%04d' % n, ('192.0.2.1', 7001))
  time.sleep(0.002)
`,
  ]);
  for (let n = 0; n < 5; n++) {
    expect(await piece.ask('replace', settings, ['ip/udp/local:7001'])).toBe('replaced ');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await sender.ended;
  const heard = () => framesOf(piece).map((frame) => Number(frame.subarray(42, 46).toString()));
  await expect.poll(() => heard().length, PATIENT).toBe(count);
  expect(heard()).toEqual(Array.from({ length: count }, (_, n) => n));
  // Other settings: another socket, which reads from the commit on.
  expect(await piece.ask('replace', [['device', 'eth0']], ['ip/udp/local:7001'])).toBe('replaced ');
  expect(await promiscuity()).toBe('0');
  await b.run(['sh', '-c', 'printf 9999 | socat -u STDIN UDP4-SENDTO:192.0.2.1:7001']);
  await expect.poll(() => heard().length, PATIENT).toBe(count + 1);
  expect(await piece.ask('close')).toBe('closed true');
  // Also where it is killed.
  const killed = await packetOn(lab, a, [], settings.slice(1));
  expect(await promiscuity()).toBe('1');
  killed.running.child.kill('SIGKILL');
  await killed.running.ended;
  await expect.poll(promiscuity, PATIENT).toBe('0');
});

labTest('packets of a device without link header pass in mode ip', async ({ lab }) => {
  const [a] = await twoHosts(lab);
  await a.ip('tuntap', 'add', 'mode', 'tun', 'name', 't0');
  const refused = new NativePieceProcess(lab, a, 'packet', [['device', 't0']]);
  const [, why] = await refused.running.waitFor(/^refused (.*)$/m);
  expect(why).toMatch(/^FT_SOCKET_ADDRESS .*no Ethernet addresses.*Set mode: ip/);
  const wrong = new NativePieceProcess(lab, a, 'packet', [
    ['device', 'eth0'],
    ['mode', 'ip'],
  ]);
  expect((await wrong.running.waitFor(/^refused (.*)$/m))[1]).toMatch(/link header.*Set mode: ethernet/);
  // The other side of the tun device, which makes it up.
  const other = new NativePieceProcess(lab, a, 'tun', [
    ['device', 't0'],
    ['address', '198.51.100.1/24'],
  ]);
  await other.running.waitFor(/ready/);
  const piece = new NativePieceProcess(lab, a, 'packet', [
    ['device', 't0'],
    ['mode', 'ip'],
    ['outgoing', 'true'],
  ]);
  await piece.running.waitFor(/ready/);
  await piece.ask('listen', 'ip/udp/local:7001', true);
  await a.run(['sh', '-c', 'printf out | socat -u STDIN UDP4-SENDTO:198.51.100.7:7001']);
  await expect.poll(() => framesOf(piece).length).toBe(1);
  const packet = framesOf(piece)[0]!;
  expect([packet.subarray(28).toString(), isWhole(packet, 0)]).toEqual(['out', true]);
  // A packet that the piece sends leaves by the device; with an address of another it does not.
  packet.write('own', 28);
  packet.writeUInt16BE(0, 26);
  await piece.ask('send', packet.toString('hex'), [['ipv4', 1, packet.length]]);
  await other.running.waitFor(/^frame .*6f776e$/m);
  packet[15] = 77;
  await piece.ask('send', packet.toString('hex'), [['ipv4', 1, packet.length]]);
  expect(await counters(piece)).toEqual({ 'not-granted': 1 });
  for (const each of [piece, other]) await each.ask('close');
});

labTest(
  'a user without the right, and a device that is not there, are refused with the remedy',
  async ({ lab }) => {
    const [a] = await twoHosts(lab);
    const plain = [
      'setpriv',
      '--reuid',
      '65534',
      '--regid',
      '65534',
      '--clear-groups',
      '--bounding-set',
      '-all',
    ];
    const poor = new NativePieceProcess(lab, a, 'packet', [['device', 'eth0']], plain);
    const [, said] = await poor.running.waitFor(/^refused (.*)$/m);
    expect(said).toMatch(
      /^FT_SOCKET_PERMISSION piece here: the packet socket of the device eth0 .*CAP_NET_RAW/,
    );
    expect(said).toMatch(/free true$/);
    const absent = new NativePieceProcess(lab, a, 'packet', [['device', 'eth9']]);
    expect((await absent.running.waitFor(/^refused (.*)$/m))[1]).toMatch(
      /^FT_SOCKET_ADDRESS .*no such device/,
    );
  },
);

labTest('a puzzle bridges an Ethernet and a tap device: ping and a stream pass', async ({ lab }) => {
  const [a, b] = [await lab.namespace('a'), await lab.namespace('b')];
  await lab.wire(a, 'eth0', b, 'eth0');
  await b.addAddress('eth0', '192.0.2.2/24');
  const file = join(lab.folder, 'bridge.yaml');
  writeFileSync(
    file,
    `pieces:
  wire:
    piece: packet
    settings: { device: eth0, promiscuous: true, send: any }
    edges: { ethernet: lan }
  tap:
    piece: tun
    settings: { device: tap0, mode: ethernet, address: 192.0.2.1/24 }
    edges: { ethernet: lan }
`,
  );
  const funnel = await FunnelProcess.start(a, file, lab.folder);
  expect(await b.run(['ping', '-c', '3', '-i', '0.2', '192.0.2.1'])).toContain('3 received');
  // Both ways, so that large segments of the system go in and come out divided.
  for (const [listener, caller, address] of [
    [a, b, '192.0.2.1'],
    [b, a, '192.0.2.2'],
  ] as const) {
    const received = join(lab.folder, `received-${listener.name}`);
    const receiver = listener.start(['socat', '-u', 'TCP4-LISTEN:7000', `CREATE:${received}`]);
    await expect.poll(() => listener.run(['ss', '-Htln'])).toContain(':7000');
    const sent = join(lab.folder, `sent-${listener.name}`);
    await caller.run([
      'sh',
      '-c',
      `head -c 3000000 /dev/urandom > ${sent}; socat -u OPEN:${sent} TCP4:${address}:7000`,
    ]);
    await receiver.ended;
    expect(existsSync(received)).toBe(true);
    await a.run(['cmp', sent, received]);
  }
  await funnel.stop();
});

/** On a loaded machine a look may come late, and that is no fault. */
const PATIENT = { timeout: 20_000, interval: 50 };
