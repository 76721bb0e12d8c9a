import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildAddon } from '../../../tools/build-addon.mjs';
import { Frames } from '../../frame/frames.ts';
import { Inbox } from '../../piece/inbox.ts';
import { Protocols } from '../../stack/protocols.ts';
import { EndpointError } from '../endpoint-error.ts';
import { formatAddress, parseAddress } from '../ip-address.ts';
import { RecordingContext } from '../testing/recording-context.ts';
import { datagramHeader } from './udp-header.ts';
import { UnixDatagramPiece } from './unix-datagram.ts';

const protocols = new Protocols();
const opened: Bench[] = [];
let folder = '';

beforeAll(() => {
  const built = buildAddon();
  if (!built.ok) throw new Error(built.reason);
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'funnel-dgram-'));
});

afterEach(() => {
  for (const bench of opened.splice(0)) bench.piece.close();
  rmSync(folder, { recursive: true });
});

interface End {
  readonly address: string;
  readonly port: number;
}

class Bench {
  readonly context = new RecordingContext();
  readonly frames = new Frames({ smallRows: 1024, largeRows: 8 });
  readonly inbox = new Inbox();
  readonly offers: [string, boolean][] = [];
  piece: UnixDatagramPiece;

  constructor(settings: Record<string, string>) {
    this.context.offer = (_edge, { name, value }, isPresent) => {
      this.offers.push([`${name} ${value.tag === 'text' ? value.val : ''}`, isPresent]);
    };
    this.piece = this.make(settings);
    opened.push(this);
  }

  make(settings: Record<string, string>): UnixDatagramPiece {
    return new UnixDatagramPiece(this.context, this.frames, protocols, Object.entries(settings));
  }

  start(): this {
    expect(this.piece.start()).toEqual([]);
    return this.join();
  }

  join(): this {
    this.piece.join({ edge: 0, described: 0, shape: 0, joint: 'net', properties: [] });
    return this;
  }

  put(from: End, to: End, payload: Uint8Array): void {
    const [source, target] = [from, to].map(({ address, port }) => ({
      address: parseAddress(address)!,
      port,
    }));
    const header = datagramHeader(source!, target!);
    const { frames } = this;
    const row = frames.allocate(header.length + payload.length);
    const at = frames.start[row]!;
    frames.bytes.set(header, at);
    frames.bytes.set(payload, at + header.length);
    const unfinished = 2 << 24;
    const ip = header.length - 8;
    frames.addPart(row, protocols.number(ip === 20 ? 'ipv4' : 'ipv6') | unfinished, at, ip);
    frames.addPart(row, protocols.number('udp') | unfinished, at + ip, 8);
    frames.addPart(row, 1 << 16, at + header.length, payload.length);
    this.inbox.push(row, 0, 0);
  }

