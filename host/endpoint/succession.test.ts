import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { buildAddon } from '../../tools/build-addon.mjs';
import { Frames } from '../frame/frames.ts';
import { Inbox } from '../piece/inbox.ts';
import { Protocols } from '../stack/protocols.ts';
import { CaptureReader } from './capture/capture-reader.ts';
import { PcapWriterPiece } from './capture/pcap-writer.ts';
import { UdpPiece } from './socket/udp.ts';
import { RecordingContext } from './testing/recording-context.ts';

const protocols = new Protocols();
let frames: Frames;
let made: { piece: UdpPiece | PcapWriterPiece; context: RecordingContext }[] = [];

beforeAll(() => {
  const built = buildAddon();
  if (!built.ok) throw new Error(built.reason);
});

afterEach(() => {
  for (const { piece, context } of made) {
    piece.close();
    for (const row of context.rows) frames.release(row);
  }
  made = [];
  expect(frames.freeRows).toBe(frames.rows);
});

describe.each(['addon', 'dgram'])('UDP ports of a piece that is replaced, through %s', (io) => {
  it('pass to the new one with the waiting datagrams', async () => {
    frames = new Frames({ smallRows: 1024, largeRows: 4 });
    const old = udp({ io, port: '0', 'to-loopback': 'true' });
    begin(old);
    const { ports } = old.piece;
    old.piece.listening(0, `ip/udp/local:${ports[0]}`, true);
    const next = udp({ io, port: '0', 'to-loopback': 'true', broadcast: 'true' });
    next.piece.succeed([old.piece]);
    expect(next.piece.start()).toEqual([]);
    expect(next.piece.ports).toEqual(ports);
    // Nothing has changed yet.
    await arrive(ports[0]!, 1);
    await old.context.arrival(1);
    // These wait in the socket when the change comes.
    await arrive(ports[0]!, 2);
    next.piece.takeOver();
    join0(next);
    old.piece.close();
    await arrive(ports[0]!, 1);
    await next.context.arrival(3);
    expect(old.context.rows.length).toBe(1);
    expect(next.piece.ports).toEqual(ports);
    next.piece.close();
    await rebind(ports[0]!);
  });

  it('stay with the old one if the change fails', async () => {
    frames = new Frames({ smallRows: 1024, largeRows: 4 });
    const old = udp({ io, port: '0', 'to-loopback': 'true' });
    begin(old);
    for (let n = 0; n < 2; n++) {
      const next = udp({ io, port: String(old.piece.ports[0]) });
      next.piece.succeed([old.piece]);
      expect(next.piece.start()).toEqual([]);
      next.piece.close();
    }
    await arrive(old.piece.ports[0]!, 1);
    await old.context.arrival(1);
  });

  it.each([true, false])(
    'are kept for the new one when the old one needs them no more (the change comes about: %s)',
    async (comesAbout) => {
      frames = new Frames({ smallRows: 1024, largeRows: 4 });
      const old = udp({ io, 'to-loopback': 'true' });
      begin(old);
      const first = udp({ io, port: '0', 'to-loopback': 'true' });
      begin(first);
      const port = first.piece.ports[0]!;
      first.piece.close();
      old.piece.listening(0, `ip/udp/local:${port}`, true);
      const next = udp({ io, port: String(port), 'to-loopback': 'true' });
      next.piece.succeed([old.piece]);
      expect(next.piece.start()).toEqual([]);
      // While the change is prepared, the piece that listened there stops listening.
      old.piece.listening(0, `ip/udp/local:${port}`, false);
      await arrive(port, 1);
      if (comesAbout) {
        next.piece.takeOver();
        join0(next);
        old.piece.close();
        await next.context.arrival(1);
        expect(next.piece.ports).toEqual([port]);
      } else {
        next.piece.close();
        expect(old.piece.ports).toEqual([]);
        await rebind(port);
      }
    },
  );

  it('are refused if they are bound differently, and to a second successor', () => {
    frames = new Frames({ smallRows: 1024, largeRows: 4 });
    const old = udp({ io, port: '0' });
    begin(old);
    const port = String(old.piece.ports[0]);
    const more: Record<string, string>[] = [{}, {}, { address: '127.0.0.1' }];
    const others = more.map((each) => udp({ io, port, ...each }));
    for (const { piece } of others) piece.succeed([old.piece]);
    expect(others[0]!.piece.start()).toEqual([]);
    for (const { piece } of others.slice(1))
      expect(() => piece.start()).toThrow(expect.objectContaining({ code: 'FT_UDP_PORT_IN_USE' }));
  });

  // Node has no call by which two of its sockets could share a port.
  const itShared = io === 'dgram' ? () => {} : it;
  itShared(
    'are bound otherwise by the next one, beside the old one until the change is certain',
    async () => {
      frames = new Frames({ smallRows: 1024, largeRows: 4 });
      const old = udp({ io, port: '0', 'to-loopback': 'true' });
      begin(old);
      const port = old.piece.ports[0]!;
      const narrower = { io, port: String(port), address: '127.0.0.1', 'to-loopback': 'true' };
      // A failed change leaves the old socket unchanged, and the port closed to others.
      const refused = udp(narrower);
      refused.piece.succeed([old.piece]);
      expect(refused.piece.start()).toEqual([]);
      refused.piece.close();
      await arrive(port, 1);
      await old.context.arrival(1);
      expect(() => udp(narrower).piece.start()).toThrow(
        expect.objectContaining({ code: 'FT_UDP_PORT_IN_USE' }),
      );
      const next = udp(narrower);
      next.piece.succeed([old.piece]);
      expect(next.piece.start()).toEqual([]);
      // Datagrams that come while the change is prepared wait for its end.
      await arrive(port, 1);
      next.piece.takeOver();
      join0(next);
      old.piece.close();
      await arrive(port, 1);
      await next.context.arrival(2);
      expect(next.piece.ports).toEqual([port]);
      expect(() => udp({ io, port: String(port) }).piece.start()).toThrow(
        expect.objectContaining({ code: 'FT_UDP_PORT_IN_USE' }),
      );
    },
  );

  it('are bound otherwise, or to another kind of socket, by the next one', async () => {
    frames = new Frames({ smallRows: 1024, largeRows: 4 });
    const old = udp({ io, port: '0', family: 'ipv4', 'to-loopback': 'true' });
    begin(old);
    let [before, port] = [old, old.piece.ports[0]!];
    const other = io === 'dgram' ? 'addon' : 'dgram';
    const changes: Record<string, string>[] = [
      { address: '127.0.0.1' },
      { io: other },
      { io: other, address: '127.0.0.1' },
      {},
    ];
    for (const change of changes) {
      const settings: Record<string, string> = {
        io,
        port: String(port),
        family: 'ipv4',
        'to-loopback': 'true',
        ...change,
      };
      // A failed change leaves the old socket unchanged, and the port closed to others.
      const refused = udp(settings);
      refused.piece.succeed([before.piece]);
      expect(refused.piece.start()).toEqual([]);
      refused.piece.close();
      const heard = before.context.rows.length;
      await arrive(port, 1);
      await before.context.arrival(heard + 1);
      expect(() => udp(settings).piece.start()).toThrow(
        expect.objectContaining({ code: 'FT_UDP_PORT_IN_USE' }),
      );
      // An address that this machine does not have is refused before the change, and not in it.
      const nowhere = udp({ ...settings, address: '198.51.100.9' });
      nowhere.piece.succeed([before.piece]);
      expect(() => nowhere.piece.start()).toThrow(expect.objectContaining({ code: 'FT_UDP_ADDRESS' }));
      const next = udp(settings);
      next.piece.succeed([before.piece]);
      expect(next.piece.start()).toEqual([]);
      expect(next.piece.ports).toEqual([port]);
      next.piece.takeOver();
      join0(next);
      before.piece.close();
      await arrive(port, 1);
      await next.context.arrival(1);
      expect(next.context.statuses.at(-1)).toMatchObject({ health: 'good', facts: { ports: String(port) } });
      [before, port] = [next, next.piece.ports[0]!];
    }
    before.piece.close();
    await rebind(port);
  });

  it('are also taken over by a piece that listens only after the change', async () => {
    frames = new Frames({ smallRows: 1024, largeRows: 4 });
    const old = udp({ io, port: '0', 'to-loopback': 'true' });
    begin(old);
    const port = old.piece.ports[0]!;
    const next = udp({ io });
    next.piece.succeed([old.piece]);
    next.piece.start();
    next.piece.takeOver();
    join0(next);
    expect(next.piece.ports).toEqual([]);
    await arrive(port, 1);
    expect(next.piece.listening(0, `ip/udp/local:${port}`, true)).toBeUndefined();
    expect([old.piece.ports, next.piece.ports]).toEqual([[], [port]]);
    old.piece.close();
    await next.context.arrival(1);
    next.piece.listening(0, `ip/udp/local:${port}`, false);
    expect(next.piece.ports).toEqual([]);
  });
});

