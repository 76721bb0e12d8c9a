import { Socket as DatagramSocket } from 'node:dgram';
import { promises as dns } from 'node:dns';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { Agent, createServer, get, type IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';
import { type AddressInfo, connect, Server, Socket } from 'node:net';
import { openFunnel } from '../../host/index.ts';
import type { Funnel } from '../../host/policy/funnel.ts';
import { errorOf, undici, WS } from './library-peers.ts';

/*
 * Two services with library-style sockets, for `library-sockets.test.ts`, which runs them as ordinary users:
 *
 *   library-program.js serve CONFIGURATION             prints `at ADDRESS`, and serves until it is ended
 *   library-program.js ask CONFIGURATION ADDRESS       prints what it gets from there as JSON
 */
const [, , role, file = '', server = ''] = process.argv;
const webSockets = createRequire(import.meta.url)(WS);

async function serve(): Promise<void> {
  const funnel = await openFunnel(file, { sockets: { resolvers: 'none' } });
  const [own = ''] = funnel.addresses;
  const web = createServer((request, response) => {
    request.resume();
    request.on('end', () =>
      response.end(`${request.method} ${request.url} by ${request.socket.remoteAddress}`),
    );
  });
  const sockets = new webSockets.WebSocketServer({ server: web });
  sockets.on(
    'connection',
    (socket: { on: (...args: unknown[]) => void; send: (...args: unknown[]) => void }) => {
      socket.on('message', (data: Buffer, isBinary: boolean) => socket.send(data, { binary: isBinary }));
    },
  );
  funnel.listen({ port: 80 }, web);
  await once(web, 'listening');
  // Accepts a connection and is silent.
  await once(funnel.listen({ port: 82, host: own }), 'listening');
  const echo = funnel.dgram('udp6', (message, { port, address }) => echo.send(message, port, address));
  echo.bind(7);
  // A DNS server with one name.
  const names = funnel.dgram({ type: 'udp6' }, (query, { port, address }) => {
    names.send(answerTo(query, own), port, address);
  });
  names.bind(53, '::');
  await once(names, 'listening');
  process.stdout.write(`at ${own}\n`);
}

/** `far.example` has one address; other names do not exist. */
function answerTo(query: Buffer, address: string): Buffer {
  let end = 12;
  while (query[end] !== 0) end += query[end]! + 1;
  end += 5;
  const isKnown = query.toString('latin1', 12, end).toLowerCase().startsWith('\x03far\x07example\0');
  const isAaaa = query.readUInt16BE(end - 4) === 28;
  const header = Buffer.from(query.subarray(0, end));
  header.writeUInt16BE(isKnown ? 0x8180 : 0x8183, 2);
  header.fill(0, 6, 12);
  if (!isKnown || !isAaaa) return header;
  header.writeUInt16BE(1, 6);
  const groups = address.split('::');
  const [front = [], back = []] = groups.map((each) => each.split(':').filter((group) => group !== ''));
  const filled = [...front, ...Array(8 - front.length - back.length).fill('0'), ...back];
  const bytes = Buffer.from(filled.map((group) => String(group).padStart(4, '0')).join(''), 'hex');
  return Buffer.concat([header, Buffer.from('c00c001c00010000003c0010', 'hex'), bytes]);
}

async function ask(): Promise<void> {
  const before = openSockets();
  const funnel = await openFunnel(file, { sockets: { resolvers: [server] } });
  const agent = agentOf(funnel);
  const fetching = await undici(funnel);
  const result = {
    classes: classesOf(funnel),
    agent: await textOf(`http://[${server}]/by-agent`, agent),
    name: await textOf('http://far.example/by-name', agent),
    undici: await (
      await fetch('http://far.example/by-undici', { dispatcher: fetching } as RequestInit)
    ).text(),
    resolver: await resolved(funnel),
    webSocket: await echoOf(`ws://[${server}]/`, agent),
    datagram: await datagramOf(funnel),
    refused: await errorOf(() => funnel.connect({ host: server, port: 81 })),
    unreachable: await errorOf(() => funnel.connect({ host: '198.51.100.1', port: 80 })),
    unknown: await errorOf(() => funnel.connect({ host: 'nowhere.example', port: 80 })),
    aborted: await abortedOf(funnel),
    slow: await slowOf(funnel),
    // This process itself has no way there.
    outside: await errorOf(() => connect({ host: server, port: 80 })),
    busy: await busyOf(funnel),
    own: funnel.addresses.length,
  };
  agent.destroy();
  await fetching.close();
  await funnel.close();
  process.stdout.write(`${JSON.stringify({ ...result, left: (await settled(before)) - before })}\n`);
}

function agentOf(funnel: Funnel): Agent {
  const agent = new Agent({ keepAlive: true });
  (agent as unknown as { createConnection: unknown }).createConnection = (
    options: Parameters<Funnel['connect']>[0],
  ) => funnel.connect(options);
  return agent;
}

function classesOf(funnel: Funnel): readonly boolean[] {
  const socket = funnel.connect({ host: server, port: 80 });
  const datagrams = funnel.dgram('udp6');
  const listener = funnel.listen({ port: 0 });
  const all = [socket instanceof Socket, datagrams instanceof DatagramSocket, listener instanceof Server];
  socket.destroy();
  datagrams.close();
  listener.close();
  return all;
}

async function textOf(url: string, agent: Agent): Promise<string> {
  const [response] = (await once(get(url, { agent }), 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  return text;
}

async function resolved(funnel: Funnel): Promise<readonly string[]> {
  const resolver = new dns.Resolver();
  resolver.setServers([await funnel.dnsServer()]);
  return resolver.resolve6('far.example');
}

/** A message larger than a segment there and back, by the package ws. */
async function echoOf(url: string, agent: Agent): Promise<boolean> {
  const socket = new webSockets.WebSocket(url, { agent });
  await once(socket, 'open');
  const sent = Buffer.alloc(100_000, 'WebSocket ');
  socket.send(sent);
  const [message] = (await once(socket, 'message')) as [Buffer];
  socket.close();
  await once(socket, 'close');
  return message.equals(sent);
}

async function datagramOf(funnel: Funnel): Promise<string> {
  const socket = funnel.dgram('udp6');
  const sender = setInterval(() => socket.send('a datagram', 7, 'far.example'), 200);
  const [message, { address }] = (await once(socket, 'message')) as [Buffer, { address: string }];
  clearInterval(sender);
  socket.close();
  return `${message} of ${address === server ? 'the server' : address}`;
}

async function abortedOf(funnel: Funnel): Promise<unknown> {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 50);
  const options = { host: server, port: 82, signal: controller.signal };
  const socket = funnel.connect(options as Parameters<Funnel['connect']>[0]);
  const [error] = (await once(socket, 'error')) as [Error & { code: string }];
  return error.code;
}

async function slowOf(funnel: Funnel): Promise<string> {
  const socket = funnel.connect({ host: server, port: 82, timeout: 100 });
  await once(socket, 'timeout');
  socket.destroy();
  return 'timeout';
}

async function busyOf(funnel: Funnel): Promise<unknown> {
  const first = funnel.listen({ port: 0, host: '::' });
  await once(first, 'listening');
  const { port } = first.address() as AddressInfo;
  const error = await errorOf(() => funnel.listen({ port, host: '::' }));
  first.close();
  const one = funnel.dgram('udp6').bind(9);
  await once(one, 'listening');
  const datagram = await errorOf(() => funnel.dgram('udp6').bind(9));
  one.close();
  return [error, datagram];
}

/** The descriptors of sockets and devices; Node keeps others for its threads and its compiler. */
function openSockets(): number {
  return readdirSync('/proc/self/fd').filter((name) => {
    try {
      return /^socket:|tun$/.test(readlinkSync(`/proc/self/fd/${name}`));
    } catch {
      return false; // the one of this look
    }
  }).length;
}

/** Their number, when it is no more than before or has not become so for a while. */
async function settled(before: number): Promise<number> {
  for (let i = 0; i < 100 && openSockets() > before; i++)
    await new Promise((resolve) => setTimeout(resolve, 50));
  return openSockets();
}

await (role === 'serve' ? serve() : ask());
