import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasCommand, type Running } from '../net/command.ts';
import { findIsolation } from '../net/isolation.ts';
import type { Namespace } from '../net/namespace.ts';
import { NetLab } from '../net/net-lab.ts';
import { buildBaseline } from './baseline-program.ts';
import type { BenchOptions } from './bench-options.ts';
import { startBaseline, startFunnel } from './contender.ts';
import type { Group } from './group.ts';
import { processNanoseconds, waitingNanoseconds } from './process-time.ts';
import type { Report } from './report.ts';
import { answerScript, callScript, rtpengineScript } from './sip-scripts.ts';

/**
 * SIPproxy64 beside a relay in C that reads nothing (`baseline/sip.c`), rtpengine for media and kamailio for
 * messages: the processor's time for each packet and message, how many pass in a second, the time of long
 * messages of the worst kinds, and the delay of one stream of RTP, idle and while calls are set up.
 */
export const sipGroup: Group = {
  name: 'sip/',
  async run(options, report) {
    const isolation = await findIsolation();
    if (isolation.kind !== 'root') return report.skip('sip/', 'it needs root');
    const isWanted = (row: string): boolean =>
      options.only === undefined || row.startsWith(options.only) || options.only.startsWith(row);
    const lab = await NetLab.open('bench-sip');
    try {
      const bench = await SipBench.open(lab, options);
      if (isWanted('sip/media')) await bench.media(report);
      if (isWanted('sip/messages')) await bench.messages(report);
      if (isWanted('sip/worst')) await bench.worst(report);
      if (isWanted('sip/delay')) await bench.delay(report);
    } finally {
      await lab.close();
    }
  },
};

/** A program in the middle that carries media or messages; 0 for the port when it has not said which. */
interface Contender {
  readonly name: string;
  readonly program: Running;
  readonly port: number;
}

interface Received {
  readonly sent: number;
  /** How many the sender has sent in a second. */
  readonly rate: number;
  readonly count: number;
  readonly medianUs: number;
  readonly highUs: number;
  readonly mostUs: number;
}

interface SippFigures {
  readonly at: number;
  readonly made: number;
  readonly failed: number;
  readonly repeated: number;
}

class SipBench {
  readonly #lab: NetLab;
  readonly #options: BenchOptions;
  readonly #near: Namespace;
  readonly #proxy: Namespace;
  readonly #far: Namespace;
  readonly #sip: string;

  private constructor(
    lab: NetLab,
    options: BenchOptions,
    near: Namespace,
    proxy: Namespace,
    far: Namespace,
    sip: string,
  ) {
    this.#lab = lab;
    this.#options = options;
    this.#near = near;
    this.#proxy = proxy;
    this.#far = far;
    this.#sip = sip;
  }

  static async open(lab: NetLab, options: BenchOptions): Promise<SipBench> {
    const near = await lab.namespace('near');
    const proxy = await lab.namespace('proxy');
    const far = await lab.namespace('far');
    await lab.wire(near, 'eth0', proxy, 'near');
    await lab.wire(far, 'eth0', proxy, 'far');
    await near.addAddress('eth0', `${HOST4}/24`);
    await proxy.addAddress('near', `${PROXY4}/24`);
    for (const [space, device, address] of [
      [far, 'eth0', HOST6],
      [proxy, 'far', PROXY6],
    ] as const) {
      await space.sysctl(`ipv6.conf.${device}.disable_ipv6`, 0);
      await space.ip('-6', 'addr', 'add', `${address}/64`, 'dev', device, 'nodad');
    }
    writeFileSync(join(lab.folder, 'rtp'), rtpPacket());
    writeFileSync(join(lab.folder, 'message'), MESSAGE);
    return new SipBench(lab, options, near, proxy, far, await buildBaseline('sip'));
  }

