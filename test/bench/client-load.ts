import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { openFunnel } from '../../host/index.ts';

/*
 * A client of `load-servers.ts`, whose traffic goes the way of its process, or through a Funnel of its own:
 *
 *   client-load.js stream SECONDS ADDRESS PORT [CONFIGURATION]      prints the Mbit/s of one connection
 *   client-load.js connections COUNT ADDRESS PORT [CONFIGURATION]   prints how many begin and end in a second
 */
/** Connections at the same time. */
const AT_ONCE = 16;
const [, , kind, amount = '', address = '', port = '', file] = process.argv;
const funnel = file === undefined ? undefined : await openFunnel(file, { sockets: { resolvers: 'none' } });
const to = { port: Number(port), host: address };
const open = (): Socket => (funnel === undefined ? connect(to) : funnel.connect(to));

const value = kind === 'stream' ? await stream(Number(amount)) : await connections(Number(amount));
process.stdout.write(`${value}\n`);
await funnel?.close();

async function stream(seconds: number): Promise<number> {
  const socket = open();
  await once(socket, 'connect');
  const block = Buffer.alloc(1 << 16);
  const start = performance.now();
  while (performance.now() - start < seconds * 1000) if (!socket.write(block)) await once(socket, 'drain');
  // The other side reports how much it has once it has all.
  let answer = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    answer += text;
  });
  socket.end();
  await once(socket, 'close');
  return (Number(answer) * 8) / 1e3 / (performance.now() - start);
}

async function connections(count: number): Promise<number> {
  const start = performance.now();
  let begun = 0;
  const one = async (): Promise<void> => {
    while (begun < count) {
      begun++;
      const socket = open();
      socket.resume();
      await once(socket, 'close');
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  return (count * 1000) / (performance.now() - start);
}
