import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { hasCommand } from '../net/command.ts';
import { labTest } from '../net/lab-test.ts';
import type { NetLab } from '../net/net-lab.ts';
import { readPcapng } from '../net/pcapng.ts';
import { funnelCommand } from '../net/project-root.ts';
import { eventually } from './six-network.ts';

/** The command of a plugin, as other programs have it in their configurations. */
function plugin(kind: 'sip003' | 'pt', file = ''): string {
  return `${process.execPath} ${funnelCommand} plugin ${kind} ${file}`.trim();
}

/** A puzzle that records the streams which pass through it. */
function recording(lab: NetLab, name: string, isRelay: boolean): { file: string; record: string } {
  const record = join(lab.folder, `${name}.pcapng`);
  const inner = isRelay ? 'between' : 'application';
  const pieces = {
    ...(isRelay
      ? { hub: { piece: 'hub', settings: { stack: 'ip/tcp' }, edges: { net: ['peer', 'between'] } } }
      : {}),
    copy: { piece: 'tap', edges: { copy: 'recorded', a: inner, b: isRelay ? 'application' : 'peer' } },
    record: {
      piece: 'pcap-writer',
      settings: { file: record, direction: 'both' },
      edges: { frames: 'recorded' },
    },
  };
  const file = join(lab.folder, `${name}.yaml`);
  writeFileSync(file, JSON.stringify({ pieces }));
  return { file, record };
}

/** Processes of the project's command in this project with this word in their command line. */
function plugins(word: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
      return words[1] === funnelCommand && words.includes(word) ? [Number(name)] : [];
    } catch {
      return []; // it has just ended, or is no process
    }
  });
}

describe('as a plugin of Shadowsocks', () => {
  labTest('a puzzle carries what curl loads by ss-local and ss-server', async ({ lab, skip }) => {
    if (!hasCommand('ss-server')) skip('ss-server is not here (Debian: shadowsocks-libev)');
    const host = await lab.namespace('a');
    const [near, far] = [recording(lab, 'near', true), recording(lab, 'far', true)];
    // Shadowsocks takes the path of a program, without arguments.
    const program = join(lab.folder, 'funnel-sip003');
    writeFileSync(program, `#!/bin/sh\nexec ${plugin('sip003')}\n`, { mode: 0o755 });
    const secret = ['-k', 'secret', '-m', 'aes-256-gcm'];
    const common = ['-s', '127.0.0.1', '-p', '8388', ...secret, '--plugin', program, '--plugin-opts'];
    host.start(['python3', '-m', 'http.server', '--bind', '127.0.0.1', '8000', '--directory', '/etc']);
    const server = host.start(['ss-server', ...common, `server;config=${far.file}`]);
    const client = host.start(['ss-local', '-l', '1080', ...common, `config=${near.file}`]);
    const load = ['curl', '-sS', '--max-time', '20', '--socks5', '127.0.0.1:1080'];
    await eventually(60_000, 'the file comes', async () => {
      const { stdout } = await host.runAnyway([...load, 'http://127.0.0.1:8000/hostname']);
      return stdout === readFileSync('/etc/hostname', 'utf8');
    });
    // A plugin ends with the program that started it, also if that is killed.
    expect(plugins('sip003')).toHaveLength(2);
    await client.stop('SIGKILL');
    await eventually(30_000, 'the plugin has ended', async () => plugins('sip003').length === 1);
    await server.stop('SIGTERM');
    await eventually(30_000, 'both have ended', async () => plugins('sip003').length === 0);
    for (const { record } of [near, far]) expect(readPcapng(record).length).toBeGreaterThan(4);
  });

  labTest(
    'a client and a server carry the bytes of programs, both ends of streams apart',
    async ({ lab }) => {
      const host = await lab.namespace('a');
      const start = (environment: Record<string, string>) =>
        host.start([process.execPath, funnelCommand, 'plugin', 'sip003'], {
          env: { ...process.env, ...environment },
        });
      const place = { SS_REMOTE_HOST: '127.0.0.1', SS_REMOTE_PORT: '7002', SS_LOCAL_HOST: '127.0.0.1' };
      // It replies when the other direction has ended.
      host.start(['socat', 'TCP-LISTEN:7001,bind=127.0.0.1,fork,reuseaddr', 'EXEC:sha256sum']);
      const far = start({ ...place, SS_LOCAL_PORT: '7001', SS_PLUGIN_OPTIONS: 'server' });
      const near = start({ ...place, SS_LOCAL_PORT: '7003' });
      await Promise.all(
        [far, near].map(async (each) =>
          eventually(60_000, 'it is ready', async () => each.stderr.includes('funnel: ready')),
        ),
      );
      const sums = await host.run([
        'sh',
        '-c',
        'head -c 3000000 /dev/urandom > "$1/bytes"; sha256sum < "$1/bytes"; socat -t 60 - TCP:127.0.0.1:7003 < "$1/bytes"',
        'sh',
        lab.folder,
      ]);
      const [own, theirs] = sums.trim().split('\n');
      expect(theirs).toBe(own);
      expect((await near.stop('SIGTERM')).status).toBe(0);
      // A peer that is not there ends the stream.
      await far.stop('SIGTERM');
      const again = start({ ...place, SS_LOCAL_PORT: '7003' });
      await eventually(60_000, 'it is ready', async () => again.stderr.includes('funnel: ready'));
      const gone = await host.runAnyway(['socat', '-t', '60', '-u', 'TCP:127.0.0.1:7003', '-']);
      expect(gone.stdout).toBe('');
      await again.stop('SIGTERM');

      const wrong = join(lab.folder, 'wrong.yaml');
      writeFileSync(wrong, 'pieces: { application: { piece: hub, edges: { net: [application, peer] } } }\n');
      for (const [file, why] of [
        [wrong, /FT_PLUGIN_CONFIGURATION: .*wrong\.yaml has a piece application/],
        [join(lab.folder, 'absent.yaml'), /FT_CONFIG_FILE/],
      ] as const) {
        const refused = start({ ...place, SS_LOCAL_PORT: '7003', SS_PLUGIN_OPTIONS: `config=${file}` });
        const { status, stderr } = await refused.ended;
        expect([status, stderr]).toEqual([expect.any(Number), expect.stringMatching(why)]);
        expect(status).not.toBe(0);
      }
    },
  );
});

