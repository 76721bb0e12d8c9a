import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { expect } from 'vitest';
import { capture } from './capture.ts';
import { CommandError, run } from './command.ts';
import { labTest } from './lab-test.ts';
import { NatBox } from './nat-box.ts';
import { NetLab } from './net-lab.ts';
import { readPcapng } from './pcapng.ts';
import { processIdentity } from './process-identity.ts';
import { sweep } from './sweep.ts';

/** For an answer it waits long, since a machine may be busy; that there is none is soon believed. */
const ping = (address: string, seconds = '20') => ['ping', '-c', '1', '-W', seconds, address];

labTest('hosts on a segment reach each other, and isolated ones only those that are not', async ({ lab }) => {
  const segment = await lab.segment('net');
  const [a, b, c] = [await lab.namespace('a'), await lab.namespace('b'), await lab.namespace('c')];
  await segment.join(a, 'eth0', '192.0.2.1/24');
  await segment.join(b, 'eth0', '192.0.2.2/24');
  await segment.join(c, 'eth0', '192.0.2.3/24');
  await a.run(ping('192.0.2.2'));
  await segment.isolate(a, true);
  await segment.isolate(b, true);
  await expect(a.run(ping('192.0.2.2', '1'))).rejects.toThrow(CommandError);
  await a.run(ping('192.0.2.3'));
  await b.run(ping('192.0.2.3'));
  await segment.isolate(b, false);
  await a.run(ping('192.0.2.2'));
  expect((await a.runAnyway(['ip', '-6', 'addr', 'show', 'dev', 'eth0'])).stdout).toBe('');
});

labTest('address translation hides a host behind one port, and another after rebinding', async ({ lab }) => {
  const segment = await lab.segment('net');
  const [inside, outside] = [await lab.namespace('inside'), await lab.namespace('outside')];
  const nat = await NatBox.create(lab, 'box', segment, '192.0.2.9/24');
  await nat.join(lab, inside, 'eth0', 2);
  await segment.join(outside, 'eth0', '192.0.2.1/24');
  const script = (text: string) => [
    process.execPath,
    '-e',
    `const s = require('dgram').createSocket('udp4'); ${text}`,
  ];
  const server = outside.start(
    script(
      "s.bind(5000, () => console.log('ready')); s.on('message', (m, from) => console.log(from.address, from.port));",
    ),
  );
  await server.waitFor(/ready/);
  inside.start(script("s.bind(50000, () => setInterval(() => s.send('x', 5000, '192.0.2.1'), 50));"));
  const before = await server.waitFor(/192\.0\.2\.9 (400\d\d)/);
  await nat.rebind();
  const after = await server.waitFor(/192\.0\.2\.9 (410\d\d)/);
  expect(before[1]).not.toBe(after[1]);
});

labTest('a capture has what passed', async ({ lab }) => {
  const [a, b] = [await lab.namespace('a'), await lab.namespace('b')];
  await lab.wire(a, 'eth0', b, 'eth0');
  await a.addAddress('eth0', '192.0.2.1/24');
  await b.addAddress('eth0', '192.0.2.2/24');
  const file = `${lab.folder}/a.pcapng`;
  const recording = await capture(a, 'eth0', file);
  await a.run(ping('192.0.2.2'));
  // Ethernet, IPv4 without options, ICMP: echo request and echo reply.
  const icmpTypes = () =>
    readPcapng(file)
      .filter(({ bytes }) => bytes.readUInt16BE(12) === 0x0800 && bytes[23] === 1)
      .map(({ bytes }) => bytes[34]);
  await expect.poll(icmpTypes, { timeout: 60_000 }).toEqual([8, 0]);
  await recording.stop();
});

labTest('closing a lab leaves nothing', async () => {
  const lab = await NetLab.open('closing');
  const host = await lab.namespace('host');
  const sleeper = host.start(['sleep', '1000']);
  await host.run(['true']);
  expect(readdirSync('/run/netns')).toContain(host.systemName);
  await lab.close();
  expect(sleeper.isRunning).toBe(false);
  expect(readdirSync('/run/netns')).not.toContain(host.systemName);
  expect(existsSync(lab.folder)).toBe(false);
});

labTest(
  'the namespaces of a killed process are removed, with what runs in them, and of a living one kept',
  async ({ lab }) => {
    const mine = await lab.namespace('mine');
    const other = spawn('sleep', ['1000']);
    await once(other, 'spawn');
    const name = `ft.${processIdentity(other.pid!)}.1.host`;
    await run(['ip', 'netns', 'add', name]);
    const within = spawn('ip', ['netns', 'exec', name, 'sleep', '1000']);
    await once(within, 'spawn');
    await sweep();
    expect(readdirSync('/run/netns')).toContain(name);
    other.kill('SIGKILL');
    await once(other, 'exit');
    const ended = once(within, 'exit');
    expect(await sweep()).toContain(name);
    await ended;
    expect(readdirSync('/run/netns')).not.toContain(name);
    expect(readdirSync('/run/netns')).toContain(mine.systemName);
  },
);
