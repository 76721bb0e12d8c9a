import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { flowPacket } from '../../offload/flow-packets.ts';
import { labTest } from '../lab-test.ts';
import { builtHost } from './built-host.ts';

/**
 * Sends the packets of a file, batch by batch, from a socket of the addon with offload, prints the payloads
 * that sockets of Node receive, by port, and how many datagrams the kernel was given.
 */
const SCRIPT = `
  const [, addon, file] = process.argv;
  const io = require(addon), fs = require('node:fs'), dgram = require('node:dgram');
  const memory = new ArrayBuffer(64 * 4096), bytes = Buffer.from(memory), words = () => new Int32Array(64);
  const arrays = { memory, slots: 64, room: 1728, addresses: words().map((_, i) => i * 4096), lengths: words(),
    outAddresses: words(), outHeaders: words(), outLengths: words(), tally: words(), onBatch() {} };
  const batch = io.createBatch(arrays);
  const { batches, version } = JSON.parse(fs.readFileSync(file, 'utf8'));
  const { channel } = io.openUdp(batch, { family: version, address: '', port: 5000, device: '', group: '', reuse: false,
    broadcast: false, fragment: true, offload: true });
  let left = batches.flat().length;
  const given = () => Number(version === 4
    ? fs.readFileSync('/proc/net/snmp', 'utf8').match(/^Udp: (?:\\d+ ){3}(\\d+)/m)[1]
    : fs.readFileSync('/proc/net/snmp6', 'utf8').match(/^Udp6OutDatagrams\\s+(\\d+)/m)[1]);
  const ports = [2000, 2001];
  const sockets = ports.map((port) => dgram.createSocket({ type: 'udp' + version, recvBufferSize: 1 << 21 }).bind(port, () => {
    if (--waiting === 0) send();
  }).on('message', (data) => {
    console.log(port, data.toString('hex'));
    if (--left === 0) console.log('all', given() - before, JSON.stringify([...arrays.tally]));
  }));
  let waiting = ports.length, before = 0;
  function send() {
    before = given();
    for (const each of batches) {
      each.forEach((packet, i) => {
        bytes.write(packet, i * 4096, 'hex');
        arrays.outAddresses[i] = i * 4096;
        arrays.outHeaders[i] = i * 4096 + (version === 4 ? 20 : 40);
        arrays.outLengths[i] = packet.length / 2 - (version === 4 ? 28 : 48);
      });
      console.log('sent', io.sendUdp(channel, each.length));
    }
  }
`;

labTest.for([4, 6] as const)(
  'datagrams of IPv%i that the kernel divides arrive as they were, in order',
  async (version, { lab }) => {
    const host = await lab.namespace('host');
    await host.ip('link', 'set', 'lo', 'up', 'mtu', '1500');
    const packet = (flow: number, size: number, n: number, change = {}) => {
      const payload = new Uint8Array(size).fill(n);
      const bytes = flowPacket({ version, protocol: 'udp', flow, payload, dontFragment: false, ...change });
      // From any address to this machine.
      if (version === 4) bytes.set([0, 0, 0, 0, 127, 0, 0, 1], 12);
      else bytes.fill(0, 8, 39)[39] = 1;
      return bytes.toString('hex');
    };
    const batches = [
      // One run of the largest number, one with a short end, two destinations in turns.
      Array.from({ length: 64 }, (_, n) => packet(0, 900, n)),
      Array.from({ length: 20 }, (_, n) => packet(0, n === 9 ? 20 : 900, n)),
      Array.from({ length: 20 }, (_, n) => packet(n & 1, 500, n)),
      // Another hop limit, empty ones, and some that are larger than the path, which go one by one.
      Array.from({ length: 20 }, (_, n) => packet(0, 100, n, { hopLimit: n < 10 ? 64 : 9 })),
      Array.from({ length: 5 }, (_, n) => packet(0, 0, n)),
      Array.from({ length: 6 }, (_, n) => packet(0, 2000, n)),
      Array.from({ length: 6 }, (_, n) => packet(0, 1000, n)),
    ];
    const file = join(lab.folder, 'batches.json');
    writeFileSync(file, JSON.stringify({ batches, version }));
    const addon = join(builtHost(), 'addon', 'funnel-io.node');
    const running = host.start([process.execPath, '-e', SCRIPT, addon, file]);
    const [, given] = await running.waitFor(/^all (\d+) \[0(?:,0)*\]$/m);
    const headers = version === 4 ? 28 : 48;
    for (const port of [2000, 2001]) {
      const sent = batches
        .flat()
        .filter((each) => Buffer.from(each, 'hex').readUInt16BE(headers - 6) === port);
      const arrived = [...running.stdout.matchAll(new RegExp(`^${port} (.*)$`, 'gm'))].map(
        (match) => match[1],
      );
      expect(arrived).toEqual(sent.map((each) => each.slice(2 * headers)));
    }
    // 1, 2, 20, 2, 5, 6 and 1: each refused join is no datagram.
    expect(Number(given)).toBe(37);
  },
);
