import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { hasCommand } from '../net/command.ts';
import { endedFor, FunnelProcess, framesAt, losses } from '../net/funnel-process.ts';
import { labTest } from '../net/lab-test.ts';
import type { Namespace } from '../net/namespace.ts';
import type { NetLab } from '../net/net-lab.ts';
import { be16, be32 } from '../sctp/wire.ts';

// usrsctp's tsctp, which speaks SCTP over UDP (RFC 6951), on one side; the piece on the other.
const TSCTP = '/usr/lib/usrsctp/tsctp';
const DISCARD = '/usr/lib/usrsctp/discard_server';
const RTCWEB = '/usr/lib/usrsctp/rtcweb';
const UDP = ['-E', '9899', '-U', '9899'];

const FAULTS = { none: {}, some: { loss: 0.03, duplicate: 0.02, reorder: 0.05 } } as const;

for (const [how, faults] of Object.entries(FAULTS)) {
  labTest(`tsctp sends all its messages to the piece, with faults: ${how}`, async ({ lab, skip }) => {
    if (!existsSync(TSCTP)) skip(`${TSCTP} is not here: Debian's libusrsctp-examples`);
    const { funnel, peer } = await twoHosts(lab);
    const server = await FunnelProcess.start(
      funnel,
      configuration(lab, 'server', {
        sctp: { piece: 'sctp', settings: { port: 5001 }, edges: { streams: 'up', carrier: 'line' } },
        fault: { piece: 'fault', settings: { seed: 7, ...faults }, edges: { a: 'line', b: 'wire' } },
        sink: {
          piece: 'pcap-writer',
          settings: { file: 'up.pcapng', stack: 'ip/sctp', direction: 'down', snaplen: 100 },
          edges: { frames: 'up' },
        },
        net: { piece: 'udp', edges: { udp: 'wire' } },
      }),
      lab.folder,
    );
    await quietly(peer, [TSCTP, ...UDP, '-n', '2000', '-l', '1000', '-p', '5001', '192.0.2.1']);
    const snapshot = await server.snapshot();
    expect(endedFor(snapshot, 'sink', 'recorded')).toBe(2000);
    expect(framesAt(snapshot, 'sctp', 'streams')).toEqual({ in: 0, out: 2000 });
    if (how === 'none') expect(losses(snapshot)).toEqual(new Map());
    expect((await server.stop()).status).toBe(0);
  });
}

labTest('tsctp sends all its messages to the piece right on IP, by a raw socket', async ({ lab, skip }) => {
  if (!existsSync(TSCTP)) skip(`${TSCTP} is not here: Debian's libusrsctp-examples`);
  const { funnel, peer } = await twoHosts(lab);
  const server = await FunnelProcess.start(
    funnel,
    configuration(lab, 'server', {
      sctp: { piece: 'sctp', settings: { port: 5001 }, edges: { streams: 'up', carrier: 'wire' } },
      sink: {
        piece: 'pcap-writer',
        settings: { file: 'up.pcapng', stack: 'ip/sctp', direction: 'down', snaplen: 100 },
        edges: { frames: 'up' },
      },
      net: { piece: 'raw', settings: { protocol: 'sctp', family: 'ipv4' }, edges: { ip: 'wire' } },
    }),
    lab.folder,
  );
  await quietly(peer, [TSCTP, '-n', '2000', '-l', '1000', '-p', '5001', '192.0.2.1']);
  const snapshot = await server.snapshot();
  expect(endedFor(snapshot, 'sink', 'recorded')).toBe(2000);
  expect(losses(snapshot)).toEqual(new Map());
  expect((await server.stop()).status).toBe(0);
});

labTest('tsctp gives up what is lost, and the piece goes on with the rest', async ({ lab, skip }) => {
  if (!existsSync(TSCTP)) skip(`${TSCTP} is not here: Debian's libusrsctp-examples`);
  const { funnel, peer } = await twoHosts(lab);
  const server = await FunnelProcess.start(
    funnel,
    configuration(lab, 'server', {
      sctp: { piece: 'sctp', settings: { port: 5001 }, edges: { streams: 'up', carrier: 'line' } },
      fault: { piece: 'fault', settings: { seed: 7, loss: 0.05 }, edges: { a: 'line', b: 'wire' } },
      sink: {
        piece: 'pcap-writer',
        settings: { file: 'up.pcapng', stack: 'ip/sctp', direction: 'down', snaplen: 100 },
        edges: { frames: 'up' },
      },
      net: { piece: 'udp', edges: { udp: 'wire' } },
    }),
    lab.folder,
  );
  // No message is sent twice: policy 2 limits the number of resends, here to 0.
  await quietly(peer, [
    TSCTP,
    ...UDP,
    '-P',
    '2',
    '-t',
    '0',
    '-n',
    '2000',
    '-l',
    '1000',
    '-p',
    '5001',
    '192.0.2.1',
  ]);
  const snapshot = await server.snapshot();
  const recorded = endedFor(snapshot, 'sink', 'recorded');
  expect(recorded).toBeGreaterThan(1000);
  expect(recorded).toBeLessThan(2000);
  expect(endedFor(snapshot, 'sctp', 'violation')).toBe(0);
  expect((await server.stop()).status).toBe(0);
});

