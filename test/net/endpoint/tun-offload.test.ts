import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { ACK, type FlowPacket, flowOf, flowPacket, PSH } from '../../offload/flow-packets.ts';
import { labTest } from '../lab-test.ts';
import type { NetLab } from '../net-lab.ts';
import { builtHost } from './built-host.ts';

/**
 * Opens the devices a0 and b0, writes the batches of a file to a0, and prints what the kernel forwards to b0.
 * The system's own packets are not printed.
 */
const SCRIPT = `
  const [, addon, file, a, b, expected] = process.argv;
  const io = require(addon), fs = require('node:fs'), cp = require('node:child_process');
  const memory = new ArrayBuffer(64 * 4096), bytes = Buffer.from(memory), words = () => new Int32Array(64);
  const open = (device, offload, onBatch, base) => {
    const arrays = { memory, slots: 32, room: 1728, addresses: words().map((_, i) => base + i * 4096), lengths: words(),
      outAddresses: words(), outHeaders: words(), outLengths: words(), tally: words() };
    const batch = io.createBatch({ ...arrays, onBatch: (_, count) => onBatch(arrays, count) });
    const tun = io.openTun(batch, { device, tap: false, multiQueue: false, offload, namespace: -1, netlink: -1 });
    io.start(tun.channel);
    cp.execFileSync('sh', ['-c', 'ip link set ' + device + ' up; ip addr add ' + (device === 'a0' ? '10.0.1.1/24' : '10.0.2.1/24') +
      ' dev ' + device + '; ip -6 addr add fc64:0:' + (device === 'a0' ? 1 : 2) + '::1/48 nodad dev ' + device]);
    return { ...tun, ...arrays };
  };
  let left = Number(expected), large = 0;
  const from = open('a0', a === 'true', () => {}, 0);
  open('b0', b === 'true', (arrays, count) => {
    for (let i = 0; i < count; i++) {
      const at = arrays.addresses[i], length = arrays.lengths[i];
      if (length < 0) console.log('lost');
      const packet = bytes.subarray(at, at + length);
      const last = packet[0] >> 4 === 4 ? packet.subarray(16, 19) : packet.subarray(24, 30);
      if (!['0a0002', 'fc6400000002'].includes(last.toString('hex'))) continue;
      console.log(packet.toString('hex'));
      if (--left === 0) console.log('all', JSON.stringify([...from.tally]));
    }
  }, 32 * 4096);
  for (const batch of JSON.parse(fs.readFileSync(file, 'utf8'))) {
    batch.forEach((each, i) => {
      bytes.write(each, i * 4096, 'hex');
      from.outAddresses[i] = i * 4096;
      from.outLengths[i] = each.length / 2;
    });
    console.log('written', io.writeTun(from.channel, batch.length));
  }
  setTimeout(() => console.log('time is up'), 20_000).unref();
`;

/** A packet behind a router. */
function forwarded(packet: Buffer): string {
  const copy = Buffer.from(packet);
  if (copy[0]! >>> 4 === 6) {
    copy[7]!--;
    return copy.toString('hex');
  }
  copy[8]!--;
  copy.writeUInt16BE(0, 10);
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += copy.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  copy.writeUInt16BE(~sum & 0xffff, 10);
  return copy.toString('hex');
}

/** Streams and datagrams in both IP versions, mixed, with short ends, and with gaps. */
function batches(): Buffer[][] {
  const made: FlowPacket[] = [];
  const sequences = [0, 0, 0, 0];
  for (let n = 0; n < 320; n++) {
    // Runs of each flow, and mixtures of all.
    const index = n < 160 ? (n >> 3) & 3 : n & 3;
    const size = n % 29 === 7 ? 333 : 1200;
    const sequence = sequences[index]!;
    sequences[index]! += size + (n % 41 === 3 ? 10 : 0);
    made.push({
      version: (index & 1) === 0 ? 4 : 6,
      protocol: index < 2 ? 'tcp' : 'udp',
      flow: index,
      payload: new Uint8Array(size).map((_, i) => (i * 7 + n) & 0xff),
      sequence,
      identification: n >> (n < 160 ? 0 : 2),
      flags: n % 23 === 5 ? ACK! | PSH! : ACK!,
    });
  }
  const packets = made.map(flowPacket);
  return Array.from({ length: packets.length / 32 }, (_, i) => packets.slice(32 * i, 32 * (i + 1)));
}

async function through(lab: NetLab, a: boolean, b: boolean): Promise<{ packets: string[]; output: string }> {
  const host = await lab.namespace('host');
  for (const name of ['ipv4.ip_forward', 'ipv6.conf.all.forwarding']) await host.sysctl(name, 1);
  const all = batches();
  const file = join(lab.folder, 'batches.json');
  writeFileSync(file, JSON.stringify(all.map((batch) => batch.map((each) => each.toString('hex')))));
  const addon = join(builtHost(), 'addon', 'funnel-io.node');
  const argv = [addon, file, String(a), String(b), String(all.flat().length)];
  const running = host.start([process.execPath, '-e', SCRIPT, ...argv]);
  await running.waitFor(/^(all .*|time is up)$/m);
  const output = running.stdout;
  return { packets: output.match(/^[0-9a-f]{80,}$/gm) ?? [], output };
}

describe.each([
  [false, false],
  [true, false],
  [false, true],
  [true, true],
])('with offload %s on the way in, and %s on the way out,', (a, b) => {
  labTest('the kernel forwards each packet of each flow, byte for byte, in order', async ({ lab }) => {
    const { packets, output } = await through(lab, a, b);
    expect(output).toContain('all');
    expect(output).not.toContain('lost');
    expect(byFlow(packets)).toEqual(byFlow(batches().flat().map(forwarded)));
  });
});

function byFlow(packets: readonly string[]): Map<string, string[]> {
  const flows = new Map<string, string[]>();
  for (const each of packets) {
    const name = flowOf(Buffer.from(each, 'hex'));
    flows.set(name, [...(flows.get(name) ?? []), each]);
  }
  return flows;
}
