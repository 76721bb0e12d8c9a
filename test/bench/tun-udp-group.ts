import { findIsolation } from '../net/isolation.ts';
import { NetLab } from '../net/net-lab.ts';
import { buildBaseline } from './baseline-program.ts';
import type { BenchOptions } from './bench-options.ts';
import { startBaseline, startFunnel } from './contender.ts';
import type { Group } from './group.ts';
import { measurePaths } from './measure-paths.ts';
import { devicePackets, type Path } from './path.ts';

/**
 * From a tun device to UDP through the piece `6bed4`, beside `baseline/sixbed.c`. The far end is `sixbed` for
 * both: router and peer in one, so that the piece gets its address there and then talks to it directly.
 */
export const tunUdpGroup: Group = {
  name: 'tun-udp/',
  async run(options, report) {
    const isolation = await findIsolation();
    if (isolation.kind !== 'root') return report.skip('tun-udp/', 'it needs root');
    const lab = await NetLab.open('bench-tun-udp');
    try {
      const paths: Path[] = [];
      for (const name of ['c', 'funnel', 'offload'] as const) paths.push(await layPath(lab, name, options));
      await measurePaths('tun-udp/', paths, options, report);
      for (const { program } of paths) await program.stop();
    } finally {
      await lab.close();
    }
  },
};

async function layPath(lab: NetLab, name: Path['name'], options: BenchOptions): Promise<Path> {
  const sixbed = await buildBaseline('sixbed');
  const near = await lab.namespace(`${name}-near`);
  const far = await lab.namespace(`${name}-far`);
  await lab.wire(near, 'wire', far, 'wire');
  await near.addAddress('wire', '192.0.2.1/24');
  await far.addAddress('wire', '192.0.2.2/24');
  await startBaseline(far, [sixbed, 'six', '192.0.2.2', '25790', PREFIX]);
  await far.ip('link', 'set', 'six', 'mtu', '1280', 'up');
  await far.ip('addr', 'add', `${FAR}/64`, 'dev', 'six', 'nodad');
  let program: Path['program'];
  if (name === 'c') {
    program = await startBaseline(near, [sixbed, 'six', '192.0.2.1', '50000', PREFIX, '192.0.2.2', '25790']);
    await near.ip('link', 'set', 'six', 'mtu', '1280', 'up');
    await near.ip('addr', 'add', `${NEAR}/64`, 'dev', 'six', 'nodad');
  } else {
    program = await startFunnel(near, configuration(name === 'offload'), lab.folder, options);
  }
  return {
    name,
    near,
    far,
    nearAddress: NEAR,
    farAddress: FAR,
    program,
    async packets() {
      return {
        out: (await devicePackets(near, 'wire')).sent,
        in: (await devicePackets(near, 'six')).received,
      };
    },
  };
}

/** fc64, the number of the network, and 192.0.2.2. */
const PREFIX = 'fc64:bed:c000:202::';
/** 192.0.2.1 with port 50000, and 192.0.2.2 with port 25790, in the prefix. */
const NEAR = 'fc64:bed:c000:202:c000:201:c350:1';
const FAR = 'fc64:bed:c000:202:c000:202:64be:1';

const configuration = (offload: boolean) => `
pieces:
  system:
    piece: tun
    settings: { device: six, offload: ${offload} }
    edges: { ip: lan }
  six:
    piece: 6bed4
    settings: { router: 192.0.2.2, port: 50000 }
    edges: { ipv6: lan, carrier: wire }
  net:
    piece: udp
    settings: { port: 50000, family: ipv4, offload: ${offload} }
    edges: { udp: wire }
`;
