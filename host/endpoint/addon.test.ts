import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { buildAddon } from '../../tools/build-addon.mjs';

let addon = '';
beforeAll(() => {
  const built = buildAddon();
  if (!built.ok) throw new Error(`${built.reason} ${built.install}`);
  addon = built.path;
});

/** Runs a script in a separate process, because the test is about the end of processes and threads. */
function run(script: string, prefix: readonly string[] = []) {
  const preamble = `const io = require(${JSON.stringify(addon)}); const workers = require('worker_threads');
    function open(onBatch, slots = 8) {
      const memory = new ArrayBuffer(slots * 2048), words = () => new Int32Array(64);
      const arrays = { memory, slots, room: 1700, addresses: words().map((_, i) => i * 2048), lengths: words(),
        outAddresses: words(), outHeaders: words(), outLengths: words(), tally: words(), onBatch };
      const batch = io.createBatch(arrays);
      const socket = io.openUdp(batch, { family: 4, address: '127.0.0.1', port: 0, device: '', group: '', reuse: false, broadcast: false, fragment: true, offload: false });
      io.start(socket.channel);
      return { ...arrays, batch, ...socket };
    }
    const self = ${JSON.stringify('SELF')};`;
  const whole = preamble.replace('"SELF"', () => JSON.stringify(`${preamble}\n${script}`)) + script;
  const [command = process.execPath, ...args] = [...prefix, process.execPath, '-e', whole];
  return spawnSync(command, args, { encoding: 'utf8', timeout: 150_000 });
}

