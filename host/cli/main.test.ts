import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { packageRoot } from '../policy/pieces/package-root.ts';

/*
 * The compiled command, as a user runs it: its streams, its exit status, its signals. Tests beside the
 * functions of text/ cover its texts.
 */

const command = join(packageRoot(), 'dist', 'host', 'cli', 'main.js');
const folder = mkdtempSync(join(tmpdir(), 'funnel-cli-'));
const started: ChildProcess[] = [];

afterEach(() => {
  for (const child of started.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
});
afterAll(() => rmSync(folder, { recursive: true }));

function funnel(...args: string[]) {
  const child = spawn(process.execPath, [command, ...args], {
    cwd: folder,
    env: { ...process.env, XDG_RUNTIME_DIR: folder },
  });
  started.push(child);
  const text = { out: '', err: '' };
  child.stdout.on('data', (data) => (text.out += data));
  child.stderr.on('data', (data) => (text.err += data));
  const ended = new Promise<{ status: number | null; out: string; err: string }>((resolve) =>
    child.on('close', (status) => resolve({ status, ...text })),
  );
  const waitFor = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(text.out)) {
      if (child.exitCode !== null) throw new Error(`it ended: ${text.out}${text.err}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  return { child, ended, waitFor };
}

/** A regular file of this name, which some containers have, would be filled instead. */
function hasFullDevice(): boolean {
  return statSync('/dev/full', { throwIfNoEntry: false })?.isCharacterDevice() === true;
}

/** The command with its standard output on a disk that is always full. */
function funnelToFull(...args: string[]): Promise<{ status: number | null; err: string }> {
  const full = openSync('/dev/full', 'w');
  const child = spawn(process.execPath, [command, ...args], { cwd: folder, stdio: ['ignore', full, 'pipe'] });
  closeSync(full);
  started.push(child);
  let err = '';
  child.stderr?.on('data', (data) => (err += data));
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, err })));
}

/**
 * Two sockets of this machine that carry frames only for each other: the smallest puzzle that needs no
 * rights.
 */
function sockets(port: number): string {
  const udp = (network: string, number: number) =>
    `{ piece: udp, settings: { port: ${number}, address: 127.0.0.1, family: ipv4 }, edges: { udp: ${network} } }`;
  return `pieces:
  left: ${udp('a', port)}
  middle: { piece: hub, edges: { net: [a, b] } }
  right: ${udp('b', 0)}
`;
}

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return name;
}

describe.skipIf(!existsSync(command))(
  'the funnel command (skipped where it is not built: npm run build)',
  () => {
    it('inspects a component without running it, and records what it wants', async () => {
      copyFileSync(join(packageRoot(), 'dist', 'pieces', '6bed4.wasm'), join(folder, 'mine.wasm'));
      const bare = await funnel('piece', 'inspect', './mine.wasm').ended;
      expect(bare).toMatchObject({ status: 1, err: '' });
      expect(bare.out).toMatch(
        /wants +log, random, listen, offer\n[\s\S]*FT_COMPONENT_IMPORT.*"listen", "offer"/,
      );
      const mine = (more: string) => `pieces:
  six: { piece: ./mine.wasm, settings: { router: 192.0.2.1 }, edges: { ipv6: lan, carrier: wan }${more} }
  home: { piece: tun, edges: { ip: lan } }
  net: { piece: udp, edges: { udp: wan } }
`;
      write('mine.yaml', mine(''));
      const denied = await funnel('check', 'mine.yaml').ended;
      expect(denied.err).toMatch(
        /^mine.yaml:2:17: FT_COMPONENT_IMPORT: .*`grants: \{ listen: \[EDGE, …\], offer: \[EDGE, …\] \}`/,
      );
      write('mine.yaml', mine(', grants: { listen: carrier, offer: ipv6 }'));
      const inspected = await funnel('piece', 'inspect', './mine.wasm', '--configuration', 'mine.yaml').ended;
      expect(inspected).toMatchObject({ status: 0, err: '' });
      expect(inspected.out).toMatch(
        /As `six`: admitted\n +granted listen:carrier, log, offer:ipv6, random, utc;/,
      );
      const json = await funnel('piece', 'inspect', './mine.wasm', '--json').ended;
      expect(JSON.parse(json.out)).toMatchObject({
        structure: { wants: ['log', 'random', 'listen', 'offer'] },
        byDefault: { refusals: [{ code: 'FT_COMPONENT_IMPORT' }] },
      });
      expect((await funnel('check', 'mine.yaml').ended).out).toMatch(/good[\s\S]*`funnel consent mine.yaml`/);
      const shown = await funnel('consent', 'mine.yaml', '--show').ended;
      expect(shown.out).toMatch(/^\+ six: \.\/mine\.wasm, 6bed4 .*, wants\n {4}\+ to log\n/);
      expect(existsSync(join(folder, 'mine.consent.json'))).toBe(false);
      const recorded = await funnel('consent', 'mine.yaml').ended;
      expect(recorded).toEqual({ status: 0, out: `${shown.out}recorded in mine.consent.json\n`, err: '' });
      expect((await funnel('check', 'mine.yaml').ended).out).toBe(
        'mine.yaml: good: 3 pieces on 2 networks\n',
      );
      copyFileSync(join(packageRoot(), 'dist', 'pieces', 'echo.wasm'), join(folder, 'mine.wasm'));
      const other = await funnel('check', 'mine.yaml').ended;
      expect(other.err).toMatch(/FT_CONSENT_NEEDED: `\.\/mine\.wasm`, echo .* is another piece than 6bed4/);
    });

    it('checks: mistakes on standard error with status 1, or one line with status 0', async () => {
      const bad = await funnel(
        'check',
        write('bad.yaml', 'pieces:\n  a: { piece: tunn }\n  b: { piece: udq }\n'),
      ).ended;
      expect(bad).toEqual({
        status: 3,
        out: '',
        err: `bad.yaml:2:15: FT_PIECE_UNKNOWN: there is no piece \`tunn\` — did you mean \`tun\`?
bad.yaml:3:15: FT_PIECE_UNKNOWN: there is no piece \`udq\` — did you mean \`udp\`?
2 mistakes
`,
      });
      expect(await funnel('check', write('good.yaml', sockets(0))).ended).toEqual({
        status: 0,
        out: 'good.yaml: good: 3 pieces on 2 networks\n',
        err: '',
      });
    });

    it('finds a required setting that is not given', async () => {
      const text = 'pieces:\n  a: { piece: pcap-writer, edges: {} }\n';
      const { status, err } = await funnel('check', write('required.yaml', text)).ended;
      expect(status).toBe(3);
      expect(err).toMatch(/^required\.yaml:2:3: FT_SETTING_MISSING: `pcap-writer` needs the setting `file`/m);
    });

    it('explains a wrong command line', async () => {
      const { status, err } = await funnel('chek').ended;
      expect(status).toBe(2);
      expect(err).toContain('Did you mean check?');
    });

    it.each([
      [['chek', '--json'], 2, 'FT_USAGE', "unknown command 'chek'"],
      [['check', '--json'], 2, 'FT_USAGE', 'missing required argument'],
      [['check', '--bad', '--json', 'x.yaml'], 2, 'FT_USAGE', "unknown option '--bad'"],
      [['schema', '--reference', '--json'], 2, 'FT_USAGE', 'cannot be used with option'],
      [['exec', '--json', '--bad', '--', 'true'], 125, 'FT_USAGE', "unknown option '--bad'"],
      [['match', '--json', 'ip/udp', 'ip/xyz'], 2, 'FT_STACK_UNKNOWN', 'xyz is not known'],
      [['piece', 'build', '--json', 'absent'], 4, 'FT_PIECE_ABSENT', 'there is no folder absent'],
      [['piece', 'test', '--json', 'absent'], 4, 'FT_PIECE_ABSENT', 'there is no file or folder absent'],
      [['plan', '--json', 'absent.yaml'], 3, 'FT_CONFIG', 'there is no such file'],
    ])('reports an error as one object of JSON: %j', async (args, code, name, message) => {
      const { status, out, err } = await funnel(...args).ended;
      expect([status, out]).toEqual([code, '']);
      expect(JSON.parse(err)).toMatchObject({
        error: { code: name, message: expect.stringContaining(message) },
      });
      expect(err.trimEnd().split('\n')).toHaveLength(1);
    });

    it('leaves arguments of a command to it, and prints help as text', async () => {
      const wrong = await funnel('exec', '--bad', '--', 'true', '--json').ended;
      expect(wrong.err).toMatch(/^error: unknown option/);
      expect(await funnel('check', '--help', '--json').ended).toMatchObject({
        status: 0,
        out: expect.stringMatching(/^Usage: funnel check/),
      });
    });

    it('accepts a reader that goes away', async () => {
      const { child, ended } = funnel('schema');
      child.stdout.destroy();
      expect(await ended).toMatchObject({ status: 0, err: '' });
    });

    it.skipIf(!hasFullDevice())(
      'reports that its output cannot be written (skipped where /dev/full is no device)',
      async () => {
        expect(await funnelToFull('schema')).toEqual({
          status: 4,
          err: 'funnel: FT_OUTPUT: standard output cannot be written (ENOSPC), and the text is lost; make room there, or send it elsewhere\n',
        });
      },
    );

    it.skipIf(!hasFullDevice())(
      'continues where its log is on a full disk, and reports that once (skipped where /dev/full is no device)',
      async () => {
        const options = ['--stats-file', 'full.json', '--interval', '0.1', '--no-control'];
        const running = funnelToFull('run', write('full.yaml', sockets(0)), ...options);
        const uptime = (): number => {
          const file = join(folder, 'full.json');
          return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).uptimeMs : 0;
        };
        // After several lines of counters it is still running.
        while (uptime() < 500) await new Promise((resolve) => setTimeout(resolve, 10));
        started.at(-1)!.kill('SIGTERM');
        const { status, err } = await running;
        expect(status).toBe(4);
        expect(err).toMatch(/^funnel: FT_OUTPUT: [^\n]*\n$/);
      },
    );

    it.each(['SIGTERM', 'SIGINT'] as const)('runs until %s, and ends with totals', async (signal) => {
      const file = write('run.yaml', sockets(0));
      const { child, ended, waitFor } = funnel(
        'run',
        file,
        '--totals',
        'totals.json',
        '--stats-file',
        'stats.json',
        '--interval',
        '0.1',
      );
      await waitFor(/^ready$/m);
      await waitFor(/^0:00:\d\d left\.udp@a in 0/m);
      expect(JSON.parse(readFileSync(join(folder, 'stats.json'), 'utf8'))).toHaveProperty('uptimeMs');
      child.kill(signal);
      const { status, out, err } = await ended;
      expect({ status, err }).toEqual({ status: 0, err: '' });
      expect(out).toMatch(/^run\.yaml: 3 pieces on 2 networks\n {2}left {4}udp 0\.1\.0 {2}udp on a\n/);
      expect(out).toMatch(/^ended after 0:00:\d\d, 0 frames lost$/m);
      const totals = JSON.parse(readFileSync(join(folder, 'totals.json'), 'utf8'));
      expect(totals.pieces.map(({ name }: { name: string }) => name)).toEqual(['left', 'middle', 'right']);
      expect(readdirSync(folder).filter((name) => name.endsWith('.new'))).toEqual([]);
    });

    it('reads its file again at SIGHUP, and keeps what it has where that file has mistakes', async () => {
      const file = write('again.yaml', sockets(0));
      const { child, ended, waitFor } = funnel('run', file, '--no-control');
      await waitFor(/^ready$/m);
      const third = `  more: { piece: udp, settings: { port: 0, address: 127.0.0.1, family: ipv4 }, edges: { udp: c } }\n`;
      write('again.yaml', sockets(0).replace('[a, b]', '[a, b, c]') + third);
      child.kill('SIGHUP');
      await waitFor(/^changed: again\.yaml: .*added more/m);
      await waitFor(/^info: funnel: SIGHUP: the configuration was read again$/m);
      write('again.yaml', 'pieces:\n  left: { piece: nonsense }\n');
      child.kill('SIGHUP');
      await waitFor(/^error: funnel: again\.yaml:2:\d+: FT_PIECE_\w+: .*nonsense/m);
      await waitFor(/^error: funnel: SIGHUP: the Funnel keeps the configuration that it has$/m);
      rmSync(join(folder, 'again.yaml'));
      child.kill('SIGHUP');
      await waitFor(/^error: funnel: again\.yaml: FT_CONFIG_FILE: /m);
      write('again.yaml', sockets(0));
      child.kill('SIGHUP');
      await waitFor(/^changed: again\.yaml: .*removed more/m);
      child.kill('SIGTERM');
      expect((await ended).status).toBe(0);
    });

    it('ends when its terminal hangs up, and only then', async () => {
      const file = write('terminal.yaml', sockets(0));
      const session = `import os, pty, signal, sys
child, terminal = pty.fork()
if child == 0: os.execvp(sys.argv[1], sys.argv[1:])
said = b''
def until(text):
  global said
  while text not in said: said += os.read(terminal, 4096)
until(b'ready')
os.kill(child, signal.SIGHUP)
until(b'read again')
os.close(terminal)
print(os.waitpid(child, 0)[1])`;
      const run = [
        process.execPath,
        command,
        'run',
        file,
        '--plain',
        '--no-control',
        '--totals',
        'hung.json',
      ];
      const { status, stdout, stderr } = spawnSync('python3', ['-c', session, ...run], {
        cwd: folder,
        encoding: 'utf8',
      });
      expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '1\n', stderr: '' });
      expect(existsSync(join(folder, 'hung.json'))).toBe(true);
    });

    it('counts a signal that is repeated at once as one, and still cleans up', async () => {
      const control = join(folder, 'control.sock');
      const run = funnel(
        'run',
        write('twice.yaml', sockets(0)),
        '--totals',
        'twice.json',
        '--control',
        control,
      );
      await run.waitFor(/^ready$/m);
      for (const signal of ['SIGINT', 'SIGINT', 'SIGTERM'] as const) run.child.kill(signal);
      const { status, out } = await run.ended;
      expect(status).toBe(0);
      expect(out).toMatch(/^ended after/m);
      expect(existsSync(join(folder, 'twice.json'))).toBe(true);
      expect(existsSync(control)).toBe(false);
    });

    it('includes in its totals what a capture writes while it closes', async () => {
      const socket = createSocket('udp4');
      await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
      const { port } = socket.address();
      await new Promise<void>((resolve) => socket.close(resolve));
      const text = `pieces:
  net: { piece: udp, settings: { port: ${port}, address: 127.0.0.1 }, edges: { udp: a } }
  file: { piece: pcap-writer, settings: { file: x.pcapng, stack: ip/udp, direction: down }, edges: { frames: a } }
`;
      const run = funnel(
        'run',
        write('capture.yaml', text),
        '--totals',
        'totals.json',
        '--json',
        '--interval',
        '0.1',
      );
      await run.waitFor(/"event":"ready"/);
      const sender = createSocket('udp4');
      const send = () => {
        for (let n = 0; n < 20; n++) sender.send('x', port, '127.0.0.1');
      };
      send();
      await run.waitFor(/"framesIn":20\b/);
      // The last frames come in the tenth of a second for which the file collects them.
      send();
      await new Promise((resolve) => setTimeout(resolve, 30));
      run.child.kill('SIGTERM');
      sender.close();
      expect((await run.ended).status).toBe(0);
      const totals = JSON.parse(readFileSync(join(folder, 'totals.json'), 'utf8'));
      const file = totals.pieces.find(({ name }: { name: string }) => name === 'file');
      const { framesIn } = file.edges[0];
      expect(framesIn).toBeGreaterThanOrEqual(20);
      expect(file.reasons).toContainEqual(
        expect.objectContaining({ name: 'recorded', frames: framesIn, loss: false }),
      );
    });

    it('prints everything as JSON on request', async () => {
      const { child, ended, waitFor } = funnel(
        'run',
        write('json.yaml', sockets(0)),
        '--json',
        '--interval',
        '0.1',
      );
      await waitFor(/"counters"/);
      child.kill('SIGTERM');
      const { out } = await ended;
      const events = out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).event);
      const ofRun = events.filter((event) => event !== 'status');
      expect(ofRun.slice(0, 3)).toEqual(['started', 'ready', 'counters']);
      expect(events.at(-1)).toBe('totals');
    });

    it('names the setting and the piece that the system refuses, without a stack trace', async () => {
      const socket = createSocket('udp4');
      await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
      const { port } = socket.address();
      const { status, err } = await funnel('run', write('used.yaml', sockets(port))).ended;
      socket.close();
      expect(status).toBe(4);
      expect(err).toMatch(/^used\.yaml:2:\d+: FT_UDP_PORT_IN_USE: setting `port` of piece `left`: .*\n$/);
    });

    it('refuses a file that it could not write at the end', async () => {
      const { status, err } = await funnel(
        'run',
        write('write.yaml', sockets(0)),
        '--totals',
        'no/such/folder.json',
      ).ended;
      expect(status).toBe(4);
      expect(err).toMatch(/^funnel: FT_OUTPUT_FILE: no\/such\/folder\.json cannot be written \(ENOENT\)/);
    });

    it('changes, shows and ends a running Funnel', async () => {
      const file = write('live.yaml', sockets(0));
      const { ended, waitFor } = funnel('run', file);
      await waitFor(/^ready$/m);
      const [socket = '', ...others] = readdirSync(join(folder, 'funnel'));
      expect(others).toEqual([]);
      expect(socket).toMatch(/^live\.[0-9a-f]{8}\.\d+\.sock$/);
      expect(await funnel('apply', file).ended).toEqual({
        status: 0,
        out: '= as before: left, middle, right\n',
        err: '',
      });
      write(
        'live.yaml',
        sockets(0).replace('[a, b]', '[b, c]').replace('left:', 'other:').replace('udp: a', 'udp: c'),
      );
      const words = `- left is removed: udp leaves a
+ other is added: udp joins c
~ middle continues: net leaves a; net joins c
= as before: right
`;
      expect(await funnel('apply', file, '--dry-run').ended).toEqual({ status: 0, out: words, err: '' });
      expect(await funnel('apply', file).ended).toEqual({ status: 0, out: words, err: '' });
      await waitFor(/^changed: live\.yaml: added other; removed left; rejoined middle$/m);

      const taken = createSocket('udp4');
      await new Promise<void>((resolve) => taken.bind(0, '127.0.0.1', resolve));
      write('live.yaml', sockets(taken.address().port).replace('piece: hub', 'piece: hubb'));
      expect(await funnel('apply', file).ended).toMatchObject({
        status: 3,
        out: '',
        err: expect.stringMatching(/^live\.yaml:3:20: FT_PIECE_UNKNOWN: /),
      });
      write('live.yaml', sockets(taken.address().port));
      const refused = await funnel('apply', file).ended;
      taken.close();
      expect(refused.status).toBe(4);
      expect(refused.err).toMatch(/^live\.yaml:2:\d+: FT_UDP_PORT_IN_USE: setting `port` of piece `left`: /);

      const status = await funnel('status').ended;
      expect(status.out).toMatch(/^Funnel live\.yaml \(process \d+\) +up 0:\d\d:\d\d/);
      expect(status.out).toMatch(/^other +udp +c +in/m);
      expect(JSON.parse((await funnel('status', '--json').ended).out)).toMatchObject({
        configuration: 'live.yaml',
      });
      const second = await funnel('run', file, '--control', join(folder, 'funnel', socket)).ended;
      expect(second.status).toBe(4);
      expect(second.err).toMatch(/^funnel: FT_CONTROL_IN_USE: /);

      expect(await funnel('end').ended).toEqual({ status: 0, out: '', err: '' });
      expect(await ended).toMatchObject({ status: 0, err: '' });
      expect(readdirSync(join(folder, 'funnel'))).toEqual([]);
      expect((await funnel('status').ended).err).toMatch(/^funnel: FT_CONTROL_ABSENT: /);
    });
  },
);