  /** Sends what is queued, as a lane does, until nothing waits. */
  async flush(): Promise<void> {
    while (this.inbox.length > 0) {
      const next = this.piece.process(performance.now(), this.inbox, 256);
      if (next !== Infinity) await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  async send(from: End, to: End, payload: Uint8Array): Promise<void> {
    this.put(from, to, payload);
    await this.flush();
  }

  received(n: number) {
    const { frames } = this;
    const row = this.context.rows[n]!;
    const at = frames.start[row]!;
    const bytes = frames.bytes.slice(at, at + frames.length[row]!);
    const view = new DataView(bytes.buffer);
    const isIpv4 = bytes[0]! >> 4 === 4;
    const [ip, size, source] = isIpv4 ? [20, 4, 12] : [40, 16, 8];
    const text = (from: number) => formatAddress(bytes.subarray(from, from + size));
    expect(isIpv4 ? view.getUint16(2) : view.getUint16(4) + 40).toBe(bytes.length);
    expect(view.getUint16(ip + 4)).toBe(bytes.length - ip);
    return {
      from: { address: text(source), port: view.getUint16(ip) },
      to: { address: text(source + size), port: view.getUint16(ip + 2) },
      payload: Buffer.from(bytes.subarray(ip + 8)),
    };
  }

  get lost(): Record<string, number> {
    return Object.fromEntries(this.context.counters.entries());
  }
}

const CLIENT = { address: '192.0.2.1', port: 5000 };
const SERVICE = { address: '192.0.2.9', port: 53 };
const bytes = (text: string) => Buffer.from(text);
const own = `uid ${process.getuid?.()} gid ${process.getgid?.()} pid ${process.pid}`;

/** Runs a Python program with the path as its argument. */
function python(program: string, ...args: string[]): string {
  const { stdout, stderr, status } = spawnSync('python3', ['-c', program, ...args], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  expect(status, stderr).toBe(0);
  return stdout;
}

describe.each(['datagram', 'seqpacket'])('a UNIX %s socket', (type) => {
  test.each(['a path', 'an abstract name'])(
    'carries messages both ways at %s, with their borders',
    async (kind) => {
      const path = kind === 'a path' ? join(folder, 's') : `@${folder}`;
      const server = new Bench({ listen: path, type }).start();
      if (kind === 'a path') expect(statSync(path).mode & 0o777).toBe(0o600);
      const client = new Bench({ connect: path, type }).start();
      const texts = ['one', '', 'x'.repeat(3000), 'four'];
      for (const text of texts) client.put(CLIENT, SERVICE, bytes(text));
      // Another port of a neighbour is another peer.
      client.put({ ...CLIENT, port: 5001 }, SERVICE, bytes('other'));
      await client.flush();
      await server.context.arrival(5);
      const got = [0, 1, 2, 3, 4].map((n) => server.received(n));
      const other = got.find(({ payload }) => payload.toString() === 'other')!;
      const mine = got.filter((each) => each !== other);
      expect(mine.map(({ payload }) => payload.toString())).toEqual(texts);
      const peer = mine[0]!.from;
      expect(peer.address).toBe('192.0.0.8');
      for (const each of mine)
        expect(each).toMatchObject({ from: peer, to: { address: '192.0.0.8', port: 4294 } });
      expect(other.from.port).not.toBe(peer.port);
      for (const { port } of [peer, other.from])
        expect(server.offers).toContainEqual([`peer-credentials port ${port} ${own}`, true]);
      await server.send(mine[0]!.to, other.from, bytes('to the other'));
      await server.send(mine[0]!.to, peer, bytes('answer'));
      await client.context.arrival(2);
      const replies = [0, 1].map((n) => client.received(n));
      expect(replies).toContainEqual({ from: SERVICE, to: CLIENT, payload: bytes('answer') });
      expect(replies).toContainEqual({
        from: SERVICE,
        to: { ...CLIENT, port: 5001 },
        payload: bytes('to the other'),
      });
      expect([server.lost, client.lost]).toEqual([{}, {}]);
      server.piece.close();
      expect(existsSync(path)).toBe(false);
      // The program at the other end is gone.
      await client.send(CLIENT, SERVICE, bytes('lost'));
      await client.send(CLIENT, SERVICE, bytes('lost'));
      const gone = (client.lost.refused ?? 0) + (client.lost.unreachable ?? 0);
      expect(gone).toBe(2);
    },
  );

  test('loses nothing while the other end is on no network, and all in order', async () => {
    const path = join(folder, 's');
    const server = new Bench({ listen: path, type, from: '2001:db8::1' });
    expect(server.piece.start()).toEqual([]);
    const client = new Bench({ connect: path, type, patience: '20s' }).start();
    for (let n = 0; n < 600; n++) client.put(CLIENT, SERVICE, bytes(`message ${n} ${'.'.repeat(900)}`));
    client.piece.process(performance.now(), client.inbox, 256);
    expect(client.inbox.length).toBeGreaterThan(0);
    server.join();
    await client.flush();
    await server.context.arrival(600);
    const got = Array.from({ length: 600 }, (_, n) => server.received(n));
    expect(got.map(({ payload }) => payload.toString().split(' ')[1])).toEqual(got.map((_, n) => String(n)));
    expect(got[0]).toMatchObject({ from: { address: '2001:db8::1' }, to: { address: '100::' } });
    expect([server.lost, client.lost]).toEqual([{}, {}]);
    // A full queue of the lane stops reading, too.
    server.piece.ready(0, false);
    for (let n = 0; n < 400; n++) client.put(CLIENT, SERVICE, bytes('.'.repeat(900)));
    client.piece.process(performance.now(), client.inbox, 256);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(server.context.rows).toHaveLength(600);
    for (const row of server.context.rows.splice(0)) server.frames.release(row);
    server.piece.ready(0, true);
    await client.flush();
    await server.context.arrival(400);
    expect([server.lost, client.lost]).toEqual([{}, {}]);
  });

  test('a receiver that does not read delays others for a bounded time', async () => {
    const path = join(folder, 's');
    const server = new Bench({ listen: path, type });
    expect(server.piece.start()).toEqual([]);
    const client = new Bench({ connect: path, type, patience: '0s' });
    expect(client.piece.start()).toEqual([]);
    client.join();
    for (let n = 0; n < 600; n++) client.put(CLIENT, SERVICE, bytes('.'.repeat(900)));
    expect(client.piece.process(performance.now(), client.inbox, 1024)).toBe(Infinity);
    const lost = client.lost['slow-reader']!;
    expect(lost).toBeGreaterThan(0);
    server.join();
    await server.context.arrival(600 - lost);
    await client.send(CLIENT, SERVICE, bytes('again'));
    await server.context.arrival(601 - lost);
  });

  test('what cannot be carried is counted by its reason', async () => {
    const path = join(folder, 's');
    const server = new Bench({ listen: path, type, peers: '1' }).start();
    const client = new Bench({ connect: path, type }).start();
    await client.send(CLIENT, SERVICE, bytes('known'));
    await server.context.arrival(1);
    await server.send(CLIENT, { address: '192.0.0.8', port: 9 }, bytes('nobody'));
    await server.send(CLIENT, { address: '192.0.0.9', port: server.received(0).from.port }, bytes('nobody'));
    await server.send(
      { address: '2001:db8::9', port: 1 },
      { address: '2001:db8::1', port: 1024 },
      bytes('nobody'),
    );
    expect(server.lost).toEqual({ 'not-connected': 3 });
    // The largest datagram that IPv4 can carry passes; from other programs a larger one may come.
    await client.send(CLIENT, SERVICE, new Uint8Array(65_507));
    await server.context.arrival(2);
    expect(server.received(1).payload).toHaveLength(65_507);
    const kind = type === 'datagram' ? 'SOCK_DGRAM' : 'SOCK_SEQPACKET';
    const row = client.frames.allocate(40);
    client.frames.begin(row, client.frames.start[row]!, 40, protocols.number('ipv4'));
    client.inbox.push(row, 0, 0);
    await client.flush();
    expect(client.lost).toEqual({ 'not-udp': 1 });
    if (type === 'seqpacket') return;
    python(
      `import socket,sys;s=socket.socket(socket.AF_UNIX,socket.${kind});s.sendto(b'x',sys.argv[1])`,
      path,
    );
    await server.context.counted('too-many', 1);
    const other = new Bench({ connect: path, type }).start();
    await other.send(CLIENT, SERVICE, bytes('one too many'));
    await server.context.counted('too-many', 2);
  });

  test('only the named users are taken', async () => {
    const path = join(folder, 's');
    const server = new Bench({ listen: path, type, uid: '4242424' }).start();
    const client = new Bench({ connect: path, type }).start();
    for (let n = 0; n < 3; n++) await client.send(CLIENT, SERVICE, bytes('hello'));
    await server.context.counted('not-granted', 1);
    expect(server.context.rows).toHaveLength(0);
    expect(server.offers).toEqual([]);
    expect(server.context.logs.filter(({ message }) => message.includes('see the setting uid'))).toHaveLength(
      1,
    );
  });

  test('descriptors that come with a message are closed, and credentials are those of the sender', async () => {
    const path = join(folder, 's');
    const server = new Bench({ listen: path, type }).start();
    const kind = type === 'datagram' ? 'SOCK_DGRAM' : 'SOCK_SEQPACKET';
    const before = readdirSync('/proc/self/fd').length;
    const pid = python(
      `import os,socket,sys
s=socket.socket(socket.AF_UNIX,socket.${kind})
s.connect(sys.argv[1])
n=os.open('/dev/null',0)
for _ in range(8): socket.send_fds(s,[b'take them'],[n]*8)
print(os.getpid())`,
      path,
    ).trim();
    await server.context.arrival(8);
    expect(server.received(7).payload.toString()).toBe('take them');
    const { port } = server.received(0).from;
    expect(server.offers[0]).toEqual([expect.stringMatching(`port ${port} .* pid ${pid}$`), true]);
    // The end of a connection withdraws the credentials. A sender without a name takes no reply.
    if (type === 'seqpacket') await expect.poll(() => server.offers.at(-1)?.[1]).toBe(false);
    expect(readdirSync('/proc/self/fd').length).toBe(before);
    await server.send(CLIENT, { address: '192.0.0.8', port }, bytes('nobody'));
    expect(server.lost).toEqual({ 'not-connected': 1 });
  });

  test('a change takes over the sockets, with the peers and the messages that wait in them', async () => {
    const path = join(folder, 's');
    const server = new Bench({ listen: path, type }).start();
    const client = new Bench({ connect: path, type }).start();
    await client.send(CLIENT, SERVICE, bytes('first'));
    await server.context.arrival(1);
    const peer = server.received(0).from;
    const last = server.piece;
    const next = server.make({ listen: path, type, mode: '644', to: '192.0.2.9:7' });
    next.succeed([last]);
    expect(next.start()).toEqual([]);
    last.leave();
    await client.send(CLIENT, SERVICE, bytes('waits'));
    next.takeOver();
    server.piece = next;
    server.join();
    last.close();
    await server.context.arrival(2);
    expect(server.received(1)).toMatchObject({ from: peer, payload: bytes('waits') });
    expect(statSync(path).mode & 0o777).toBe(0o644);
    await server.send(SERVICE, peer, bytes('reply'));
    await client.context.arrival(1);
    await client.send({ ...CLIENT, port: 5001 }, SERVICE, bytes('new'));
    await server.context.arrival(3);
    expect(server.received(2).to).toEqual({ address: '192.0.2.9', port: 7 });
    server.piece.close();
    expect(existsSync(path)).toBe(false);
    expect(server.frames.freeRows + server.context.rows.length).toBe(server.frames.rows);
  });

  test('a dead path is made anew, and a living one or another file is refused', () => {
    const path = join(folder, 's');
    const kind = type === 'datagram' ? 'SOCK_DGRAM' : 'SOCK_SEQPACKET';
    python(`import socket,sys;socket.socket(socket.AF_UNIX,socket.${kind}).bind(sys.argv[1])`, path);
    new Bench({ listen: path, type }).start();
    const refused = (settings: Record<string, string>) => {
      try {
        new Bench(settings).piece.start();
      } catch (error) {
        if (error instanceof EndpointError) return error.code;
        throw error;
      }
      return 'it starts';
    };
    expect(refused({ listen: path, type })).toBe('FT_SOCKET_IN_USE');
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expect(refused({ listen: file, type })).toBe('FT_SOCKET_IN_USE');
    expect(refused({ listen: join(folder, 'no', 's'), type })).toBe('FT_SOCKET_ADDRESS');
    expect(refused({ inherit: 'systemd' })).toBe('FT_SOCKET_ADDRESS');
    expect(existsSync(file)).toBe(true);
  });
});

test('a silent peer is forgotten, and another connection is made for a neighbour', async () => {
  const path = join(folder, 's');
  const server = new Bench({ listen: path, idle: '1s' }).start();
  const client = new Bench({ connect: path, idle: '1s' }).start();
  await client.send(CLIENT, SERVICE, bytes('one'));
  await server.context.arrival(1);
  const { from } = server.received(0);
  await expect.poll(() => server.offers.at(-1)?.[1], { timeout: 20_000 }).toBe(false);
  await server.send(SERVICE, from, bytes('too late'));
  expect(server.lost).toEqual({ 'not-connected': 1 });
  await client.send(CLIENT, SERVICE, bytes('two'));
  await server.context.arrival(2);
  expect(server.received(1).from.port).not.toBe(from.port);
});

test('all mistakes in the settings are reported at once', () => {
  const long = `/${'x'.repeat(107)}`;
  const problems = new Bench({
    listen: long,
    connect: '@',
    type: 'stream',
    mode: 'rw',
    peers: '0',
    name: 'web',
    to: '192.0.2.1',
  }).piece.start();
  expect(new Set(problems.map(({ setting }) => setting))).toEqual(
    new Set(['name', 'to', 'listen', 'connect', 'type', 'mode', 'peers']),
  );
  expect(new Bench({}).piece.start()).toMatchObject([{ message: expect.stringContaining('inherit') }]);
});

test('opening and closing again and again leaves nothing', async () => {
  const path = join(folder, 's');
  let before = 0;
  for (let n = 0; n < 20; n++) {
    for (const type of ['datagram', 'seqpacket']) {
      const server = new Bench({ listen: path, type }).start();
      const client = new Bench({ connect: path, type }).start();
      await client.send(CLIENT, SERVICE, bytes('hello'));
      await server.context.arrival(1);
      for (const row of server.context.rows) server.frames.release(row);
      for (const each of [client, server]) {
        each.piece.close();
        expect(each.frames.freeRows).toBe(each.frames.rows);
      }
    }
    if (n === 5) before = readdirSync('/proc/self/fd').length;
  }
  expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(before);
});