describe('the sources', () => {
  const folder = join(import.meta.dirname, 'addon');
  /** Bottom up, a row for each layer: a file includes headers of lower rows, and its own. */
  const order = [
    ['limits', 'packet', 'checksum', 'namespace-protocol', 'netlink', 'openssl', 'libssl'],
    ['offload', 'joining'],
    ['values', 'instance'],
    ['batch', 'handover', 'namespace', 'cipher'],
    ['channel', 'segments', 'tls'],
    ['ip-socket'],
    ['udp', 'udp-read', 'udp-errors', 'udp-send'],
    [
      'tun',
      'raw',
      'packet-socket',
      'stream',
      'local-stream',
      'local-packet',
      'terminal',
      'inherited',
      'udp-open',
      'link',
      'link-read',
      'link-watch',
      'file-lock',
    ],
    ['module'],
  ];
  const layerOf = (name: string) => order.findIndex((layer) => layer.includes(name));
  /** The own header of a file, if it has another name. */
  const own = (name: string) => (name === 'checksum' ? 'packet' : name.replace(/^(udp|link)-.*/, '$1'));

  /** Returns every include that a file may not have. */
  function climbing(file: string, text: string): string[] {
    const name = file.replace(/\.[ch]$/, '');
    return [...text.matchAll(/^#include "(.+)\.h"$/gm)].flatMap(([, included]) =>
      included === own(name) || (layerOf(included!) >= 0 && layerOf(included!) < layerOf(name))
        ? []
        : [`${file}: ${included}.h`],
    );
  }

  test('include headers of lower layers only, and carry a licence line', () => {
    for (const file of readdirSync(folder)) {
      const text = readFileSync(join(folder, file), 'utf8');
      expect(text, file).toMatch(/^\/\* SPDX-License-Identifier: Apache-2\.0 \*\/\n/);
      expect(layerOf(file.replace(/\.[ch]$/, '')), file).toBeGreaterThanOrEqual(0);
      expect(climbing(file, text)).toEqual([]);
    }
    expect(climbing('handover.c', '#include "channel.h"\n')).toEqual(['handover.c: channel.h']);
  });
});

describe('building', () => {
  test('compiles without a warning, and only when something has changed', () => {
    const outDir = mkdtempSync(join(tmpdir(), 'addon-'));
    try {
      expect(buildAddon({ outDir, strict: true })).toMatchObject({ ok: true, built: true });
      expect(buildAddon({ outDir, strict: true })).toMatchObject({ ok: true, built: false });
      expect(buildAddon({ outDir })).toMatchObject({ ok: true, built: true });
    } finally {
      rmSync(outDir, { recursive: true, force: true });
    }
  });

  test('without a compiler or headers names the packages to install, and leaves the reason for opening an endpoint', () => {
    const outDir = mkdtempSync(join(tmpdir(), 'addon-'));
    try {
      const none = buildAddon({ outDir, env: { PATH: outDir } });
      expect(none).toMatchObject({
        ok: false,
        install: expect.stringContaining('apt-get install gcc libc6-dev'),
      });
      expect(readFileSync(join(outDir, 'absent.txt'), 'utf8')).toContain('no C compiler');
      expect(buildAddon({ outDir, headerDirs: [outDir] })).toMatchObject({
        ok: false,
        install: expect.stringContaining('libnode-dev'),
      });
      expect(existsSync(join(outDir, 'funnel-io.node'))).toBe(false);
    } finally {
      rmSync(outDir, { recursive: true, force: true });
    }
  });
});

describe('a process', () => {
  test('ends by itself once its channels are closed', () => {
    const ended = run(
      `const a = open(() => {}); io.close(a.channel); io.releaseBatch(a.batch); console.log('closed');`,
    );
    expect([ended.status, ended.stdout]).toEqual([0, 'closed\n']);
  });

  test('that exits with open channels does not crash', () => {
    const ended = run('open(() => {}); open(() => {}); setTimeout(() => process.exit(7), 50);');
    expect([ended.status, ended.signal]).toEqual([7, null]);
  });

  test('may close a channel, and its batch, from the callback', () => {
    const ended =
      run(`const a = open((channel, count) => { io.close(channel); io.releaseBatch(a.batch); console.log(count); });
      const s = require('dgram').createSocket('udp4'); s.send('x', a.port, '127.0.0.1', () => s.close());`);
    expect([ended.status, ended.stdout]).toEqual([0, '1\n']);
  });

  test('handles an error that a callback throws like any other', () => {
    const ended = run(`process.on('uncaughtException', (e) => { console.log(e.message); process.exit(3); });
      const a = open(() => { throw new Error('from the callback'); });
      require('dgram').createSocket('udp4').send('x', a.port, '127.0.0.1');`);
    expect([ended.status, ended.stdout]).toEqual([3, 'from the callback\n']);
  });

  test('reports mistakes in arguments, and never crashes on them', () => {
    const ended = run(`const a = open(() => {});
      const tries = [() => io.close(99), () => io.start('x'), () => io.sendUdp(a.channel, 9), () => io.sendUdp(a.channel, -1),
        () => io.writeTun(-1, 0), () => io.createBatch(), () => io.createBatch({}), () => io.gather(a.batch, 0, 0, 10),
        () => io.gather(a.batch, 9, 0, 1800), () => io.gather(a.batch, 0, 2 ** 31, 1800), () => io.releaseBatch(a.batch),
        () => io.openUdp(a.batch, {}), () => io.openUdp(7, {}), () => io.setLink(0), () => io.linkIndex('a'.repeat(99)),
        () => io.changeAddress(1, 'x', 8, 1, -1), () => io.changeRoute(1, '::', 129, 1, -1),
        () => io.askNamespace(99), () => io.askNamespace(1, 2, 3, 4, 5, 'x'.repeat(70000)),
        () => io.handover('x'), () => io.dropHandover(), () => io.note(99, 'x'), () => io.note(a.channel, 'x'.repeat(70000)),
        () => io.openUdp(a.batch, { family: 4, address: '', port: 0, device: '', group: '', reuse: false, broadcast: false, fragment: true, offload: false, key: 'x'.repeat(2000) })];
      let errors = 0; for (const each of tries) try { each(); } catch (e) { if (e.code === 'ERR_INVALID_ARG_TYPE') errors++; else console.log(e); }
      // Frames outside the memory are counted as invalid, and not read.
      a.outAddresses[0] = 2 ** 31 - 1; a.outHeaders[1] = -1; a.outLengths[2] = 1 << 30;
      console.log(errors === tries.length, io.sendUdp(a.channel, 3), a.tally[5]);
      io.close(a.channel); io.releaseBatch(a.batch);`);
    expect([ended.status, ended.stdout]).toEqual([0, 'true 0 3\n']);
  });
});

describe('threads', () => {
  /** Each thread sends itself datagrams until it has seen `count`. */
  const bounce = (count: number) => `
    const seen = { n: 0 };
    const a = open((channel, n) => {
      seen.n += n;
      if (seen.n >= ${count}) { io.close(a.channel); io.releaseBatch(a.batch); workers.parentPort.postMessage(seen.n); return; }
      send(n);
    });
    const header = new Uint8Array(a.memory, 7 * 2048, 29);
    header.set([0x45], 0); header.set([127, 0, 0, 1], 16); header.set([a.port >> 8, a.port & 255], 22); header[8] = 64;
    function send(n) { for (let i = 0; i < n; i++) { a.outAddresses[i] = 7 * 2048; a.outHeaders[i] = 7 * 2048 + 20; a.outLengths[i] = 1; } io.sendUdp(a.channel, n); }
    send(4);`;

  test('use the addon at once, independently of each other', () => {
    const ended = run(`if (workers.isMainThread) { let over = 0;
        for (let n = 0; n < 3; n++) new workers.Worker(self, { eval: true }).on('message', () => over++).on('error', (e) => console.log(e));
        process.on('exit', () => console.log(over));
      } else { ${bounce(5000)} }`);
    expect([ended.status, ended.stdout, ended.stderr]).toEqual([0, '3\n', '']);
  });

  test('that are ended by force leave their sockets, with the waiting datagrams, to the thread that opens the same', () => {
    const ended =
      run(`const options = { family: 4, address: '127.0.0.1', port: 0, device: '', group: '', reuse: false, broadcast: false, fragment: true, offload: false };
      const kept = { ...options, key: 'udp kept' }, other = { ...options, key: 'udp other' };
      const made = () => open(() => {});
      if (workers.isMainThread) (async () => {
        const worker = new workers.Worker(self, { eval: true });
        const port = await new Promise((r) => worker.once('message', r));
        const sender = require('dgram').createSocket('udp4');
        await new Promise((r) => sender.send('waits', port, '127.0.0.1', r));
        sender.close();
        await worker.terminate();
        const a = made();
        console.log('nothing without an handover', io.openUdp(a.batch, kept).port !== port);
        io.handover(8);
        console.log('nothing of another', io.openUdp(a.batch, kept).port !== port);
        io.handover(7);
        const b = open((channel, count) => {
          console.log('got', count, b.lengths[0] - 28);
          for (const each of [b.channel, found.channel]) io.close(each);
          io.releaseBatch(b.batch);
          console.log('dropped', io.dropHandover(7), io.dropHandover(7), io.dropHandover(8));
          process.exit();
        });
        const found = io.openUdp(b.batch, kept);
        console.log('the same port', found.port === port, 'its note', found.note, 'once', io.openUdp(a.batch, kept).port !== port);
        io.start(found.channel);
      })(); else {
        io.handover(7);
        const a = made();
        io.openUdp(a.batch, other);
        io.openUdp(a.batch, options); // without a key: closed
        const { channel, port } = io.openUdp(a.batch, kept);
        io.note(channel, 'first');
        io.note(channel, 'second');
        workers.parentPort.postMessage(port);
        for (;;);
      }`);
    expect([ended.status, ended.stderr]).toEqual([0, '']);
    expect(ended.stdout.trim().split('\n')).toEqual([
      'nothing without an handover true',
      'nothing of another true',
      'the same port true its note second once true',
      'got 1 5',
      'dropped 1 0 0',
    ]);
  });

  test('can be ended while they have channels open, again and again', () => {
    const ended = run(`if (workers.isMainThread) (async () => {
        for (let n = 0; n < 12; n++) {
          const two = [0, 1].map(() => new workers.Worker(self, { eval: true }));
          await Promise.all(two.map((w) => new Promise((r) => w.once('message', r))));
          await Promise.all(two.map((w) => w.terminate()));
        }
        console.log(require('fs').readdirSync('/proc/self/fd').map((fd) => { try { return require('fs').readlinkSync('/proc/self/fd/' + fd); } catch { return ''; } }).filter((l) => l.startsWith('socket:') ).length);
      })(); else { ${bounce(1e9)} setTimeout(() => workers.parentPort.postMessage(1), 20); }`);
    expect([ended.status, ended.signal]).toEqual([0, null]);
    // Standard output and error may be sockets; those of the threads are closed.
    expect(Number(ended.stdout)).toBeLessThanOrEqual(3);
  });
});