labTest('usrsctp follows when the piece gives up messages', async ({ lab, skip }) => {
  if (!existsSync(DISCARD)) skip(`${DISCARD} is not here: Debian's libusrsctp-examples`);
  const { funnel, peer } = await twoHosts(lab);
  const recording = join(lab.folder, 'messages.pcap');
  const sent = Array.from({ length: 400 }, (_, n) => ({
    sid: n % 4,
    ppid: n + 1,
    length: 1 + ((n * 137) % 3000),
  }));
  writeMessages(recording, sent);
  const output = join(lab.folder, 'discard.log');
  const listener = peer.start(['sh', '-c', `exec stdbuf -oL ${DISCARD} 9899 9899 > ${output} 2>&1`]);
  await until(peer, 'grep -q :26AB /proc/net/udp');
  const client = await FunnelProcess.start(
    funnel,
    configuration(lab, 'client', {
      source: {
        piece: 'pcap-reader',
        settings: { file: recording, stack: 'ip/sctp/local:5002', speed: 'fast' },
        edges: { frames: 'up' },
      },
      sctp: {
        piece: 'sctp',
        settings: { 'send-buffer': 1_048_576, reliability: ['2-3 resends 0'] },
        edges: { streams: 'up', carrier: 'line' },
      },
      fault: { piece: 'fault', settings: { seed: 5, loss: 0.1 }, edges: { a: 'line', b: 'wire' } },
      net: { piece: 'udp', edges: { udp: 'wire' } },
    }),
    lab.folder,
  );
  await until(peer, `grep -aq 'SCTP_SHUTDOWN_COMPLETE\\|SHUTDOWN-COMPLETE\\|SHUTDOWN COMPLETE' ${output}`);
  const lines = (await peer.run(['cat', output])).split('\n');
  const got = messagesIn(lines);
  for (let sid = 0; sid < 4; sid++) {
    const wanted = sent.filter((each) => each.sid === sid).map(({ ppid }) => ppid);
    const came = got.filter((each) => each.sid === sid).map(({ ppid }) => ppid);
    expect(came).toEqual(sid < 2 ? wanted : wanted.filter((ppid) => came.includes(ppid)));
  }
  expect(got.length).toBeLessThan(sent.length);
  expect((await client.stop()).status).toBe(0);
  await listener.stop('SIGTERM');
});

labTest('tshark finds nothing malformed in what two pieces say to each other', async ({ lab, skip }) => {
  if (!hasCommand('tshark')) skip('tshark is not here: Debian’s tshark');
  const { funnel, peer } = await twoHosts(lab);
  const server = await FunnelProcess.start(
    peer,
    configuration(lab, 'server', {
      sctp: { piece: 'sctp', settings: { port: 9 }, edges: { streams: 'up', carrier: 'line' } },
      fault: {
        piece: 'fault',
        settings: { seed: 3, loss: 0.05, reorder: 0.1 },
        edges: { a: 'line', b: 'tapped' },
      },
      tap: { piece: 'tap', settings: { stack: 'ip' }, edges: { a: 'tapped', b: 'wire', copy: 'copy' } },
      capture: { piece: 'pcap-writer', settings: { file: 'wire.pcapng' }, edges: { frames: 'copy' } },
      sink: {
        piece: 'pcap-writer',
        settings: { file: 'up.pcapng', stack: 'ip/sctp', direction: 'down', snaplen: 100 },
        edges: { frames: 'up' },
      },
      net: { piece: 'udp', edges: { udp: 'wire' } },
    }),
    lab.folder,
  );
  const recording = join(lab.folder, 'messages.pcap');
  // tshark does not dissect data without a registered payload protocol.
  const messages = Array.from({ length: 100 }, (_, n) =>
    packet(0, n % 5 === 0 ? 7 : 3, [
      ...be32(0),
      ...be16(n % 8),
      0,
      0,
      ...be32(0x7000_0000 + n),
      ...Array(1 + ((n * 137) % 3000)).fill(n),
    ]),
  );
  writeFileSync(recording, pcap([...messages, packet(7, 0, [0, 0, 0, 0])]));
  const client = await FunnelProcess.start(
    funnel,
    configuration(lab, 'client', {
      source: {
        piece: 'pcap-reader',
        settings: { file: recording, stack: 'ip/sctp/local:5002', speed: 'fast' },
        edges: { frames: 'up' },
      },
      sctp: { piece: 'sctp', edges: { streams: 'up', carrier: 'wire' } },
      net: { piece: 'udp', edges: { udp: 'wire' } },
    }),
    lab.folder,
  );
  for (let n = 0; endedFor(await server.snapshot(), 'sink', 'recorded') < 100; n++)
    expect(n).toBeLessThan(300);
  for (const each of [client, server]) expect((await each.stop()).status).toBe(0);
  const capture = join(lab.folder, 'wire.pcapng');
  const decode = ['tshark', '-r', capture, '-d', 'udp.port==9899,sctp', '-o', 'sctp.checksum:TRUE'];
  const types = await funnel.run([...decode, '-T', 'fields', '-e', 'sctp.chunk_type']);
  for (const type of [0, 1, 2, 3, 10, 11]) expect(types).toMatch(new RegExp(`\\b${type}\\b`));
  expect(
    await funnel.run([
      ...decode,
      '-Y',
      '_ws.malformed || sctp.checksum.status == 0 || _ws.expert.severity == error',
    ]),
  ).toBe('');
});

