import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { Finished } from '../net/command.ts';
import { labTest } from '../net/lab-test.ts';
import type { Namespace } from '../net/namespace.ts';
import type { NetLab } from '../net/net-lab.ts';
import { funnelCommand } from '../net/project-root.ts';

/*
 * Mistakes of users, from the outside: the real command, in a namespace, with a check of its remains. Each
 * mistake of a configuration alone is tested beside the code that finds it.
 */

const good = { system: { piece: 'tun', settings: { device: 'fun0' }, edges: { ip: 'lan' } } };
const socket = (port: number) => ({ piece: 'udp', settings: { port }, edges: { udp: 'lan' } });

describe('funnel run', () => {
  labTest('a file that is not there', async ({ lab }) => {
    const host = await lab.namespace('host');
    const failure = await attempt(lab, host, undefined);
    expectOneMessage(failure, /^FT_\w+|FT_\w+:/m);
    expect(failure.stderr).toContain('puzzle.yaml');
  });

  labTest('YAML that is none', async ({ lab }) => {
    const failure = await attempt(lab, await lab.namespace('host'), 'pieces:\n  a: [1, 2\n');
    expectOneMessage(failure, /puzzle\.yaml:\d+:\d+: FT_/);
  });

  labTest('an unknown piece, setting, Edge and network, all reported at once', async ({ lab }) => {
    const failure = await attempt(lab, await lab.namespace('host'), {
      one: { piece: 'tunn', edges: { ip: 'lan' } },
      two: { piece: 'tun', settings: { devise: 'fun0' }, edges: { ip: 'lan' } },
      three: { piece: 'udp', edges: { upd: 'lan' } },
    });
    expectOneMessage(failure, /FT_/);
    for (const name of ['tunn', 'devise', 'upd'])
      expect(failure.stderr).toMatch(new RegExp(`:\\d+:\\d+: FT_\\w+: .*${name}`));
  });

  labTest('a component that is none', async ({ lab }) => {
    writeFileSync(join(lab.folder, 'mine.wasm'), 'not WebAssembly');
    const failure = await attempt(lab, await lab.namespace('host'), {
      mine: { piece: './mine.wasm', edges: { a: 'lan' } },
    });
    expectOneMessage(failure, /FT_COMPONENT/);
  });

  labTest('a component that is too large, and one that wants what it was not granted', async ({ lab }) => {
    const failure = await attempt(lab, await lab.namespace('host'), {
      large: { piece: 'hub', limits: { component: '1KiB' }, edges: { net: ['lan'] } },
      greedy: {
        piece: '6bed4',
        grants: ['log', 'random'],
        settings: { router: '192.0.2.1' },
        edges: { ipv6: 'lan', carrier: 'wan' },
      },
      net: { piece: 'udp', edges: { udp: 'wan' } },
    });
    expectOneMessage(failure, /:\d+:\d+: FT_\w+: .*large|FT_COMPONENT_TOO_LARGE/);
    expect(failure.stderr).toMatch(/listen/);
  });

  labTest('Shapes that cannot match', async ({ lab }) => {
    const failure = await attempt(lab, await lab.namespace('host'), {
      one: { piece: 'tun', settings: { device: 'fun0' }, edges: { ip: 'lan' } },
      two: { piece: 'tun', settings: { device: 'fun1' }, edges: { ip: 'lan' } },
    });
    expectOneMessage(failure, /:\d+:\d+: FT_SHAPES_DO_NOT_MATCH: /);
  });

  labTest('a tun device without permission, and what was opened before it is closed', async ({ lab }) => {
    const host = await lab.namespace('host');
    const pieces = { net: socket(4000), ...good };
    // Root, less the one right that it takes.
    const failure = await attempt(lab, host, pieces, [
      'setpriv',
      '--bounding-set',
      '-net_admin',
      '--inh-caps',
      '-net_admin',
    ]);
    expectOneMessage(failure, /FT_TUN_PERMISSION/, 4);
    expect(failure.stderr).toMatch(/CAP_NET_ADMIN/);
  });

  labTest('a port in use, and the device that was made before it is removed', async ({ lab }) => {
    const host = await lab.namespace('host');
    const other = host.start([
      process.execPath,
      '-e',
      "require('node:dgram').createSocket('udp4').bind(4000, () => console.log('bound'))",
    ]);
    await other.waitFor(/bound/);
    const failure = await attempt(lab, host, { ...good, net: socket(4000) });
    expectOneMessage(failure, /FT_\w*PORT\w*/, 4);
    expect(failure.stderr).toContain('4000');
    await other.stop();
  });

  labTest('a device in use', async ({ lab }) => {
    const host = await lab.namespace('host');
    const first = await start(lab, host, { ...good, net: socket(4000) }, 'first.yaml');
    await first.waitFor(/^ready$/m);
    const before = await stateOf(host);
    const second = await start(lab, host, { ...good, net: socket(4001) }, 'second.yaml');
    expectOneMessage(await second.ended, /FT_TUN_BUSY/, 4);
    expect(await stateOf(host)).toBe(before);
    await first.stop();
  });
});

/** Runs a puzzle that cannot be, and sees that it leaves the host and its folder as they were. */
async function attempt(
  lab: NetLab,
  host: Namespace,
  puzzle: object | string | undefined,
  prefix: readonly string[] = [],
): Promise<Finished> {
  const file = join(lab.folder, 'puzzle.yaml');
  if (puzzle !== undefined) writeFileSync(file, typeof puzzle === 'string' ? puzzle : yamlOf(puzzle));
  const filesBefore = readdirSync(lab.folder);
  const before = await stateOf(host);
  const finished = await host.runAnyway([...prefix, process.execPath, funnelCommand, 'run', file], {
    cwd: lab.folder,
  });
  expect(await stateOf(host)).toBe(before);
  expect(readdirSync(lab.folder)).toEqual(filesBefore);
  return finished;
}

async function start(lab: NetLab, host: Namespace, pieces: object, name: string) {
  const file = join(lab.folder, name);
  writeFileSync(file, yamlOf(pieces));
  return host.start([process.execPath, funnelCommand, 'run', file], { cwd: lab.folder });
}

const yamlOf = (pieces: object): string => JSON.stringify({ pieces }, undefined, 2);

/** Devices, addresses, routes and sockets. */
function stateOf(host: Namespace): Promise<string> {
  return host.run(['sh', '-c', 'ip addr; ip route; ip -6 route; ss -lun']);
}

/** The status is 3 for a configuration that is wrong, and 4 for one that the system refuses. */
function expectOneMessage({ status, stdout, stderr }: Finished, message: RegExp, expected = 3): void {
  expect(stderr).toMatch(message);
  expect(status).toBe(expected);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(stdout).not.toMatch(/^ready$/m);
}
