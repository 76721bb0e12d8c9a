import {
  chmodSync,
  createWriteStream,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect } from 'vitest';
import { hasCommand } from '../net/command.ts';
import { labTest } from '../net/lab-test.ts';
import type { Namespace } from '../net/namespace.ts';
import type { NetLab } from '../net/net-lab.ts';
import { AS_USER, funnelExec, startFunnelExec, whyNoUser } from '../net/ordinary-user.ts';
import { readPcapng } from '../net/pcapng.ts';
import { funnelCommand } from '../net/project-root.ts';
import { mulberry32 } from '../pieces/fault-model.ts';
import { eventually, ROUTER, SixNetwork } from './six-network.ts';

/*
 * `funnel exec` as a user without any privilege runs it: another user than the one of the tests, in a host of
 * a lab. Programs of Debian's measure and serve.
 */
const noUser = await whyNoUser();
beforeEach(({ skip }) => {
  if (noUser !== undefined) skip(noUser);
});

/** Where the other user may write. */
const RECORD = join('/tmp', `funnel-exec-${process.pid}.pcapng`);

/** A puzzle that leads nowhere, with addresses of both families. */
/** A device whose packets are recorded, without any host behind it. One capture has one writer. */
function configurationFile(lab: NetLab, name = 'nowhere', record = RECORD): string {
  const file = join(lab.folder, `${name}.yaml`);
  const settings = { device: 'fun0', address: ['10.9.0.1/24', 'fd09::1/64'], route: ['0.0.0.0/0', '::/0'] };
  const pieces = {
    dev: { piece: 'tun', settings, edges: { ip: 'lan' } },
    end: { piece: 'pcap-writer', settings: { file: record }, edges: { frames: 'lan' } },
  };
  writeFileSync(file, JSON.stringify({ pieces }));
  return file;
}

afterAll(() => rmSync(RECORD, { force: true }));

/** Processes whose command line has this word. */
function processesWith(word: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
      return words.includes(word) ? [Number(name)] : [];
    } catch {
      return []; // it has just ended
    }
  });
}

function processesCalled(name: string, word: string): number[] {
  return processesWith(word).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === name;
    } catch {
      return false; // it has just ended
    }
  });
}

/** The network namespace of a process; undefined where it has just ended. */
function networkOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}

/** The process of a host's exec that has this name and this word in its command line. */
function processNamed(name: string, word: string): number {
  const [found] = processesCalled(name, word);
  if (found === undefined) throw new Error(`no process ${name} with ${word}`);
  return found;
}

