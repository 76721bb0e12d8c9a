import { readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { hasCommand, type Running } from '../net/command.ts';
import { endedFor, FunnelProcess } from '../net/funnel-process.ts';
import { labTest } from '../net/lab-test.ts';
import type { Namespace } from '../net/namespace.ts';
import type { NetLab } from '../net/net-lab.ts';
import { eventually } from './six-network.ts';

/*
 * Acts of others on a running Funnel. Each row of the table does one thing to one endpoint, and says what is
 * seen of it. For each row the test holds that one connection through neighbour endpoints in the same lane
 * goes on, that the endpoint works afterwards, and that the Funnel leaves nothing behind, also when it is
 * killed.
 */

interface Scene {
  readonly host: Namespace;
  readonly folder: string;
  readonly funnel: FunnelProcess;
  /** Runs a program of Node's in the host to its end, and returns what it prints. */
  node(script: string): Promise<string>;
  /** Starts a program of Node's, and waits for a line of it. */
  nodeUntil(script: string, line: RegExp): Promise<Running>;
}

interface Row {
  readonly title: string;
  /** The Debian commands that it needs. */
  readonly needs?: readonly string[];
  /** The pieces that it concerns. `folder` is where paths are. */
  pieces(folder: string): Record<string, object>;
  /** Prepares the place before the Funnel starts. */
  before?(host: Namespace, folder: string): Promise<void>;
  provoke(scene: Scene): Promise<void>;
  /** The counters that have to be above zero then: piece and reason. */
  readonly counters?: readonly (readonly [piece: string, reason: string])[];
  /** The endpoint works afterwards. */
  after?(scene: Scene): Promise<void>;
}

const hub = (stack = 'ip/tcp') => ({ piece: 'hub', settings: { stack }, edges: { net: ['in', 'out'] } });
const front = (piece: string, settings: object) => ({ piece, settings, edges: { tcp: 'in' } });
const back = (piece: string, settings: object) => ({ piece, settings, edges: { tcp: 'out' } });
const relay = (first: object, last: object) => ({ front: first, hub: hub(), back: last });

/** A server of Node's at port 7001: it sends back what comes. */
const ECHO =
  "require('net').createServer((s)=>{s.on('error',()=>{});s.pipe(s)}).listen(7001,'127.0.0.1',()=>console.log('up'))";
/** A server at port 7001 that sends without end, and reports how each connection ends. */
const FOUNTAIN = `require('net').createServer((s)=>{
  const more=()=>{while(s.writable&&s.write(Buffer.alloc(65536)));};
  s.on('drain',more);s.on('error',(e)=>console.log('ended '+e.code));s.on('close',()=>console.log('closed'));more();
}).listen(7001,'127.0.0.1',()=>console.log('up'))`;
const echoBack = back('tcp', { remote: '127.0.0.1:7001', 'to-loopback': true });
/** Where a client of each kind connects. */
const toTcp = "{port:7000,host:'127.0.0.1'}";
const toUnix = (folder: string) => `{path:'${join(folder, 's')}'}`;
/** Negotiates SOCKS5 without a password, and connects to 127.0.0.1 port 7001 (RFC 1928). */
const socksRequest =
  "s.write(Buffer.from('050100','hex'));s.write(Buffer.from('050100017f0000011b59','hex'));";

/** One line goes to the echo at the other side and back. */
const echoOnce = (where: string) =>
  `const s=require('net').connect(${where},()=>s.write('again'));s.on('error',(e)=>{console.log(e.code);process.exit(1)});s.on('data',(d)=>{console.log(String(d));process.exit()})`;

/** A client that reads nothing while the server sends, until the endpoint holds frames; then it resets. */
async function resetWhileFramesWait(scene: Scene, where: string, greeting = ''): Promise<void> {
  await scene.nodeUntil(FOUNTAIN, /^up$/m);
  const go = join(scene.folder, 'go');
  const client = await scene.nodeUntil(
    `const s=require('net').connect(${where},()=>{${greeting}console.log('open');
      setInterval(()=>{if(require('fs').existsSync('${go}')){${where.includes('path') ? 's.destroy()' : 's.resetAndDestroy()'};process.exit()}},20)});s.pause()`,
    /^open$/m,
  );
  await standsStill(scene);
  writeFileSync(go, '');
  await client.ended;
}

/** The frames of the hub stay at one number, above zero, between two snapshots. */
async function standsStill({ funnel }: Scene): Promise<void> {
  let last = -1;
  await eventually(60_000, 'the kernel and the queue are full', async () => {
    const { pieces } = await funnel.snapshot();
    const frames = pieces.find(({ name }) => name === 'front')!.edges.find(({ name }) => name === 'tcp')!;
    const isStill = frames.framesIn === last && last > 16;
    last = frames.framesIn;
    return isStill;
  });
}

/** As many connections as fast as they go, at most 200 at once; each sends a number and has it back. */
const flood = (count: number, where: string) => `
  const net=require('net');let begun=0,right=0,wrong=0;
  const one=()=>{ if(begun===${count}) return; const n=String(begun++);
    const s=net.connect(${where},()=>s.end(n));let got='';
    s.on('data',(d)=>{got+=d});s.on('error',(e)=>{got=e.code});
    s.on('close',()=>{got===n?right++:wrong++;if(right+wrong===${count})console.log(right+' of ${count}');else one()})};
  for(let i=0;i<200;i++)one()`;

async function floods({ node, nodeUntil }: Scene, count: number, where: string): Promise<void> {
  await nodeUntil(ECHO.replace('createServer(', 'createServer({allowHalfOpen:true},'), /^up$/m);
  expect(await node(flood(count, where))).toBe(`${count} of ${count}\n`);
}

const ROWS: readonly Row[] = [
  {
    title: 'a peer of tcp resets in the middle',
    pieces: () => relay(front('tcp', { port: 7000, family: 'ipv4' }), echoBack),
    provoke: (scene) => resetWhileFramesWait(scene, toTcp),
    counters: [['front', 'reset']],
  },
  {
    title: 'a peer of unix resets in the middle',
    pieces: (folder) => relay(front('unix', { listen: join(folder, 's') }), echoBack),
    provoke: (scene) => resetWhileFramesWait(scene, toUnix(scene.folder)),
    counters: [['front', 'reset']],
  },
  {
    title: 'a client of socks5 resets in the middle',
    pieces: () => ({
      front: front('socks5', { port: 7000 }),
      back: { piece: 'tcp', settings: { 'to-loopback': true }, edges: { tcp: 'in' } },
    }),
    provoke: (scene) => resetWhileFramesWait(scene, toTcp, socksRequest),
    counters: [['front', 'reset']],
  },
  {
    title: 'a client of socks5 connects and is silent',
    pieces: () => ({
      front: front('socks5', { port: 7000, timeout: '1s' }),
      back: { piece: 'tcp', settings: { 'to-loopback': true }, edges: { tcp: 'in' } },
    }),
    provoke: async ({ node }) => {
      const silent = `const s=require('net').connect(${toTcp});s.resume();s.on('error',()=>{});s.on('close',()=>console.log('closed'))`;
      expect(await node(silent)).toBe('closed\n');
    },
  },
  {
    title: 'a peer of tcp is gone without a word (half-open)',
    needs: ['nft'],
    pieces: () => relay(front('tcp', { port: 7000, family: 'ipv4', keepalive: '1s' }), echoBack),
    provoke: async ({ host, nodeUntil }) => {
      const server = await nodeUntil(
        ECHO.replace(
          's.pipe(s)',
          "s.on('close',()=>console.log('closed'));s.on('data',()=>console.log('data'))",
        ),
        /^up$/m,
      );
      await nodeUntil(
        `const s=require('net').connect(${toTcp},()=>s.write('x'));s.on('error',()=>{});setInterval(()=>{},1000)`,
        /^/,
      );
      await server.waitFor(/^data$/m);
      await host.run([
        'nft',
        'add table ip gone { chain out { type filter hook output priority 0; tcp dport 7000 drop; tcp sport 7000 drop; }; }',
      ]);
      // The kernel probes five times, ten seconds apart, whatever the setting.
      await server.waitFor(/^closed$/m, 100_000);
      await host.run(['nft', 'delete', 'table', 'ip', 'gone']);
      // The kernel has no connection there any more: the client's own side alone is left.
      expect(await host.run(['ss', '-Htn', 'state', 'established', 'sport', '=', ':7000'])).toBe('');
    },
  },
  {
    title: 'a peer of tcp ends one direction, and the reply comes after it',
    pieces: () => relay(front('tcp', { port: 7000, family: 'ipv4' }), echoBack),
    provoke: async ({ node, nodeUntil }) => {
      await nodeUntil(
        "require('net').createServer({allowHalfOpen:true},(s)=>{let n=0;s.on('data',(d)=>{n+=d.length});s.on('end',()=>s.end(String(n)))}).listen(7001,'127.0.0.1',()=>console.log('up'))",
        /^up$/m,
      );
      const client = `const s=require('net').connect({...${toTcp},allowHalfOpen:true},()=>s.end(Buffer.alloc(100000)));s.on('data',(d)=>console.log(String(d)))`;
      expect(await node(client)).toBe('100000\n');
    },
  },
  ...(
    [
      ['tcp', { port: 7000, family: 'ipv4' }, 5000, () => toTcp],
      ['unix', undefined, 5000, toUnix],
    ] as const
  ).map(
    ([piece, settings, count, where]): Row => ({
      title: `a flood of ${count} connections comes to ${piece}`,
      pieces: (folder) => relay(front(piece, settings ?? { listen: join(folder, 's') }), echoBack),
      provoke: (scene) => floods(scene, count, where(scene.folder)),
    }),
  ),
  {
    title: 'a flood of connections comes to tcp, which allows ten',
    pieces: () => relay(front('tcp', { port: 7000, family: 'ipv4', connections: 10 }), echoBack),
    provoke: (scene) => floods(scene, 1000, toTcp),
  },
  {
    title: 'a reader of tcp is slow, and has all at last',
    pieces: () => relay(front('tcp', { port: 7000, family: 'ipv4', patience: '1s' }), echoBack),
    provoke: async (scene) => {
      await scene.nodeUntil(
        "require('net').createServer((s)=>{s.end(Buffer.alloc(30000000,'x'))}).listen(7001,'127.0.0.1',()=>console.log('up'))",
        /^up$/m,
      );
      const go = join(scene.folder, 'go');
      const client = await scene.nodeUntil(
        `let n=0;const s=require('net').connect(${toTcp},()=>console.log('open'));s.on('data',(d)=>{n+=d.length});s.on('close',()=>{console.log('got '+n);process.exit()});s.pause();
         setInterval(()=>{if(require('fs').existsSync('${go}'))s.resume()},20)`,
        /^open$/m,
      );
      await standsStill(scene);
      writeFileSync(go, '');
      await client.waitFor(/^got 30000000$/m);
    },
  },
  {
    title: 'a receiver of unix-datagram does not read',
    needs: ['python3'],
    pieces: (folder) => ({
      front: { piece: 'unix-datagram', settings: { listen: join(folder, 'in') }, edges: { udp: 'in' } },
      hub: hub('ip/udp'),
      back: {
        piece: 'unix-datagram',
        settings: { connect: join(folder, 'out'), patience: '1s' },
        edges: { udp: 'out' },
      },
    }),
    before: async (host, folder) => {
      const python = `import socket,time
s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM); s.bind('${join(folder, 'out')}'); print('up',flush=True); time.sleep(1000)`;
      await host.start(['python3', '-c', python]).waitFor(/^up$/m);
    },
    provoke: async ({ host, folder, funnel }) => {
      const send = `import socket
s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM); s.bind('${join(folder, 'me')}'); s.connect('${join(folder, 'in')}')
for n in range(60): s.send(b'x'*100)`;
      await host.run(['python3', '-c', send]);
      await eventually(
        60_000,
        'patience ends',
        async () => endedFor(await funnel.snapshot(), 'back', 'slow-reader') > 0,
      );
      await host.run(['rm', join(folder, 'me')]);
    },
    counters: [['back', 'slow-reader']],
  },
  {
    title: 'a message is larger than a datagram of UDP',
    needs: ['python3'],
    pieces: (folder) => ({
      front: { piece: 'unix-datagram', settings: { listen: join(folder, 'in') }, edges: { udp: 'in' } },
      hub: hub('ip/udp'),
      back: { piece: 'udp', settings: { 'to-loopback': true }, edges: { udp: 'out' } },
    }),
    provoke: async ({ host, folder }) => {
      const send = `import socket
s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM); s.connect('${join(folder, 'in')}')
s.send(b'x'*70000)`;
      await host.run(['python3', '-c', send]);
    },
    counters: [['front', 'too-large']],
  },
  {
    title: 'a child of process dies by kill -9',
    pieces: (folder) =>
      relay(
        front('tcp', { port: 7000, family: 'ipv4' }),
        back('process', { command: ['sh', '-c', `echo $$ > ${join(folder, 'pid')}; exec cat`] }),
      ),
    provoke: async ({ host, folder, nodeUntil }) => {
      const client = await nodeUntil(
        `const s=require('net').connect(${toTcp},()=>s.write('x'));s.on('data',()=>console.log('runs'));s.on('error',(e)=>console.log(e.code));s.on('close',()=>console.log('closed'))`,
        /^runs$/m,
      );
      await host.run(['sh', '-c', `kill -9 $(cat ${join(folder, 'pid')})`]);
      await client.waitFor(/^closed$/m);
    },
    after: async ({ node }) => expect(await node(echoOnce(toTcp))).toBe('again\n'),
  },
  {
    title: 'a pty hangs up',
    pieces: (folder) => relay(front('pty', { link: join(folder, 'tty'), mode: '600' }), echoBack),
    before: async (host) => {
      await host
        .start([
          process.execPath,
          '-e',
          ECHO.replace('s.pipe(s)', "s.on('close',()=>console.log('closed'));s.pipe(s)"),
        ])
        .waitFor(/^up$/m);
    },
    provoke: async (scene) => {
      for (let n = 0; n < 3; n++) expect(await throughLine(scene, join(scene.folder, 'tty'))).toBe('word');
    },
    after: async (scene) => expect(await throughLine(scene, join(scene.folder, 'tty'))).toBe('word'),
  },
  {
    title: 'the writer and the reader of a fifo go in the middle',
    pieces: (folder) => relay(front('fifo', { read: join(folder, 'r'), write: join(folder, 'w') }), echoBack),
    before: async (host, folder) => {
      await host.start([process.execPath, '-e', FOUNTAIN]).waitFor(/^up$/m);
      await host.run(['mkfifo', join(folder, 'r'), join(folder, 'w')]);
    },
    provoke: async (scene) => {
      const { host, folder } = scene;
      const script = `exec 3>${join(folder, 'r')}; echo x >&3; head -c 10 ${join(folder, 'w')} > /dev/null; exec sleep 1000`;
      const other = host.start(['sh', '-c', script]);
      await eventually(
        60_000,
        'the reader is gone',
        async () => endedFor(await scene.funnel.snapshot(), 'front', 'reset') > 0,
      );
      await other.stop('SIGKILL');
    },
    counters: [['front', 'reset']],
  },
];

/** A line goes to the other side of the puzzle and back, by a terminal. */
async function throughLine({ host }: Scene, path: string): Promise<string> {
  const script = `exec 3<>${path}; stty raw -echo <&3; echo word >&3; head -n 1 <&3`;
  return (await host.run(['timeout', '30', 'sh', '-c', script])).trim();
}

/** One connection through `tcp` and `process`, in the same lane: a number every 10 ms, which comes back. */
const neighbour = {
  'neighbour-front': { piece: 'tcp', settings: { port: 9000, family: 'ipv4' }, edges: { tcp: 'near' } },
  'neighbour-hub': { piece: 'hub', settings: { stack: 'ip/tcp' }, edges: { net: ['near', 'far'] } },
  'neighbour-back': { piece: 'process', settings: { command: ['cat'] }, edges: { tcp: 'far' } },
};
const STEADY = `let n=0,text='';const s=require('net').connect(9000,'127.0.0.1');s.setEncoding('utf8');
s.on('data',(d)=>{text+=d;let i;while((i=text.indexOf('\\n'))>=0){if(text.slice(0,i)!==String(n))throw new Error('wrong');text=text.slice(i+1);n++;console.log('echo '+n);setTimeout(send,10)}});
s.on('close',()=>{console.log('closed');process.exit(1)});const send=()=>s.write(n+'\\n');send()`;

async function goesOn(steady: Running): Promise<void> {
  const echoes = () => Number(/echo (\d+)\n$/.exec(steady.stdout)?.[1] ?? 0);
  const before = echoes();
  await eventually(60_000, 'the neighbour goes on', async () => {
    expect(steady.isRunning, steady.stdout.slice(-200) + steady.stderr).toBe(true);
    return echoes() >= before + 3;
  });
}

/** Devices, addresses, routes and open sockets of a host. */
async function stateOf(host: Namespace): Promise<string[]> {
  const shown = await host.run(['sh', '-c', 'ip -o addr; ip route; ss -Hlntu; ss -Hlxn']);
  return shown.replaceAll(/ +/g, ' ').trim().split('\n');
}

/** The processes in the network of a host, by number. */
async function processesOf(host: Namespace): Promise<string[]> {
  const own = (await host.run(['readlink', '/proc/self/ns/net'])).trim();
  return readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readlinkSync(`/proc/${name}/ns/net`) === own;
    } catch {
      return false; // it has just ended
    }
  });
}

