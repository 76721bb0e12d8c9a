import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { buildAddon } from '../../../tools/build-addon.mjs';
import { Frames } from '../../frame/frames.ts';
import { Protocols } from '../../stack/protocols.ts';
import { RecordingContext } from '../testing/recording-context.ts';
import { TcpPiece } from './tcp.ts';

const CONNECTIONS = 10_000;
const TIMEOUT_MS = 120_000;

/** Opens the connections, a few at a time, then sends a byte on each, and ends each. */
const CLIENT = `
  const net = require('node:net');
  const [port, count] = process.argv.slice(1).map(Number);
  const sockets = [];
  let begun = 0;
  function more() {
    if (begun === count) return;
    begun++;
    const socket = net.connect(port, '127.0.0.1', () => {
      sockets.push(socket);
      more();
      if (sockets.length === count) console.log('open');
    });
    socket.on('error', (error) => { console.log(error.code); process.exit(1); });
  }
  for (let n = 0; n < 50; n++) more();
  process.stdin.once('data', () => { for (const each of sockets) each.end('x'); });
`;

test(
  'ten thousand connections at once each carry their byte and end',
  async ({ skip }) => {
    const limit = await descriptorLimit();
    if (limit < CONNECTIONS + 500) skip(`this process may open ${limit} descriptors`);
    const built = buildAddon();
    if (!built.ok) throw new Error(built.reason);
    const context = new RecordingContext();
    const frames = new Frames({ smallRows: 4096, largeRows: 0 });
    const seen = { opened: 0, bytes: 0, ended: 0 };
    context.onArrived = () => {
      for (const row of context.rows.splice(0)) {
        const flags = frames.bytes[frames.start[row]! + 33]!;
        if ((flags & 2) !== 0) seen.opened++;
        if ((flags & 1) !== 0) seen.ended++;
        seen.bytes += frames.length[row]! - 40;
        frames.release(row);
      }
    };
    const piece = new TcpPiece(context, frames, new Protocols(), [
      ['port', '0'],
      ['address', '127.0.0.1'],
    ]);
    expect(piece.start()).toEqual([]);
    piece.join({ edge: 0, described: 0, shape: 0, joint: 'net', properties: [] });
    const client = spawn(process.execPath, ['-e', CLIENT, String(piece.ports[0]), String(CONNECTIONS)]);
    try {
      let said = '';
      client.stdout.on('data', (chunk) => {
        said += chunk;
      });
      while (seen.opened < CONNECTIONS || said !== 'open\n') {
        expect(client.exitCode, said).toBeNull();
        await sleep(5);
      }
      expect(piece.connections).toBe(CONNECTIONS);
      client.stdin.write('go');
      while (seen.ended < CONNECTIONS) {
        expect(client.exitCode).toBeNull();
        await sleep(5);
      }
      expect(seen).toEqual({ opened: CONNECTIONS, bytes: CONNECTIONS, ended: CONNECTIONS });
    } finally {
      client.kill('SIGKILL');
      piece.close();
    }
    expect([...context.counters.entries()]).toEqual([]);
    expect(frames.freeRows).toBe(frames.rows);
  },
  TIMEOUT_MS,
);

async function descriptorLimit(): Promise<number> {
  const { readFile } = await import('node:fs/promises');
  const [, soft = '0'] = /^Max open files\s+(\S+)/m.exec(await readFile('/proc/self/limits', 'utf8')) ?? [];
  return soft === 'unlimited' ? Infinity : Number(soft);
}