describe('a command of an ordinary user', () => {
  labTest(
    'has the network of a puzzle and nothing else, and its own user, names and status',
    async ({ lab }) => {
      const host = await lab.namespace('host');
      const script = [
        'id -u; id -un',
        'ls /sys/class/net | sort | tr "\\n" " "; echo',
        'cat /etc/resolv.conf',
        'ping -c 1 -W 5 10.9.0.1; ping -c 1 -W 5 fd09::1',
        'grep CapEff /proc/self/status',
        'exit 7',
      ].join('\n');
      const { status, stdout, stderr } = await funnelExec(host, [
        configurationFile(lab),
        '--',
        'sh',
        '-c',
        script,
      ]);
      expect([status, stderr]).toEqual([7, '']);
      expect(stdout).toMatch(/^65534\n/);
      expect(stdout).toContain('fun0 lo \n');
      expect(stdout).toContain('nameserver 127.0.0.53');
      expect(stdout.match(/ 0% packet loss/g)).toHaveLength(2);
      expect(stdout).toContain('CapEff:\t0000000000000000');
      expect(stdout).not.toMatch(/permi(ssion|tted)/i);
    },
  );

  labTest('is the root of its namespace where that is asked for', async ({ lab }) => {
    const host = await lab.namespace('host');
    const script = 'id -u && ip link set fun0 mtu 1400 && ip link show fun0';
    const args = ['--map-root', configurationFile(lab), '--', 'sh', '-c', script];
    const { status, stdout } = await funnelExec(host, args);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^0\n[\s\S]*mtu 1400/);
  });

  labTest('starts where it is, with its standard streams, however much passes', async ({ lab }) => {
    const host = await lab.namespace('host');
    const file = configurationFile(lab);
    const inner = `seq 200000 | ${process.execPath} -e 'process.stdin.pipe(process.stdout)' | tail -n 1; pwd; echo bad >&2`;
    const { status, stdout, stderr } = await funnelExec(host, [file, '--', 'sh', '-c', inner], {
      cwd: '/usr',
    });
    expect([status, stdout, stderr]).toEqual([0, '200000\n/usr\n', 'bad\n']);
  });

  labTest('may be a funnel exec', async ({ lab }) => {
    const host = await lab.namespace('host');
    const file = configurationFile(lab);
    const funnel = [process.execPath, join(import.meta.dirname, '../../dist/host/cli/main.js'), 'exec'];
    const inner = ['sh', '-c', 'ping -c 1 -W 5 fd09::1 && exit 5'];
    const within = configurationFile(lab, 'within', '/dev/null');
    const { status, stdout, stderr } = await funnelExec(host, [
      ...[file, '--', ...funnel],
      ...[within, '--', ...inner],
    ]);
    expect(status, stderr).toBe(5);
    expect(stdout).toContain(' 0% packet loss');
  });

  labTest('that cannot be run is reported, with the status that shells have', async ({ lab }) => {
    const host = await lab.namespace('host');
    const file = configurationFile(lab);
    const missing = await funnelExec(host, [file, '--', '/nowhere/there']);
    expect(missing).toMatchObject({ status: 127, stdout: '' });
    expect(missing.stderr).toContain(
      'FT_EXEC_COMMAND: /nowhere/there cannot be run: there is no such program',
    );
    const forbidden = await funnelExec(host, [file, '--', '/etc/passwd']);
    expect(forbidden.status).toBe(126);
    const nothing = await funnelExec(host, [file]);
    expect([nothing.status, nothing.stderr]).toEqual([125, expect.stringContaining('FT_EXEC_USAGE')]);
  });

  labTest('gets signals, and ends as it wants or by them', async ({ lab }) => {
    const host = await lab.namespace('host');
    const file = configurationFile(lab);
    const script = 'trap "echo got it; exit 9" TERM; echo begun; while :; do sleep 0.05; done';
    for (const [text, status] of [
      [script, 9],
      ['echo begun; exec sleep 100', 'SIGTERM'],
    ] as const) {
      const running = startFunnelExec(host, [file, '--', 'sh', '-c', text]);
      await running.waitFor(/^begun$/m);
      expect(await running.stop('SIGTERM')).toMatchObject({ status });
    }
  });

  labTest('takes with it what it leaves running, or is waited for together with that', async ({ lab }) => {
    const host = await lab.namespace('host');
    const file = configurationFile(lab);
    const left = `left-${process.pid}`;
    const script = `setsid sh -c 'while [ ! -e /tmp/${left} ]; do sleep 0.05; done; echo over' ${left} & echo away`;
    const ended = await funnelExec(host, [file, '--', 'sh', '-c', script]);
    expect([ended.status, ended.stdout, processesWith(left)]).toEqual([0, 'away\n', []]);
    const running = startFunnelExec(host, ['--leftovers', 'wait', file, '--', 'sh', '-c', script]);
    await running.waitFor(/^away$/m);
    await eventually(30_000, 'it is there', async () => processesWith(left).length > 0);
    await host.run(['touch', `/tmp/${left}`]);
    try {
      expect(await running.ended).toMatchObject({ status: 0, stdout: 'away\nover\n' });
    } finally {
      await host.run(['rm', `/tmp/${left}`]);
    }
  });
});

labTest('of a terminal, a command gets each signal once, and has job control', async ({ lab, skip }) => {
  if (!hasCommand('script')) skip('script is not installed (Debian: bsdutils)');
  const host = await lab.namespace('host');
  const typed = join(lab.folder, 'typed');
  await host.run(['mkfifo', '-m', '666', typed]);
  const inner = join(lab.folder, 'inner.sh');
  writeFileSync(
    inner,
    'set -m; trap "echo interrupted" INT; echo begun; for n in 1 2 3; do read line; echo "line $line"; done; exit 3',
  );
  const command = `${process.execPath} ${funnelCommand} exec ${configurationFile(lab)} -- bash ${inner}`;
  // The shell that waits for the Funnel is in the same process group. Some shells (dash) end at SIGINT unless
  // they catch it.
  const typedAt = `trap : INT; ${command}; echo status $?`;
  const script = ['script', '--quiet', '--return', '--command', typedAt, '/dev/null'];
  const running = host.start([...AS_USER, 'sh', '-c', `exec "$@" < ${typed}`, 'sh', ...script]);
  const terminal = createWriteStream(typed);
  await running.waitFor(/begun/);
  terminal.write('a\n');
  await running.waitFor(/line a/);
  terminal.write('\u0003');
  await running.waitFor(/interrupted/);
  terminal.write('b\n');
  terminal.write('c\n');
  terminal.write('d\n');
  await running.waitFor(/status \d+/);
  terminal.end();
  const { stdout } = await running.ended;
  expect(stdout.match(/interrupted/g)).toHaveLength(1);
  expect(stdout).not.toContain('no job control');
  expect(stdout).toContain('status 3');
});