labTest('usrsctp and the piece reset a stream, each at the wish of the other', async ({ lab, skip }) => {
  if (!existsSync(RTCWEB)) skip(`${RTCWEB} is not here: Debian's libusrsctp-examples`);
  const { funnel, peer } = await twoHosts(lab);
  const output = join(lab.folder, 'rtcweb.log');
  // It waits for commands; a data channel that its peer resets is reset by it, too.
  const listener = peer.start([
    'sh',
    '-c',
    `sleep 60 | exec stdbuf -oL ${RTCWEB} 9899 9899 9 > ${output} 2>&1`,
  ]);
  await until(peer, 'grep -q :26AB /proc/net/udp');
  const recording = join(lab.folder, 'messages.pcap');
  const onStream2 = (value: readonly number[]) =>
    packet(0, 3, [...be32(0), ...be16(2), 0, 0, ...be32(50), ...value]);
  // Opens a data channel in three steps, the second of which is the answer, and resets its stream.
  const label = [...Buffer.from('funnel')];
  const messages = [
    onStream2([0, 0, 0, 0, 0, 0, 0, 0, ...label]),
    onStream2([2]),
    packet(130, 0, [...be16(13), ...be16(18), ...Array(12).fill(0), ...be16(2), 0, 0]),
  ];
  writeFileSync(recording, pcap(messages));
  const client = await FunnelProcess.start(
    funnel,
    configuration(lab, 'client', {
      source: {
        piece: 'pcap-reader',
        settings: { file: recording, stack: 'ip/sctp/local:5002', speed: 'fast' },
        edges: { frames: 'up' },
      },
      sctp: { piece: 'sctp', edges: { streams: 'up', carrier: 'wire' } },
      net: { piece: 'udp', edges: { udp: 'wire' } },
    }),
    lab.folder,
  );
  await until(peer, `grep -aq 'Stream reset event: flags = [0-9a-f]*, incoming' ${output}`);
  // usrsctp resets its own stream then, and learns that the piece has done so, too.
  await until(peer, `grep -aq 'outgoing stream ids' ${output}`);
  expect((await client.stop()).status).toBe(0);
  await listener.stop('SIGTERM');
});

labTest('usrsctp gets all messages of the piece, and the association is shut down', async ({ lab, skip }) => {
  if (!existsSync(DISCARD)) skip(`${DISCARD} is not here: Debian's libusrsctp-examples`);
  const { funnel, peer } = await twoHosts(lab);
  const recording = join(lab.folder, 'messages.pcap');
  const sent = Array.from({ length: 300 }, (_, n) => ({
    sid: n % 8,
    ppid: n + 1,
    length: 1 + ((n * 137) % 3000),
  }));
  writeMessages(recording, sent);
  const output = join(lab.folder, 'discard.log');
  // Port 9, with both ports of UDP.
  const listener = peer.start(['sh', '-c', `exec stdbuf -oL ${DISCARD} 9899 9899 > ${output} 2>&1`]);
  await until(peer, 'grep -q :26AB /proc/net/udp');
  const client = await FunnelProcess.start(
    funnel,
    configuration(lab, 'client', {
      source: {
        piece: 'pcap-reader',
        settings: { file: recording, stack: 'ip/sctp/local:5002', speed: 'fast' },
        edges: { frames: 'up' },
      },
      sctp: {
        piece: 'sctp',
        settings: { 'send-buffer': 1_048_576 },
        edges: { streams: 'up', carrier: 'wire' },
      },
      net: { piece: 'udp', edges: { udp: 'wire' } },
    }),
    lab.folder,
  );
  await until(peer, `grep -aq 'SCTP_SHUTDOWN_COMPLETE\\|SHUTDOWN-COMPLETE\\|SHUTDOWN COMPLETE' ${output}`);
  const lines = (await peer.run(['cat', output])).split('\n');
  const got = messagesIn(lines);
  for (let sid = 0; sid < 8; sid++) {
    expect(got.filter((each) => each.sid === sid)).toEqual(sent.filter((each) => each.sid === sid));
  }
  expect(losses(await client.snapshot())).toEqual(new Map());
  expect((await client.stop()).status).toBe(0);
  await listener.stop('SIGTERM');
});

