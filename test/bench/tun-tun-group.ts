import { findIsolation } from '../net/isolation.ts';
import type { Namespace } from '../net/namespace.ts';
import { NetLab } from '../net/net-lab.ts';
import { buildBaseline } from './baseline-program.ts';
import type { BenchOptions } from './bench-options.ts';
import { startBaseline, startFunnel } from './contender.ts';
import type { Group } from './group.ts';
import { measurePaths } from './measure-paths.ts';
import { devicePackets, type Path } from './path.ts';

/**
 * From one tun device to another through a piece, `hub` with two networks, beside `baseline/relay.c`. Each
 * device is in the namespace of a host of its own; the program that made them keeps their descriptors. The C
 * program reads and writes single packets, so the Funnel does too, and once with offload.
 */
export const tunTunGroup: Group = {
  name: 'tun-tun/',
  async run(options, report) {
    const isolation = await findIsolation();
    if (isolation.kind !== 'root') return report.skip('tun-tun/', 'it needs root');
    const lab = await NetLab.open('bench-tun-tun');
    try {
      const paths: Path[] = [];
      for (const name of ['c', 'funnel', 'offload'] as const) paths.push(await layPath(lab, name, options));
      await measurePaths('tun-tun/', paths, options, report);
      // In good order: profiles are written at the end.
      for (const { program } of paths) await program.stop();
    } finally {
      await lab.close();
    }
  },
};

async function layPath(lab: NetLab, name: Path['name'], options: BenchOptions): Promise<Path> {
  const middle = await lab.namespace(`${name}-mid`);
  const near = await lab.namespace(`${name}-near`);
  const far = await lab.namespace(`${name}-far`);
  const program =
    name === 'c'
      ? await startBaseline(middle, [await buildBaseline('relay'), 'tnear', 'tfar'])
      : await startFunnel(middle, configuration(name === 'offload'), lab.folder, options);
  await giveAway(middle, 'tnear', near, NEAR);
  await giveAway(middle, 'tfar', far, FAR);
  return {
    name,
    near,
    far,
    nearAddress: NEAR,
    farAddress: FAR,
    program,
    async packets() {
      // The program wrote what the host received.
      return {
        out: (await devicePackets(far, 'tfar')).received,
        in: (await devicePackets(near, 'tnear')).received,
      };
    },
  };
}

/** Moves a device to a host; the program that opened it goes on using it. */
async function giveAway(from: Namespace, device: string, to: Namespace, address: string): Promise<void> {
  await from.ip('link', 'set', device, 'netns', to.systemName);
  await to.ip('addr', 'add', `${address}/64`, 'dev', device, 'nodad');
  await to.ip('link', 'set', device, 'up');
}

const NEAR = 'fd00:64be::1';
const FAR = 'fd00:64be::2';

const configuration = (offload: boolean) => `
pieces:
  near:
    piece: tun
    settings: { device: tnear, offload: ${offload} }
    edges: { ip: left }
  hub:
    piece: hub
    edges: { net: [left, right] }
  far:
    piece: tun
    settings: { device: tfar, offload: ${offload} }
    edges: { ip: right }
`;