describe('kill -9', () => {
  const word = `sleeper-${process.pid}`;

  async function begin(host: Namespace, lab: NetLab) {
    const script = `setsid sh -c 'sleep 300; :' ${word} & sleep 300; :`;
    const running = startFunnelExec(host, [configurationFile(lab), '--', 'sh', '-c', script, word]);
    let inside: string | undefined;
    await eventually(30_000, 'the command runs', async () => {
      // Shells that start the Funnel have its command line for a moment; only the command has another
      // network.
      const funnel = processesCalled('node', word)[0];
      const outside = funnel === undefined ? undefined : networkOf(funnel);
      const command = processesCalled('sh', word).find(
        (pid) => ![undefined, outside].includes(networkOf(pid)),
      );
      inside = outside === undefined || command === undefined ? undefined : networkOf(command);
      return inside !== undefined;
    });
    return { running, inside: inside! };
  }

  /** Processes in a network namespace. */
  function residents(inside: string): string[] {
    return readdirSync('/proc').filter((name) => {
      try {
        return /^\d+$/.test(name) && readlinkSync(`/proc/${name}/ns/net`) === inside;
      } catch {
        return false; // it has just ended
      }
    });
  }

  labTest('of the Funnel leaves nothing', async ({ lab }) => {
    const host = await lab.namespace('host');
    const { running, inside } = await begin(host, lab);
    process.kill(processNamed('node', word), 'SIGKILL');
    expect((await running.ended).status).toBe('SIGKILL');
    await eventually(30_000, 'nothing is left', async () => residents(inside).length === 0);
    expect(processesWith(word)).toEqual([]);
  });

  labTest('of its helper leaves nothing, and is reported', async ({ lab }) => {
    const host = await lab.namespace('host');
    const { running, inside } = await begin(host, lab);
    process.kill(processNamed('funnel-namespac', word), 'SIGKILL');
    const { status, stderr } = await running.ended;
    expect([status, stderr]).toEqual([125, expect.stringContaining('FT_NAMESPACE_ENDED')]);
    expect(residents(inside)).toEqual([]);
    expect(processesWith(word)).toEqual([]);
  });
});

describe('6bed4', () => {
  labTest('lets ping and curl of an ordinary user reach another host', async ({ lab }) => {
    const network = await SixNetwork.open(lab);
    const far = await network.startPeer(await network.host('far', 10));
    const address = await far.address();
    far.host.start(['python3', '-m', 'http.server', '--bind', '::', '8000', '--directory', '/etc']);
    const near = await network.host('near', 11);
    const file = join(lab.folder, 'six.yaml');
    const pieces = {
      system: { piece: 'tun', edges: { ip: 'lan' } },
      six: { piece: '6bed4', settings: { router: ROUTER }, edges: { ipv6: 'lan', carrier: 'wan' } },
      net: { piece: 'udp', edges: { udp: 'wan' } },
    };
    writeFileSync(file, JSON.stringify({ pieces }));
    const ping = await funnelExec(near, [file, '--', 'ping', '-6', '-c', '3', address]);
    expect(ping.status, ping.stderr).toBe(0);
    expect(ping.stderr).not.toMatch(/permi(ssion|tted)|denied/i);
    expect(ping.stdout).toContain('3 received');
    const url = `http://[${address}]:8000/hostname`;
    const curl = await funnelExec(near, [
      file,
      '--',
      'curl',
      '-sS',
      '--retry-connrefused',
      '--retry',
      '9',
      url,
    ]);
    expect(curl).toMatchObject({ status: 0, stdout: readFileSync('/etc/hostname', 'utf8') });
    // The puzzle carries IPv6 alone, so other addresses are unreachable at once.
    const other = await funnelExec(near, [file, '--', 'curl', '-sS', `http://${ROUTER}/`]);
    expect(other).toMatchObject({ status: 7, stdout: '' });
  });
});