  async media(report: Report): Promise<void> {
    await this.#compare('sip/media', 'packet', 4_000, report, 'rtp', 7000, [
      ['c', () => this.#relay(31_000, 6000, 7000)],
      ['rtpengine', () => this.#rtpengine()],
      ['funnel', () => this.#funnelInCall()],
    ]);
  }

  async messages(report: Report): Promise<void> {
    await this.#compare('sip/messages', 'message', 1_000, report, 'message', 5060, [
      ['c', () => this.#relay(5060, 5060, 5060)],
      ['kamailio', () => this.#kamailio()],
      ['funnel', () => this.#funnel()],
    ]);
  }

  /** The time for one message of a kind that keeps a parser busy, by its length. */
  async worst(report: Report): Promise<void> {
    const { program } = await this.#funnel();
    const seconds = this.#options.isQuick ? 1 : 3;
    for (const [kind, repeated] of WORST) {
      for (const kib of [1, 4, 9, 63]) {
        const file = `worst-${kind}-${kib}`;
        writeFileSync(join(this.#lab.folder, file), longMessage(repeated, kib * 1024));
        // The figure includes the work to wake up for a datagram, and to receive it.
        await this.#pass(file, 5060, 5060, 5060, 1, 500);
        const before = nanosecondsOf(program);
        const { sent } = await this.#pass(file, 5060, 5060, 5060, seconds, 500);
        const used = nanosecondsOf(program) - before;
        const against = kib === 1 ? undefined : `sip/worst/${kind}/1KiB`;
        report.add(`sip/worst/${kind}/${kib}KiB`, used / 1000 / sent, 'µs', against);
      }
    }
    await program.stop();
  }

  /**
   * Two streams of RTP at the same time, a packet each 20 ms: through the C relay, which shows what the
   * machine does to a process, and through a Funnel; first with nothing else, and then while calls are set up
   * through the same Funnel.
   */
  async delay(report: Report): Promise<void> {
    const seconds = this.#options.isQuick ? 5 : 30;
    const relay = await this.#relay(31_002, 6002, 7002);
    const funnel = await this.#funnelInCall();
    const streams = async (when: string): Promise<void> => {
      const names = ['c', 'funnel'] as const;
      const passes = await Promise.all([
        this.#pass('rtp', 6002, relay.port, 7002, seconds, 50),
        this.#pass('rtp', 6000, funnel.port, 7000, seconds, 50),
      ]);
      for (const [i, { count, highUs, mostUs }] of passes.entries()) {
        const row = `sip/delay/${when}/${names[i]}`;
        if (count < seconds * 45) throw new Error(`${row}: ${count} packets arrived in ${seconds} s`);
        const against = (what: string): string | undefined =>
          i === 0 ? undefined : `sip/delay/${when}/c/${what}`;
        report.add(`${row}/p99.9`, highUs / 1000, 'ms', against('p99.9'));
        report.add(`${row}/most`, mostUs / 1000, 'ms', against('most'));
      }
    };
    await streams('idle');
    if (!hasCommand('sipp')) {
      report.skip('sip/delay/calls', 'sipp (Debian: sip-tester) is not installed');
    } else {
      const answers = this.#sipp(this.#far, HOST6, '-sn', 'uas', '-p', '5062');
      await this.#waitForPort(this.#far, '13C6', answers);
      const length = seconds + WARM_UP_SECONDS + 10;
      const rate = ['-r', `${CALLS_A_SECOND}`, '-l', '3000', '-m', `${length * CALLS_A_SECOND}`];
      const calls = this.#sipp(
        this.#near,
        HOST4,
        ...[
          '-sn',
          'uac',
          '-p',
          '5062',
          '-s',
          'many',
          '-trace_stat',
          '-fd',
          '1',
          '-stf',
          'calls.csv',
          ...rate,
        ],
        PROXY4,
      );
      // Ports open in the first seconds, a block at a time.
      await sleep(WARM_UP_SECONDS * 1000);
      const running = [
        ['funnel', funnel.program],
        ['sipp-caller', calls],
        ['sipp-callee', answers],
      ] as const;
      const before = this.#calls();
      const used = running.map(([, program]) => usedBy(program));
      const began = performance.now();
      await streams('calls');
      const nanoseconds = (performance.now() - began) * 1e6;
      const after = this.#calls();
      for (const [n, [name, program]] of running.entries()) {
        const { ran, waited } = usedBy(program);
        report.add(`sip/delay/calls/runs/${name}`, ((ran - used[n]!.ran) / nanoseconds) * 100, '% of a core');
        report.add(`sip/delay/calls/waits/${name}`, ((waited - used[n]!.waited) / nanoseconds) * 100, '%');
      }
      report.add('sip/delay/calls/dropped', await this.#drops(), 'datagrams');
      await calls.stop();
      await answers.stop();
      const made = (after.made - before.made) / ((after.at - before.at) / 1000);
      report.add('sip/delay/calls/set-up', made, 'calls/s');
      report.add('sip/delay/calls/failed', after.failed - before.failed, 'calls');
      report.add('sip/delay/calls/repeated', after.repeated - before.repeated, 'messages');
    }
    await funnel.program.stop();
    await relay.program.stop();
  }

  /** Counts the datagrams that sockets of SIP at the Funnel have lost, because they were full. */
  async #drops(): Promise<number> {
    const lists = await this.#proxy.run(['cat', '/proc/net/udp', '/proc/net/udp6']);
    return [...lists.matchAll(/^ *\d+: [0-9A-F]+:13C4 .* (\d+) *$/gm)].reduce(
      (sum, [, n]) => sum + Number(n),
      0,
    );
  }

  /** Reads the last line of sipp's statistics. */
  #calls(): SippFigures {
    const lines = readFileSync(join(this.#lab.folder, 'calls.csv'), 'utf8').trim().split('\n');
    const names = lines[0]!.split(';');
    const values = lines.at(-1)!.split(';');
    const value = (name: string): string => values[names.indexOf(name)] ?? '';
    const seconds = /(\d+\.\d+)\s*$/.exec(value('CurrentTime'))?.[1];
    const made = Number(value('SuccessfulCall(C)'));
    if (seconds === undefined || Number.isNaN(made))
      throw new Error(`sipp wrote no figures: ${lines.at(-1)}`);
    return {
      at: Number(seconds) * 1000,
      made,
      failed: Number(value('FailedCall(C)')),
      repeated: Number(value('Retransmissions(C)')),
    };
  }

  /** Each contender at a rate that each can carry, and then at the highest rate at which it loses nothing. */
  async #compare(
    rows: string,
    unit: string,
    rate: number,
    report: Report,
    payload: string,
    toPort: number,
    contenders: readonly (readonly [name: string, start: () => Promise<Contender>])[],
  ): Promise<void> {
    const seconds = this.#options.isQuick ? 1 : 5;
    const fromPort = payload === 'rtp' ? 6000 : 5060;
    for (const [name, start] of contenders) {
      if (name !== 'c' && name !== 'funnel' && !hasCommand(name)) {
        report.skip(`${rows}/${name}`, `${name} is not installed`);
        continue;
      }
      const { program, port } = await start();
      const pass = (length: number, each: number): Promise<Received> =>
        this.#pass(payload, fromPort, port, toPort, length, each);
      // V8 compiles what is hot in threads of its own meanwhile, which would count for the packets.
      await pass(this.#options.isQuick ? 1 : WARM_UP_SECONDS, rate);
      const before = nanosecondsOf(program);
      const paced = await pass(seconds, rate);
      const used = nanosecondsOf(program) - before;
      if (paced.count < paced.sent * 0.9)
        throw new Error(`${rows}/${name}: ${paced.count} arrived of ${paced.sent}\n${program.stderr}`);
      report.add(`${rows}/cpu-a-${unit}/${name}`, used / 1000 / paced.count, 'µs', `${rows}/cpu-a-${unit}/c`);
      if (this.#options.only?.startsWith(`${rows}/cpu`) !== true) {
        const most = await this.#mostCarried(rate, pass);
        report.add(`${rows}/${unit}s/${name}`, most / 1000, `k${unit}s/s`, `${rows}/${unit}s/c`);
      }
      await program.stop();
    }
  }

  /**
   * The highest rate of which 99 of 100 arrive. A flood would measure how a contender behaves beyond that:
   * rtpengine reads 50 packets of a port at a time and then throws away what waits.
   */
  async #mostCarried(
    from: number,
    pass: (seconds: number, rate: number) => Promise<Received>,
  ): Promise<number> {
    let most = 0;
    for (let rate = from, misses = 0; misses < 2; rate *= this.#options.isQuick ? 2 : 1.25) {
      const { sent, count, rate: reached } = await pass(1, rate);
      // The sender itself can do no more.
      if (reached < rate * 0.8) misses++;
      if (count < sent * 0.99) misses++;
      else most = Math.max(most, reached);
    }
    return most;
  }

  async #pass(
    payload: string,
    fromPort: number,
    port: number,
    toPort: number,
    seconds: number,
    rate: number,
  ): Promise<Received> {
    const receiver = await startBaseline(this.#far, [this.#sip, 'receive', HOST6, `${toPort}`]);
    const file = join(this.#lab.folder, payload);
    const to = [PROXY4, `${port}`, `${seconds}`, `${rate}`, file];
    const begin = performance.now();
    const sent = Number(await this.#near.run([this.#sip, 'send', HOST4, `${fromPort}`, ...to]));
    const took = Math.max(seconds, (performance.now() - begin) / 1000 - 0.1);
    // The packets that are on their way arrive.
    await sleep(300);
    await receiver.stop();
    const [count, medianUs, highUs, mostUs] = receiver.stdout
      .trim()
      .split('\n')
      .at(-1)!
      .split(' ')
      .map(Number);
    return { sent, rate: sent / took, count: count!, medianUs: medianUs!, highUs: highUs!, mostUs: mostUs! };
  }

  async #relay(port: number, port4: number, port6: number): Promise<Contender> {
    const from4 = [PROXY4, `${port}`, HOST4, `${port4}`];
    const from6 = [PROXY6, `${port}`, HOST6, `${port6}`];
    const program = await startBaseline(this.#proxy, [this.#sip, 'relay', ...from4, ...from6]);
    return { name: 'c', program, port };
  }

  async #funnel(): Promise<Contender> {
    return {
      name: 'funnel',
      program: await startFunnel(this.#proxy, FUNNEL, this.#lab.folder, this.#options),
      port: 5060,
    };
  }

  /** A Funnel in which one call has been set up. */
  async #funnelInCall(): Promise<Contender> {
    const { name, program } = await this.#funnel();
    const answer = this.#far.start([process.execPath, '-e', answerScript(HOST6, 7000)]);
    await answer.waitFor(/^ready$/m);
    const call = this.#near.start([process.execPath, '-e', callScript(HOST4, PROXY4, 6000)]);
    await call.waitFor(/^port \d+$/m, 30_000);
    await answer.stop();
    return { name, program, port: Number(/^port (\d+)$/m.exec(call.stdout)![1]) };
  }

  async #rtpengine(): Promise<Contender> {
    const program = this.#proxy.start([
      'rtpengine',
      '--table=-1',
      '--foreground',
      '--log-stderr',
      '--log-level=3',
      `--interface=v4/${PROXY4}`,
      `--interface=v6/${PROXY6}`,
      `--listen-ng=${PROXY4}:2223`,
      '--port-min=30000',
      '--port-max=30100',
    ]);
    const control = this.#proxy.start([
      process.execPath,
      '-e',
      rtpengineScript(PROXY4, [HOST4, 6000], [HOST6, 7000]),
    ]);
    await control.waitFor(/^port \d+$/m, 30_000);
    return { name: 'rtpengine', program, port: Number(/^port (\d+)$/m.exec(control.stdout)![1]) };
  }

  async #kamailio(): Promise<Contender> {
    const file = join(this.#lab.folder, 'kamailio.cfg');
    writeFileSync(file, KAMAILIO);
    const program = this.#proxy.start(
      [
        'kamailio',
        '-f',
        file,
        '-DD',
        '-E',
        '-m',
        '64',
        '-M',
        '8',
        '-Y',
        this.#lab.folder,
        '-w',
        this.#lab.folder,
      ],
      { cwd: this.#lab.folder },
    );
    await this.#waitForPort(this.#proxy, '13C4', program);
    return { name: 'kamailio', program, port: 5060 };
  }

  /** @param port in hexadecimal, as the kernel lists it */
  async #waitForPort(space: Namespace, port: string, program: Running): Promise<void> {
    const lists = (): Promise<string> => space.run(['cat', '/proc/net/udp6']);
    while (program.isRunning && !(await lists()).includes(`:${port} `)) await sleep(50);
    if (!program.isRunning) throw new Error(`${program.argv.join(' ')} has ended:\n${program.stderr}`);
  }

  #sipp(host: Namespace, address: string, ...args: string[]): Running {
    return host.start(['sipp', '-i', address, '-mi', address, '-mp', '40000', '-nostdin', ...args], {
      cwd: this.#lab.folder,
      env: { ...process.env, TERM: 'dumb' },
    });
  }
}