/** The messages that usrsctp's discard_server reports. */
function messagesIn(lines: readonly string[]): { sid: number; ppid: number; length: number }[] {
  return lines.flatMap((line) => {
    const match = /Msg of length (\d+) received from .* on stream (\d+) .*PPID (\d+)/.exec(line);
    return match === null
      ? []
      : [{ sid: Number(match[2]), ppid: Number(match[3]), length: Number(match[1]) }];
  });
}

async function until(host: Namespace, condition: string): Promise<void> {
  await host.run(['sh', '-c', `for n in $(seq 300); do ${condition} && exit 0; sleep 0.1; done; exit 1`]);
}

/** Debian's build reports each packet; its output goes to a file. */
async function quietly(host: Namespace, argv: readonly string[]): Promise<void> {
  await host.run(['sh', '-c', `exec ${argv.join(' ')} > /dev/null 2>&1`]);
}

/** A chunk of SCTP from 192.0.2.1, port 5002, to 192.0.2.2, port 9. */
function packet(type: number, flags: number, value: readonly number[]): Buffer {
  const length = 4 + value.length;
  const chunk = [type, flags, ...be16(length), ...value];
  while (chunk.length % 4 !== 0) chunk.push(0);
  const total = 32 + chunk.length;
  const header = Buffer.from([
    0x45,
    0,
    ...be16(total),
    0,
    0,
    0,
    0,
    64,
    132,
    0,
    0,
    192,
    0,
    2,
    1,
    192,
    0,
    2,
    2,
  ]);
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += header.readUInt16BE(at);
  header.writeUInt16BE(~((sum & 0xffff) + (sum >>> 16)) & 0xffff, 10);
  return Buffer.from([...header, ...be16(5002), ...be16(9), 0, 0, 0, 0, 0, 0, 0, 0, ...chunk]);
}

/** A capture file of IP packets. */
function pcap(packets: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(24);
  head.writeUInt32LE(0xa1b2_c3d4, 0);
  head.writeUInt16LE(2, 4);
  head.writeUInt16LE(4, 6);
  head.writeUInt32LE(65_535, 16);
  head.writeUInt32LE(101, 20);
  const records = packets.flatMap((each) => {
    const record = Buffer.alloc(16);
    record.writeUInt32LE(each.length, 8);
    record.writeUInt32LE(each.length, 12);
    return [record, each];
  });
  return Buffer.concat([head, ...records]);
}

async function twoHosts(lab: NetLab): Promise<{ funnel: Namespace; peer: Namespace }> {
  const [funnel, peer] = [await lab.namespace('funnel'), await lab.namespace('peer')];
  await lab.wire(funnel, 'eth0', peer, 'eth0');
  await funnel.addAddress('eth0', '192.0.2.1/24');
  await peer.addAddress('eth0', '192.0.2.2/24');
  return { funnel, peer };
}

function configuration(lab: NetLab, name: string, pieces: object): string {
  const path = join(lab.folder, `${name}.yaml`);
  // JSON is valid YAML.
  writeFileSync(path, JSON.stringify({ pieces }));
  return path;
}

/** Writes a capture of these messages from above, and of a shutdown behind them. */
function writeMessages(
  file: string,
  sent: readonly { readonly sid: number; readonly ppid: number; readonly length: number }[],
): void {
  const messages = sent.map(({ sid, ppid, length }) =>
    packet(0, 3, [...be32(0), ...be16(sid), 0, 0, ...be32(ppid), ...Array(length).fill(ppid & 255)]),
  );
  writeFileSync(file, pcap([...messages, packet(7, 0, [0, 0, 0, 0])]));
}
