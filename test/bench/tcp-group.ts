import { hasCommand } from '../net/command.ts';
import { findIsolation } from '../net/isolation.ts';
import { NetLab } from '../net/net-lab.ts';
import { startFunnel } from './contender.ts';
import type { Group } from './group.ts';
import { clientLoad, startLoadServers } from './load-programs.ts';
import { median } from './rounds.ts';

/** A relay between a client and a server of the same host: the ports at which it leads to 7001 and 7000. */
interface Relay {
  readonly name: string;
  readonly against?: string;
  readonly sink: number;
  readonly closing: number;
}

/**
 * Connections over loopback: to the server itself, by socat, and by a Funnel with the endpoint `tcp` on both
 * sides of a `hub`. One stream, and how many connections begin and end in a second.
 */
export const tcpGroup: Group = {
  name: 'tcp/',
  async run(options, report) {
    const isolation = await findIsolation();
    if (isolation.kind !== 'root') return report.skip('tcp/', 'it needs root');
    if (!hasCommand('socat')) return report.skip('tcp/', 'socat is not installed');
    const lab = await NetLab.open('bench-tcp');
    try {
      const host = await lab.namespace('host');
      await startLoadServers(host);
      const [, socat, funnel] = RELAYS;
      for (const [port, to] of [
        [socat!.sink, 7001],
        [socat!.closing, 7000],
      ])
        host.start(['socat', `TCP-LISTEN:${port},fork,reuseaddr,backlog=1024`, `TCP:127.0.0.1:${to}`]);
      await startFunnel(host, configuration(funnel!), lab.folder, options);
      const [rounds, seconds, count] = options.isQuick ? [1, 1, 500] : [5, 3, 5000];
      for (const [figure, unit, argv] of [
        ['stream', 'Mbit/s', ({ sink }: Relay) => clientLoad('stream', seconds, '127.0.0.1', sink)],
        [
          'connections',
          '1/s',
          ({ closing }: Relay) => clientLoad('connections', count, '127.0.0.1', closing),
        ],
      ] as const) {
        const values = RELAYS.map((): number[] => []);
        for (let round = 0; round < rounds; round++) {
          for (let n = 0; n < RELAYS.length; n++) {
            const at = (n + round) % RELAYS.length;
            values[at]!.push(Number(await host.run(argv(RELAYS[at]!))));
          }
        }
        RELAYS.forEach(({ name, against }, at) => {
          const other = against === undefined ? undefined : `tcp/${against}/${figure}`;
          report.add(`tcp/${name}/${figure}`, median(values[at]!), unit, other);
        });
      }
    } finally {
      await lab.close();
    }
  },
};

const RELAYS: readonly Relay[] = [
  { name: 'direct', sink: 7001, closing: 7000 },
  { name: 'socat', against: 'direct', sink: 7101, closing: 7100 },
  { name: 'funnel', against: 'socat', sink: 7201, closing: 7200 },
];

const configuration = ({ sink, closing }: Relay) =>
  JSON.stringify({ pieces: { ...relay('sink', sink, 7001), ...relay('closing', closing, 7000) } });

function relay(name: string, port: number, to: number): Record<string, object> {
  const [near, far] = [`${name}-near`, `${name}-far`];
  const settings = { remote: `127.0.0.1:${to}`, 'to-loopback': true };
  return {
    [`${name}-front`]: { piece: 'tcp', settings: { port, family: 'ipv4' }, edges: { tcp: near } },
    [`${name}-hub`]: { piece: 'hub', settings: { stack: 'ip/tcp' }, edges: { net: [near, far] } },
    [`${name}-back`]: { piece: 'tcp', settings, edges: { tcp: far } },
  };
}
