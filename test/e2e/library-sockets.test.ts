import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect } from 'vitest';
import { labTest } from '../net/lab-test.ts';
import type { NetLab } from '../net/net-lab.ts';
import { AS_USER, whyNoUser } from '../net/ordinary-user.ts';
import { projectRoot } from '../net/project-root.ts';
import { WS } from './library-peers.ts';
import { ROUTER, SixNetwork } from './six-network.ts';

/* Library-style sockets of Node services that an ordinary user runs. */
const noUser = await whyNoUser();
beforeEach(({ skip }) => {
  if (noUser !== undefined) skip(noUser);
});

/** A Node program of this folder, run as an ordinary user. */
function program(name: string, ...args: readonly string[]): readonly string[] {
  return [...AS_USER, process.execPath, join(projectRoot, 'dist', 'test', 'e2e', `${name}.js`), ...args];
}

function sixConfiguration(lab: NetLab): string {
  const file = join(lab.folder, 'service.yaml');
  const pieces = {
    system: { piece: 'tun', edges: { ip: 'lan' } },
    six: { piece: '6bed4', settings: { router: ROUTER }, edges: { ipv6: 'lan', carrier: 'wan' } },
    net: { piece: 'udp', edges: { udp: 'wan' } },
  };
  writeFileSync(file, JSON.stringify({ pieces }));
  return file;
}

labTest(
  'two services speak HTTP, DNS, WebSocket and datagrams over 6bed4, by the libraries of Node',
  async ({ lab, skip }) => {
    if (!existsSync(WS)) skip('the package ws is not installed (Debian: node-ws)');
    const network = await SixNetwork.open(lab);
    const file = sixConfiguration(lab);
    const far = (await network.host('far', 10)).start(program('library-program', 'serve', file));
    const [, address = ''] = await far.waitFor(/^at (\S+)$/m);
    const near = await network.host('near', 11);
    const asked = await near.runAnyway(program('library-program', 'ask', file, address));
    expect(asked.status, asked.stderr).toBe(0);
    const result = JSON.parse(asked.stdout);
    expect(result).toEqual({
      classes: [true, true, true],
      agent: expect.stringMatching(/^GET \/by-agent by [0-9a-f:]+$/),
      name: expect.stringMatching(/^GET \/by-name by [0-9a-f:]+$/),
      undici: expect.stringMatching(/^GET \/by-undici by [0-9a-f:]+$/),
      resolver: [address],
      webSocket: true,
      datagram: 'a datagram of the server',
      refused: {
        code: 'ECONNREFUSED',
        syscall: 'connect',
        message: `connect ECONNREFUSED ${address}:81`,
      },
      unreachable: {
        code: 'ENETUNREACH',
        syscall: 'connect',
        message: expect.stringMatching(/^connect ENETUNREACH 198\.51\.100\.1:80/),
      },
      unknown: {
        code: 'ENOTFOUND',
        syscall: 'getaddrinfo',
        message: 'getaddrinfo ENOTFOUND nowhere.example',
      },
      aborted: 'ABORT_ERR',
      slow: 'timeout',
      outside: expect.objectContaining({ code: 'ENETUNREACH' }),
      busy: [
        expect.objectContaining({ code: 'EADDRINUSE', syscall: 'listen' }),
        { code: 'EADDRINUSE', syscall: 'bind', message: 'bind EADDRINUSE: address already in use :::9' },
      ],
      own: 1,
      left: 0,
    });
    expect((await far.stop()).stderr).toBe('');
  },
);

labTest(
  'more sockets than descriptors, wrong use, a killed helper and a closed Funnel are errors with codes',
  async ({ lab }) => {
    const host = await lab.namespace('host');
    const file = join(lab.folder, 'nowhere.yaml');
    const pieces = {
      dev: { piece: 'tun', settings: { device: 'fun0', address: '10.9.0.1/24' }, edges: { ip: 'lan' } },
      end: { piece: 'pcap-writer', settings: { file: '/dev/null' }, edges: { frames: 'lan' } },
    };
    writeFileSync(file, JSON.stringify({ pieces }));
    const limited = ['sh', '-c', 'ulimit -n 400; exec "$@"', 'sh'];
    const { status, stdout, stderr } = await host.runAnyway([
      ...limited,
      ...program('library-hostile', file, '3000'),
    ]);
    expect(status, stderr).toBe(0);
    const result = JSON.parse(stdout);
    expect(result).toEqual({
      many: { codes: ['EMFILE'], failed: true },
      wrong: [
        { thrown: 'FT_SOCKETS_USAGE', message: expect.stringContaining('funnel.connect({ host, port })') },
        { thrown: 'ERR_SOCKET_BAD_PORT', message: expect.any(String) },
        { thrown: 'FT_SOCKETS_USAGE', message: expect.stringContaining('a port from 0 to 65535') },
        { thrown: 'FT_SOCKETS_USAGE', message: 'the server listens already' },
        expect.objectContaining({ code: 'EADDRNOTAVAIL', syscall: 'listen' }),
        expect.objectContaining({ code: 'ENOTFOUND' }),
        expect.objectContaining({ code: 'ENODEV', syscall: 'socket' }),
        'FT_SOCKETS_USAGE',
      ],
      others: [],
      grouped: 1,
      later: expect.objectContaining({ code: 'FT_NAMESPACE_ENDED' }),
      said: 'still here',
      closed: [expect.objectContaining({ thrown: 'FT_SOCKETS_CLOSED' }), true, false],
    });
  },
);