describe('a configuration with a name', () => {
  const named = (...args: string[]) =>
    spawnSync(process.execPath, [command, ...args], {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, XDG_RUNTIME_DIR: folder, XDG_CONFIG_HOME: join(folder, 'c'), HUSH: 'hush-7' },
    });
  const write = (name: string, text: string) => {
    mkdirSync(join(folder, 'c', 'funnel'), { recursive: true, mode: 0o755 });
    writeFileSync(join(folder, 'c', 'funnel', name), text, { mode: 0o644 });
  };

  it('is checked with its includes and the parameters of the command line', () => {
    write(
      'common.yaml',
      `pieces: { b: { piece: udp, settings: { port: "$\{port}" }, edges: { udp: east } } }\n`,
    );
    write(
      'pair.yaml',
      'include: common\nparameters: { port: 0 }\npieces:\n  a: { piece: udp, settings: { port: 0 }, edges: { udp: west } }\n' +
        '  h: { piece: hub, settings: { stack: ip/udp }, edges: { net: [west, east] } }\n',
    );
    expect(named('check', 'pair')).toMatchObject({ status: 0, stderr: '' });
    const wrong = named('check', 'pair', '--set', 'port=many');
    expect(wrong.status).toBe(3);
    expect(wrong.stderr).toMatch(/common\.yaml:1:\d+: FT_SETTING_VALUE: .*`many`/);
    expect(named('check', 'pair', '--set', 'prot=1').stderr).toMatch(/FT_PARAMETER_UNKNOWN: .*`port`/);
    expect(named('check', 'pair', '--set', 'port').status).toBe(2);
    expect(named('check', 'poir').stderr).toMatch(/FT_NAME_UNKNOWN/);
    const list = named('list', '--json');
    expect(JSON.parse(list.stdout)).toMatchObject([
      { name: 'common', state: 'stopped' },
      { name: 'pair', state: 'stopped' },
    ]);
  });

  it('never shows a secret', () => {
    write(
      'secret.yaml',
      `parameters: { key: { env: HUSH, secret: true } }\npieces: { a: { piece: udp, settings: { port: "$\{key}" } } }\n`,
    );
    for (const args of [['check'], ['check', '--json'], ['plan'], ['run', '--plain', '--no-control']]) {
      const { stdout, stderr, status } = named(...args, 'secret');
      expect(status).toBe(3);
      expect(stdout + stderr).toContain('is not a secret');
      expect(stdout + stderr).not.toContain('hush-7');
    }
  });
});