describe('a capture whose writer is replaced', () => {
  it('continues in the same file, and is unchanged if the change fails', () => {
    frames = new Frames({ smallRows: 64, largeRows: 4 });
    const folder = mkdtempSync(join(tmpdir(), 'capture-'));
    const file = join(folder, 'a.pcapng');
    const writer = (settings: Record<string, string>) => {
      const context = new RecordingContext();
      const piece = new PcapWriterPiece(context, frames, protocols, Object.entries({ file, ...settings }));
      made.push({ piece, context });
      return piece;
    };
    const old = writer({});
    old.start();
    old.takeOver();
    record(old);
    const refused = writer({ snaplen: '8' });
    refused.succeed([old]);
    refused.start();
    refused.close();
    record(old);
    const next = writer({ snaplen: '8' });
    next.succeed([old]);
    next.start();
    next.takeOver();
    old.close();
    record(next);
    next.close();
    expect(capturedLengths(file)).toEqual([40, 40, 8]);
    rmSync(folder, { recursive: true });
  });
});

function udp(settings: Record<string, string>) {
  const context = new RecordingContext();
  const given = Object.entries({ family: 'ipv4', ...settings });
  const bench = { piece: new UdpPiece(context, frames, protocols, given), context };
  made.push(bench);
  return bench;
}