/** The processor time of a program, and the time for which it waited for a processor. */
function usedBy(program: Running): { readonly ran: number; readonly waited: number } {
  const pid = program.child.pid!;
  return { ran: processNanoseconds(pid), waited: waitingNanoseconds(pid) };
}

/** The time of a program and of its children, such as those of kamailio. */
function nanosecondsOf(program: Running): number {
  const pids = [program.child.pid!];
  for (const pid of pids) {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      const children = readFileSync(`/proc/${pid}/task/${task}/children`, 'latin1').trim();
      if (children !== '') pids.push(...children.split(' ').map(Number));
    }
  }
  return pids.reduce((sum, pid) => sum + processNanoseconds(pid), 0);
}

/** 20 ms of G.711. */
function rtpPacket(): Uint8Array {
  const packet = new Uint8Array(12 + 160);
  packet[0] = 0x80;
  return packet;
}

const PROXY4 = '192.0.2.1';
const HOST4 = '192.0.2.4';
const PROXY6 = '2001:db8::1';
const HOST6 = '2001:db8::6';
const WARM_UP_SECONDS = 10;
const CALLS_A_SECOND = 1000;

const MESSAGE = [
  'OPTIONS sip:six@192.0.2.1 SIP/2.0',
  'Via: SIP/2.0/UDP 192.0.2.4:5060;branch=z9hG4bK776asdhds;rport',
  'Max-Forwards: 70',
  'To: "Six" <sip:six@192.0.2.1>',
  'From: "Four" <sip:four@192.0.2.4>;tag=1928301774',
  'Call-ID: a84b4c76e66710@192.0.2.4',
  'CSeq: 63104 OPTIONS',
  'Contact: <sip:four@192.0.2.4:5060>',
  'Accept: application/sdp',
  'User-Agent: bench',
  'Content-Length: 0',
  '',
  '',
].join('\r\n');