describe('an ordinary network behind it', () => {
  /** A user's host, and another one that serves. */
  async function twoHosts(lab: NetLab): Promise<{ user: Namespace; server: Namespace }> {
    const user = await lab.namespace('user');
    const server = await lab.namespace('server');
    await lab.wire(user, 'eth0', server, 'eth0');
    for (const [host, last] of [
      [user, 2],
      [server, 1],
    ] as const) {
      await host.sysctl('ipv6.conf.eth0.disable_ipv6', 0);
      await host.ip('addr', 'add', `198.51.100.${last}/24`, 'dev', 'eth0');
      await host.ip('addr', 'add', `2001:db8:9::${last}/64`, 'dev', 'eth0', 'nodad');
    }
    await user.ip('route', 'add', 'default', 'via', '198.51.100.1');
    await user.ip('-6', 'route', 'add', 'default', 'via', '2001:db8:9::1');
    // As systemd sets it: pasta sends echo requests by sockets of the user's.
    await user.sysctl('ipv4.ping_group_range', '0 2147483647');
    return { user, server };
  }

  function needConnector(skip: (reason: string) => void): void {
    if (!hasCommand('pasta')) skip('pasta is not installed (Debian: passt)');
    if (!hasCommand('nft')) skip('nft is not installed (Debian: nftables)');
  }

  labTest('TCP, echo requests and UDP pass, IPv4 and IPv6', async ({ lab, skip }) => {
    needConnector(skip);
    const { user, server } = await twoHosts(lab);
    server.start(['python3', '-m', 'http.server', '--bind', '::', '8000', '--directory', '/etc']);
    await eventually(30_000, 'the server serves', async () => {
      const { status } = await user.runAnyway(['curl', '-s', 'http://198.51.100.1:8000/hostname']);
      return status === 0;
    });
    const hosts = ['198.51.100.1', '[2001:db8:9::1]'];
    const udp =
      "const s=require('dgram').createSocket(process.argv[1].includes(':')?'udp6':'udp4');s.on('message',(m)=>{console.log('echo '+m);s.close()});s.send('datagram',7000,process.argv[1])";
    server.start([
      process.execPath,
      '-e',
      "const s=require('dgram').createSocket('udp6');s.on('message',(m,r)=>s.send(m,r.port,r.address));s.bind(7000,'::')",
    ]);
    const script = [
      ...hosts.map((each) => `curl -sS http://${each}:8000/hostname`),
      ...hosts.map((each) => `ping -c 2 -W 20 ${each.replaceAll(/[[\]]/g, '')}`),
      ...hosts.map((each) => `timeout 60 ${process.execPath} -e "${udp}" ${each.replaceAll(/[[\]]/g, '')}`),
      // The user's own services are not the command's.
      'curl -sS --max-time 20 http://198.51.100.2:8001/; echo status $?',
    ].join('\n');
    user.start(['python3', '-m', 'http.server', '--bind', '::', '8001', '--directory', '/etc']);
    const { stdout, stderr } = await funnelExec(user, ['--', 'sh', '-c', script]);
    const name = readFileSync('/etc/hostname', 'utf8').trim();
    expect(stdout.split('\n').slice(0, 2), stderr).toEqual([name, name]);
    expect(stdout.match(/2 received/g)).toHaveLength(2);
    expect(stdout.match(/^echo datagram$/gm)).toHaveLength(2);
    expect(stdout).toMatch(/status (52|56|7)\n$/);
    expect(stdout).not.toContain('<!DOCTYPE');
    // pasta, and both helpers, have ended.
    await eventually(30_000, 'nothing is left', async () => processesWith('up0').length === 0);
  });

  labTest('root has it by masquerading, which is taken back in any end', async ({ lab, skip }) => {
    if (!hasCommand('nft')) skip('nft is not installed (Debian: nftables)');
    const { user, server } = await twoHosts(lab);
    server.start([
      process.execPath,
      '-e',
      "const s=require('dgram').createSocket('udp6');s.on('message',(m,r)=>s.send(r.address,r.port,r.address));s.bind(7000,'::')",
    ]);
    server.start(['python3', '-m', 'http.server', '--bind', '::', '8000', '--directory', '/etc']);
    user.start(['python3', '-m', 'http.server', '--bind', '::', '8001', '--directory', '/etc']);
    const state = () =>
      user.run([
        'sh',
        '-c',
        'nft list ruleset; ip -o link | cut -d: -f2; ip route; ip -6 route; sysctl net.ipv4.ip_forward net.ipv6.conf.all.forwarding net.ipv6.conf.eth0.accept_ra; ls /run/funnel-masquerade/$(stat -Lc %i /proc/self/ns/net) 2>/dev/null | grep -v lock; true',
      ]);
    const before = await state();
    const exec = [process.execPath, funnelCommand, 'exec', '--'];
    const udp =
      "const s=require('dgram').createSocket(process.argv[1].includes(':')?'udp6':'udp4');s.on('message',(m)=>{console.log('from '+m);s.close()});s.send('datagram',7000,process.argv[1])";
    const script = ['198.51.100.1', '2001:db8:9::1'].flatMap((each) => [
      `ping -c 2 -W 20 ${each}`,
      `timeout 60 ${process.execPath} -e "${udp}" ${each}`,
      `curl -sS --retry 9 --retry-all-errors http://${each.includes(':') ? `[${each}]` : each}:8000/hostname`,
    ]);
    script.push('curl -sS --max-time 5 http://198.51.100.2:8001/ || echo refused');
    const { stdout, stderr } = await user.runAnyway([...exec, 'sh', '-c', script.join('\n')]);
    expect(stdout.match(/2 received/g), stdout + stderr).toHaveLength(2);
    // The server sees the address of the machine.
    expect(stdout.match(/^from .*(198\.51\.100\.2|2001:db8:9::2)$/gm)).toHaveLength(2);
    expect(stdout.split(readFileSync('/etc/hostname', 'utf8'))).toHaveLength(3);
    expect(stdout).toMatch(/refused\n$/);
    await eventually(30_000, 'all is taken back', async () => (await state()) === before);

    // Two at once, of which one is killed: the other continues, and the last one switches forwarding off.
    const word = `forwarded-${process.pid}`;
    const other = user.start([...exec, 'sh', '-c', 'echo begun; sleep 300; :', 'other']);
    const killed = user.start([...exec, 'sh', '-c', 'echo begun; sleep 300; :', word]);
    await Promise.all([other, killed].map((each) => each.waitFor(/^begun$/m)));
    expect((await state()).match(/table inet fup/g)).toHaveLength(2);
    process.kill(processNamed('node', word), 'SIGKILL');
    await killed.ended;
    await eventually(
      30_000,
      'one is left',
      async () => (await state()).match(/table inet fup/g)?.length === 1,
    );
    expect(await state()).toContain('net.ipv4.ip_forward = 1');
    await other.stop('SIGTERM');
    await eventually(30_000, 'all is taken back', async () => (await state()) === before);
  });

  labTest(
    'names are resolved through the puzzle, or past it, by the resolvers of the machine',
    async ({ lab, skip }) => {
      needConnector(skip);
      const { user, server } = await twoHosts(lab);
      // A DNS server that has one answer for every question about an IPv4 address: 198.51.100.77.
      const answer =
        "const s=require('dgram').createSocket('udp4');s.on('message',(q,r)=>{let e=12;while(q[e])e+=q[e]+1;e+=5;const a=q.readUInt16BE(e-4)===1;const h=Buffer.from(q.subarray(0,e));h.writeUInt16BE(0x8180,2);h.writeUInt16BE(a?1:0,6);h.fill(0,8,12);s.send(a?Buffer.concat([h,Buffer.from('c00c000100010000003c0004c633644d','hex')]):h,r.port,r.address);console.log('asked by '+r.address)});s.bind(53,'198.51.100.1',()=>console.log('up'))";
      const dns = server.start([process.execPath, '-e', answer]);
      await dns.waitFor(/^up$/m);
      const resolvConf = join(lab.folder, 'resolv.conf');
      writeFileSync(resolvConf, 'nameserver 198.51.100.1\n');
      const ask = ['getent', 'ahostsv4', 'name.example'];
      for (const args of [
        ['--', ...ask],
        [configurationFile(lab), '--', ...ask],
      ])
        expect(await funnelExec(user, args, { resolvConf })).toMatchObject({
          status: 0,
          stdout: expect.stringContaining('198.51.100.77'),
        });
      const none = await funnelExec(user, ['--dns', 'none', '--', ...ask], { resolvConf });
      expect(none).toMatchObject({ status: 2, stdout: '' });
    },
  );

  labTest('loses exactly what the piece `fault` says, and delays at least so long', async ({ lab, skip }) => {
    needConnector(skip);
    const { user } = await twoHosts(lab);
    const count = 300;
    const ping = ['ping', '-c', String(count), '-i', '0.01', '-W', '20', '198.51.100.1'];
    const args = ['--loss', '20%/0%', '--delay', '40ms', '--seed', '7', '--', ...ping];
    const { stdout } = await funnelExec(user, args);
    const random = mulberry32(7);
    const passed = Array.from({ length: count }, (_, n) => n + 1).filter(() => {
      const [first = 0] = Array.from({ length: 6 }, random);
      return first >= 0.2 * 2 ** 32;
    });
    const received = [...stdout.matchAll(/icmp_seq=(\d+) ttl/g)].map((match) => Number(match[1]));
    expect(received.sort((a, b) => a - b)).toEqual(passed);
    const [, least] = /rtt min\/avg\/max\/mdev = ([\d.]+)/.exec(stdout) ?? [];
    expect(Number(least)).toBeGreaterThanOrEqual(80);
  });

  labTest('lets pass what a rate says, and TCP finds it', async ({ lab, skip }) => {
    needConnector(skip);
    const { user, server } = await twoHosts(lab);
    const file = join(lab.folder, 'bytes');
    writeFileSync(file, Buffer.alloc(2_000_000));
    server.start(['python3', '-m', 'http.server', '--bind', '::', '8000', '--directory', lab.folder]);
    await eventually(30_000, 'the server serves', async () => {
      const { status } = await user.runAnyway([
        'curl',
        '-s',
        '-o',
        '/dev/null',
        'http://198.51.100.1:8000/bytes',
      ]);
      return status === 0;
    });
    const curl = ['curl', '-sS', '-o', '/dev/null', '-w', '%{size_download} %{speed_download}'];
    const args = ['--rate', '4mbit', '--', ...curl, 'http://198.51.100.1:8000/bytes'];
    const { stdout } = await funnelExec(user, args);
    const [size, speed] = stdout.split(' ').map(Number);
    expect(size).toBe(2_000_000);
    // Bytes a second. A slow machine may let pass less, and none more.
    expect(speed! * 8).toBeLessThanOrEqual(4_000_000);
    expect(speed! * 8).toBeGreaterThan(1_000_000);
  });

  labTest('delay, jitter and rate agree within two percent with ping and tshark', async ({ lab, skip }) => {
    needConnector(skip);
    if (!hasCommand('tshark')) skip('tshark is not installed');
    const { user, server } = await twoHosts(lab);
    // Half a second each way: on a busy machine a reply is some milliseconds late, and the median is not.
    const ping = ['ping', '-c', '21', '-i', '0.1', '-W', '20', '198.51.100.1'];
    const { stdout } = await funnelExec(user, ['--delay', '500ms', '--', ...ping]);
    const times = [...stdout.matchAll(/time=([\d.]+) ms/g)].map((match) => Number(match[1]));
    expect(times).toHaveLength(21);
    const median = times.sort((a, b) => a - b)[10]!;
    expect(Math.abs(median - 1000), `median ${median} ms`).toBeLessThan(20);

    // Each packet has the delay that its own numbers say: the last of six.
    const swings = ['--delay', '1s/0s', '--jitter', '400ms/0s', '--seed', '7'];
    const { stdout: swung } = await funnelExec(user, [...swings, '--', ...ping]);
    const random = mulberry32(7);
    const predicted = Array.from({ length: 21 }, () => {
      const swing = Array.from({ length: 6 }, random)[5]!;
      return 1000 + 400 * ((2 * swing) / 2 ** 32 - 1);
    });
    const found = [...swung.matchAll(/icmp_seq=(\d+) .*time=([\d.]+) ms/g)];
    expect(found).toHaveLength(21);
    const differences = found.map(([, n, time]) => Math.abs(Number(time) / predicted[Number(n) - 1]! - 1));
    expect(differences.sort((x, y) => x - y)[10], `${differences}`).toBeLessThan(0.02);
    expect(Math.max(...predicted) - Math.min(...predicted)).toBeGreaterThan(600);

    // Five times the rate is sent for eight seconds, so the queue is never empty.
    const file = join(lab.folder, 'arrived.pcapng');
    chmodSync(lab.folder, 0o777);
    const capture = server.start(['tshark', '-n', '-i', 'eth0', '-f', 'udp dst port 9', '-w', file]);
    await eventually(30_000, 'the capture is open', async () => existsSync(file));
    const flood = `import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end = time.monotonic() + 8
while time.monotonic() < end:
    s.sendto(bytes(1222), ('198.51.100.1', 9))
    time.sleep(0.002)`;
    await funnelExec(user, ['--rate', '1mbit', '--', 'python3', '-c', flood]);
    await capture.stop();
    const arrived = readPcapng(file);
    expect(arrived.length).toBeGreaterThan(500);
    const seconds = (arrived.at(-1)!.timeMs - arrived[0]!.timeMs) / 1000;
    // 1250 bytes with both headers are 10 kilobits.
    const rate = ((arrived.length - 1) * 10_000) / seconds;
    expect(Math.abs(rate - 1_000_000), `${arrived.length} datagrams, ${rate} bit/s`).toBeLessThan(20_000);
  });

  labTest('a capture holds each packet once', async ({ lab, skip }) => {
    needConnector(skip);
    if (!hasCommand('tshark')) skip('tshark is not installed');
    const { user } = await twoHosts(lab);
    chmodSync(lab.folder, 0o777);
    const file = join(lab.folder, 'app.pcapng');
    await funnelExec(user, [
      '--capture',
      file,
      '--',
      'ping',
      '-c',
      '5',
      '-i',
      '0.05',
      '-W',
      '20',
      '198.51.100.1',
    ]);
    const fields = ['icmp.type', 'icmp.seq', 'frame.packet_flags_direction', 'frame.interface_name']
      .flatMap((field) => ['-e', field])
      .concat(['-Y', 'icmp', '-T', 'fields']);
    const shown = await user.run(['tshark', '-r', file, ...fields]);
    const packets = shown.trim().split('\n');
    expect(packets.sort()).toEqual(
      // Replies come in, and requests go out.
      [
        ['0', '0x00000001'],
        ['8', '0x00000002'],
      ]
        .flatMap(([type, direction]) =>
          [1, 2, 3, 4, 5].map((seq) => [type, seq, direction, 'command'].join('\t')),
        )
        .sort(),
    );
  });

  labTest('says what to install where no connector is', async ({ lab }) => {
    const { user } = await twoHosts(lab);
    const node = join(lab.folder, 'bin');
    await user.run(['mkdir', '-p', node]);
    for (const each of ['sh', 'true', 'nft'])
      await user.run(['ln', '-s', `/usr/bin/${each}`, join(node, each)]);
    const { status, stderr } = await funnelExec(user, ['--', 'true'], { path: node });
    expect(status).toBe(125);
    expect(stderr).toMatch(/FT_UPLINK_ABSENT: .*apt-get install passt/);
  });
});

labTest('a published port answers on both loopbacks, also at port 80 of the command', async ({ lab }) => {
  const host = await lab.namespace('host');
  const args = ['--publish', '8080:80', configurationFile(lab), '--'];
  const server = ['python3', '-u', '-m', 'http.server', '--bind', '127.0.0.1', '80', '--directory', '/etc'];
  const running = startFunnelExec(host, [...args, ...server]);
  await running.waitFor(/Serving HTTP/);
  for (const each of ['127.0.0.1', '[::1]', 'localhost'])
    expect(await host.run(['curl', '-sS', `http://${each}:8080/hostname`])).toBe(
      readFileSync('/etc/hostname', 'utf8'),
    );
  const taken = await funnelExec(host, ['--publish', '8080:80', configurationFile(lab), '--', 'true']);
  expect([taken.status, taken.stderr]).toEqual([125, expect.stringContaining('FT_EXEC_PUBLISH')]);
  await running.stop();
  expect(existsSync(`/proc/${running.child.pid}`)).toBe(false);
});