function begin(bench: ReturnType<typeof udp>): void {
  expect(bench.piece.start()).toEqual([]);
  bench.piece.takeOver();
  join0(bench);
}

function join0({ piece }: ReturnType<typeof udp>): void {
  for (const shape of [0, 1]) piece.join({ edge: 0, described: 0, shape, joint: 'net', properties: [] });
}

/**
 * Resolves when this many datagrams wait in the socket, or were read from it: on the loopback that is at
 * once.
 */
async function arrive(port: number, count: number): Promise<void> {
  const socket = createSocket('udp4');
  for (let n = 0; n < count; n++)
    await new Promise((resolve) => socket.send(Buffer.of(n), port, '127.0.0.1', resolve));
  socket.close();
}

async function rebind(port: number): Promise<void> {
  const socket = createSocket('udp4').bind(port);
  await once(socket, 'listening');
  socket.close();
}

function record(piece: PcapWriterPiece): void {
  const row = frames.allocate(40);
  const at = frames.start[row]!;
  frames.bytes.fill(0, at, at + 40);
  frames.bytes[at] = 0x60;
  frames.begin(row, at, 40, protocols.number('ipv6'));
  const inbox = new Inbox();
  inbox.push(row, 0, 0);
  piece.process(0, inbox, 1);
}

function capturedLengths(file: string): number[] {
  const reader = new CaptureReader();
  reader.push(readFileSync(file));
  const lengths: number[] = [];
  while (reader.next()) lengths.push(reader.packet.captured);
  return lengths;
}