const FUNNEL = `
pieces:
  net:
    piece: udp
    edges: { udp: wan }
  sip:
    piece: sipproxy64
    settings:
      ipv4: ${PROXY4}
      ipv6: ${PROXY6}
      phone: ["six=[${HOST6}]:5060", "many=[${HOST6}]:5062"]
      calls: 4000
      linger: 1s
    edges: { ipv4: wan, ipv6: wan }
`;

/** Texts that a message repeats: each keeps another part of the parser busy. */
const WORST: readonly (readonly [kind: string, repeated: string])[] = [
  ['vias', 'v:SIP/2.0/UDP a;branch=b\r\n'],
  ['contacts', 'm:<sip:a@192.0.2.4>\r\n'],
  ['unknown', 'X: y\r\n'],
];

function longMessage(repeated: string, bytes: number): string {
  const lines = repeated.repeat(Math.floor((bytes - MESSAGE.length) / repeated.length));
  return MESSAGE.replace('Accept:', `${lines}Accept:`);
}

/** A stateless proxy, as SIPproxy64 is one. */
const KAMAILIO = `#!KAMAILIO
debug=0
log_stderror=yes
fork=yes
children=1
disable_tcp=yes
auto_aliases=no
dns=no
rev_dns=no
listen=udp:${PROXY4}:5060
listen=udp:[${PROXY6}]:5060
loadmodule "pv.so"
loadmodule "rr.so"
loadmodule "maxfwd.so"
request_route {
  if (!mf_process_maxfwd_header("10")) exit;
  $du = "sip:[${HOST6}]:5060";
  $fs = "udp:[${PROXY6}]:5060";
  forward();
}
`;