describe('as a pluggable transport', () => {
  labTest('a puzzle carries the handshake and a descriptor of two Tors', async ({ lab, skip }) => {
    if (!hasCommand('tor')) skip('tor is not here (Debian: tor)');
    const host = await lab.namespace('a');
    const { file, record } = recording(lab, 'near', false);
    const tor = (name: string, lines: readonly string[]) => {
      const data = join(lab.folder, name);
      mkdirSync(data, { mode: 0o700 });
      const torrc = join(lab.folder, `${name}.torrc`);
      writeFileSync(torrc, [`DataDirectory ${data}`, 'Log notice stdout', ...lines, ''].join('\n'));
      return host.start(['tor', '--defaults-torrc', '/dev/null', '-f', torrc]);
    };
    const bridge = tor('bridge', [
      ...['ORPort 127.0.0.1:9001', 'BridgeRelay 1', 'PublishServerDescriptor 0', 'AssumeReachable 1'],
      ...['Address 127.0.0.1', 'SocksPort 0', 'ExitRelay 0', 'Nickname far'],
      `ServerTransportPlugin funnel exec ${plugin('pt')}`,
      'ServerTransportListenAddr funnel 127.0.0.1:9002',
    ]);
    await bridge.waitFor(/Registered server transport 'funnel' at '127\.0\.0\.1:9002'/);
    const client = tor('client', [
      ...['SocksPort 127.0.0.1:9050', 'UseBridges 1', 'Bridge funnel 127.0.0.1:9002'],
      `ClientTransportPlugin funnel exec ${plugin('pt', file)}`,
    ]);
    await client.waitFor(/Bootstrapped 2% \(conn_done_pt\)/);
    await client.waitFor(/Bootstrapped 15% \(handshake_done\)/);
    await client.waitFor(/new bridge descriptor 'far' \(fresh\)/);
    expect(plugins(file)).toHaveLength(1);
    await client.stop('SIGKILL');
    await eventually(30_000, 'the transport has ended', async () => plugins(file).length === 0);
    expect(readPcapng(record).length).toBeGreaterThan(10);
    await bridge.stop('SIGTERM');
  });

  labTest('a client and a server join by SOCKS, and end with their input', async ({ lab }) => {
    const host = await lab.namespace('a');
    const start = (environment: Record<string, string>) =>
      host.start(['sh', '-c', `mkfifo "$1" && exec ${plugin('pt')} < "$1"`, 'sh', environment.INPUT!], {
        env: {
          ...process.env,
          TOR_PT_MANAGED_TRANSPORT_VER: '1',
          TOR_PT_EXIT_ON_STDIN_CLOSE: '1',
          ...environment,
        },
      });
    const inputs = ['near', 'far'].map((name) => join(lab.folder, `${name}.in`));
    host.start(['python3', '-m', 'http.server', '--bind', '127.0.0.1', '8000', '--directory', '/etc']);
    const far = start({
      INPUT: inputs[1]!,
      TOR_PT_SERVER_TRANSPORTS: 'funnel',
      TOR_PT_ORPORT: '127.0.0.1:8000',
    });
    const near = start({ INPUT: inputs[0]!, TOR_PT_CLIENT_TRANSPORTS: 'funnel,obfs4' });
    const holders = inputs.map((input) =>
      host.start(['sh', '-c', `until [ -p ${input} ]; do sleep 0.05; done; exec sleep 600 > ${input}`]),
    );
    const [, farPort] = await far.waitFor(/^VERSION 1\nSMETHOD funnel 0\.0\.0\.0:(\d+)\nSMETHODS DONE$/m);
    const [, nearPort] = await near.waitFor(
      /^VERSION 1\nCMETHOD funnel socks5 127\.0\.0\.1:(\d+)\nCMETHODS DONE$/m,
    );
    const loaded = await host.run([
      ...['curl', '-sS', '--retry', '9', '--retry-all-errors', '--socks5', `127.0.0.1:${nearPort}`],
      `http://127.0.0.1:${farPort}/hostname`,
    ]);
    expect(loaded).toBe(readFileSync('/etc/hostname', 'utf8'));
    await Promise.all(holders.map((each) => each.stop('SIGKILL')));
    expect((await near.ended).status).toBe(0);
    expect((await far.ended).status).toBe(0);
  });
});
