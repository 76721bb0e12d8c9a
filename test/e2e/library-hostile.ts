import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import { openFunnel } from '../../host/index.ts';
import type { Funnel } from '../../host/policy/funnel.ts';
import { errorOf } from './library-peers.ts';

/*
 * Uses library-style sockets badly, for `library-sockets.test.ts`: `library-hostile.js CONFIGURATION`. Prints
 * what came of it as JSON.
 */
const [, , file = ''] = process.argv;
const descriptors = (): number => readdirSync('/proc/self/fd').length;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The processes that this one has started. */
function children(): number[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      const [, , parent] = readFileSync(`/proc/${name}/stat`, 'utf8')
        .replace(/^.*\) /, '0 ')
        .split(' ');
      return Number(parent) === process.pid ? [Number(name)] : [];
    } catch {
      return []; // it has just ended, or is no process
    }
  });
}

/** Waits until something is so; the test's own limit of time ends it. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(20);
}

/** Opens connections to a server inside until the process has no descriptor left, and uses it again. */
async function tooMany(funnel: Funnel, port: number, most: number): Promise<object> {
  const sockets: Socket[] = [];
  const ends = Array.from({ length: most }, async () => {
    const socket = funnel.connect({ host: '127.0.0.1', port });
    sockets.push(socket);
    await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
  });
  const results = await Promise.allSettled(ends);
  const codes = results.flatMap((each) => (each.status === 'rejected' ? [each.reason.code as string] : []));
  for (const socket of sockets) socket.destroy();
  return { codes: [...new Set(codes)].sort(), failed: codes.length > 0 };
}

const before = descriptors();
const funnel = await openFunnel(file, { sockets: { resolvers: 'none', patienceMs: 0 } });
const echo = funnel.listen({ port: 0, host: '127.0.0.1' }, (socket) => {
  socket.on('error', () => {});
  socket.pipe(socket);
});
await once(echo, 'listening');
const { port } = echo.address() as AddressInfo;
const open = descriptors();

const many = await tooMany(funnel, port, Number(process.argv[3]));
await until(() => descriptors() <= open);

const wrong = [
  await errorOf(() => funnel.connect({ path: '/run/x' } as never)),
  await errorOf(() => funnel.connect({ host: '127.0.0.1', port: 70_000 })),
  await errorOf(() => funnel.listen({ port: -1 })),
  await errorOf(() => funnel.listen({ port: 0 }, echo)),
  await errorOf(() => funnel.listen({ port: 0, host: '203.0.113.9' })),
  await errorOf(() => funnel.connect({ host: 'name.example', port: 1 })),
  await errorOf(() => funnel.connect({ host: 'fe80::1%nowhere', port: 1 })),
  await funnel.dnsServer().then(String, ({ code }) => code),
];

// Joining a group makes a descriptor.
const group = funnel.dgram('udp4');
const outer = readdirSync('/proc/self/fd').length;
group.addMembership('224.0.0.251', '127.0.0.1');
const grouped = descriptors() - outer;
group.close();

const lasting = funnel.connect({ host: '127.0.0.1', port });
await once(lasting, 'connect');
const [helper = 0, ...others] = children();
process.kill(helper, 'SIGKILL');
await until(() => children().length === 0);
const later = await errorOf(() => funnel.connect({ host: '127.0.0.1', port }));
lasting.write('still here');
const [said] = (await once(lasting, 'data')) as [Buffer];

const bound = funnel.connect.bind(funnel);
await funnel.close();
const closed = [await errorOf(() => bound({ host: '127.0.0.1', port })), lasting.destroyed, echo.listening];
await until(() => descriptors() <= before + 1);
const result = { many, wrong, others, grouped, later, said: String(said), closed };
process.stdout.write(`${JSON.stringify(result)}\n`);
