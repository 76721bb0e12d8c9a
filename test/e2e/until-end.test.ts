import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { captureBytes, packetsIn } from '../../host/endpoint/capture/testing/capture-bytes.ts';
import { funnelCommand } from '../net/project-root.ts';

const folder = mkdtempSync(join(tmpdir(), 'funnel-until-end-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('funnel run --until-end', () => {
  const times = [1, 2, 3].map((n) => ({ seconds: 1_000_000_000 + n, nanoseconds: n }));
  // IPv6 without a next header.
  const bytes = Uint8Array.from({ length: 40 }, (_, at) => ({ 0: 0x60, 6: 59, 7: 64 })[at] ?? 0);
  const capture = captureBytes(times.map((time) => ({ bytes, ...time })));
  const copy = (from: string, to: string) => `pieces:
  from: { piece: pcap-reader, settings: { file: ${from}, speed: fast }, edges: { frames: net } }
  late: { piece: fault, settings: { delay: 300ms }, edges: { a: net, b: behind } }
  to: { piece: pcap-writer, settings: { file: ${to} }, edges: { frames: behind } }
`;

  it('ends when its captures have ended and their frames have gone through', async () => {
    writeFileSync(join(folder, 'in.pcapng.gz'), gzipSync(capture));
    const { status, out, err } = await run(write('copy.yaml', copy('in.pcapng.gz', 'out.pcap')));
    expect([status, err]).toEqual([0, '']);
    expect(out).toMatch(/in\.pcapng\.gz is at its end: 3 frames/);
    const { packets } = packetsIn(readFileSync(join(folder, 'out.pcap')));
    // The times of the recording, as far as microseconds go.
    expect(packets.map(({ seconds }) => seconds)).toEqual(times.map(({ seconds }) => seconds));
  });

  it('ends with another status where a capture is damaged', async () => {
    writeFileSync(join(folder, 'bad.pcapng'), Buffer.concat([capture, Buffer.alloc(12, 1)]));
    const { status } = await run(write('bad.yaml', copy('bad.pcapng', 'some.pcapng')));
    expect(status).toBe(4);
    expect(packetsIn(readFileSync(join(folder, 'some.pcapng'))).packets).toMatchObject(times);
  });

  it('refuses a configuration that reads none', async () => {
    const udp = (network: string) =>
      `{ piece: udp, settings: { port: 0, address: 127.0.0.1, family: ipv4 }, edges: { udp: ${network} } }`;
    const hub = '{ piece: hub, edges: { net: [a, b] } }';
    const file = write('endless.yaml', `pieces:\n  a: ${udp('a')}\n  b: ${udp('b')}\n  hub: ${hub}\n`);
    const { status, err } = await run(file);
    expect(status).toBe(4);
    expect(err).toMatch(/^funnel: FT_RUN_ENDLESS: no piece of this configuration reads something that ends/m);
  });
});

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return name;
}

function run(file: string): Promise<{ status: number | null; out: string; err: string }> {
  const command = [funnelCommand, 'run', file, '--until-end', '--no-control'];
  const child = spawn(process.execPath, command, { cwd: folder });
  const text = { out: '', err: '' };
  child.stdout.on('data', (data) => {
    text.out += data;
  });
  child.stderr.on('data', (data) => {
    text.err += data;
  });
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, ...text })));
}