async function begin(lab: NetLab, row: Row) {
  const host = await lab.namespace('h');
  const { folder } = lab;
  await row.before?.(host, folder);
  const [state, processes] = [await stateOf(host), await processesOf(host)];
  const file = join(folder, 'c.yaml');
  writeFileSync(file, JSON.stringify({ pieces: { ...row.pieces(folder), ...neighbour } }));
  const start = () => FunnelProcess.start(host, file, folder);
  const steadily = async () => {
    const steady = host.start([process.execPath, '-e', STEADY]);
    await steady.waitFor(/^echo 1$/m);
    return steady;
  };
  return { host, folder, state, processes, start, steadily };
}

describe('while a Funnel runs,', () => {
  for (const row of ROWS) {
    labTest(row.title, async ({ lab, skip }) => {
      for (const each of row.needs ?? []) if (!hasCommand(each)) skip(`${each} is not here`);
      const { host, folder, state, processes, start, steadily } = await begin(lab, row);
      const others: Running[] = [];
      const sceneOf = (funnel: FunnelProcess): Scene => ({
        host,
        folder,
        funnel,
        node: (script) => host.run([process.execPath, '-e', script]),
        nodeUntil: async (script, line) => {
          const running = host.start([process.execPath, '-e', script]);
          others.push(running);
          await running.waitFor(line);
          return running;
        },
      });
      const endOthers = async () => {
        await Promise.all(others.splice(0).map((each) => each.stop('SIGKILL')));
      };
      const leftNothing = async () => {
        await endOthers();
        await eventually(30_000, 'no process is left', async () => {
          const now = await processesOf(host);
          return now.every((each) => processes.includes(each));
        });
      };

      const funnel = await start();
      const steady = await steadily();
      const scene = sceneOf(funnel);
      await row.provoke(scene);
      await goesOn(steady);
      await eventually(60_000, `the counters ${row.counters}`, async () => {
        const snapshot = await funnel.snapshot();
        return (row.counters ?? []).every(([piece, reason]) => endedFor(snapshot, piece, reason) > 0);
      });
      await row.after?.(scene);
      const ended = await funnel.stop();
      expect([ended.status, ended.stdout.match(/^fault: .*/gm)]).toEqual([0, null]);
      await steady.stop();
      await leftNothing();
      expect((await stateOf(host)).filter((each) => !state.includes(each))).toEqual([]);

      // The same configuration starts again after kill -9, and then leaves nothing either.
      const killed = await start();
      const beside = await steadily();
      await killed.kill();
      await beside.ended;
      await leftNothing();
      const again = await start();
      await (await steadily()).stop();
      expect((await again.stop()).status).toBe(0);
      await leftNothing();
      expect((await stateOf(host)).filter((each) => !state.includes(each))).toEqual([]);
    });
  }
});
