import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasCommand } from '../net/command.ts';
import { findIsolation } from '../net/isolation.ts';
import type { Namespace } from '../net/namespace.ts';
import { NetLab } from '../net/net-lab.ts';
import { AS_USER, execCommand, whyNoUser } from '../net/ordinary-user.ts';
import type { Group } from './group.ts';
import { clientLoad, startLoadServers } from './load-programs.ts';
import type { Report } from './report.ts';
import { median } from './rounds.ts';

/** A way by which a program of an ordinary user reaches the network. */
interface Way {
  readonly name: string;
  readonly against?: string;
  /** The whole command line that runs a command this way. */
  wrap(argv: readonly string[]): readonly string[];
}

/**
 * Programs of an ordinary user: by the host's own network, by pasta and slirp4netns, and by `funnel exec`
 * with an uplink, which is pasta too; and a Node program with library-style sockets beside one that `funnel
 * exec` runs with its plain ones.
 */
export const execGroup: Group = {
  name: 'exec/',
  async run(options, report) {
    const isolation = await findIsolation();
    if (isolation.kind !== 'root') return report.skip('exec/', 'it needs root, to become an ordinary user');
    const noUser = await whyNoUser();
    if (noUser !== undefined) return report.skip('exec/', noUser);
    if (!hasCommand('pasta')) return report.skip('exec/', 'pasta is not installed (Debian: passt)');
    const lab = await NetLab.open('bench-exec');
    try {
      const { user, server } = await twoHosts(lab);
      server.start(['iperf3', '-s', '--forceflush']);
      await startLoadServers(server);
      const [rounds, seconds, count] = options.isQuick ? [1, 1, 200] : [5, 3, 2000];
      const bench = new ExecBench(user, report, rounds);
      const ways = [PLAIN, PASTA, ...(hasCommand('slirp4netns') ? [SLIRP] : []), FUNNEL];
      if (!hasCommand('slirp4netns')) report.skip('exec/slirp4netns/', 'slirp4netns is not installed');
      await bench.measure(
        ways,
        'stream',
        'Mbit/s',
        ['iperf3', '-J', '-t', String(seconds), '-c', SERVER],
        megabits,
      );
      const small = ['iperf3', '-J', '-u', '-b', '0', '-l', '160', '-t', String(seconds), '-c', SERVER];
      await bench.measure(ways, 'small-packets', '1/s', small, packets);
      await bench.measure(ways, 'connections', '1/s', clientLoad('connections', count, SERVER, 7000), Number);
      const file = join(lab.folder, 'uplink.yaml');
      writeFileSync(file, CONFIGURATION);
      const sockets = librarySockets(file);
      await bench.measure(sockets, 'stream', 'Mbit/s', clientLoad('stream', seconds, SERVER, 7001), Number);
      await bench.measure(
        sockets,
        'connections',
        '1/s',
        clientLoad('connections', count, SERVER, 7000),
        Number,
      );
    } finally {
      await lab.close();
    }
  },
};

class ExecBench {
  readonly #user: Namespace;
  readonly #report: Report;
  readonly #rounds: number;

  constructor(user: Namespace, report: Report, rounds: number) {
    this.#user = user;
    this.#report = report;
    this.#rounds = rounds;
  }

  /** Runs a command each way in turn, and reports the median of the figure that it prints. */
  async measure(
    ways: readonly Way[],
    figure: string,
    unit: string,
    argv: readonly string[],
    read: (printed: string) => number,
  ): Promise<void> {
    const values = ways.map((): number[] => []);
    for (let round = 0; round < this.#rounds; round++) {
      for (let n = 0; n < ways.length; n++) {
        const at = (n + round) % ways.length;
        values[at]!.push(read(await this.#user.run(ways[at]!.wrap(argv), { cwd: '/tmp' })));
      }
    }
    ways.forEach(({ name, against }, at) => {
      const other = against === undefined ? undefined : `exec/${against}/${figure}`;
      this.#report.add(`exec/${name}/${figure}`, median(values[at]!), unit, other);
    });
  }
}

const PLAIN: Way = { name: 'plain', wrap: (argv) => [...AS_USER, ...argv] };
const PASTA: Way = {
  name: 'pasta',
  against: 'plain',
  wrap: (argv) => [...AS_USER, 'pasta', '--config-net', '--quiet', '--', ...argv],
};
const SLIRP: Way = {
  name: 'slirp4netns',
  against: 'pasta',
  wrap: (argv) => [...AS_USER, 'sh', '-c', SLIRP_SCRIPT, 'sh', ...argv],
};
const FUNNEL: Way = { name: 'funnel', against: 'pasta', wrap: (argv) => execCommand(['--', ...argv]).argv };

/** The same Node program: its process is in the puzzle's network, or its sockets are. */
function librarySockets(file: string): readonly Way[] {
  return [
    { name: 'plain-sockets', wrap: (argv) => execCommand([file, '--', ...argv]).argv },
    { name: 'library-sockets', against: 'plain-sockets', wrap: (argv) => [...AS_USER, ...argv, file] },
  ];
}

/** A namespace that slirp4netns connects, from when its device has a route until the command ends. */
const SLIRP_SCRIPT = `
f=$(mktemp)
unshare --user --map-root-user --net sh -c '
  f=$1; shift; echo $$ > $f
  until ip route get 198.51.100.1 > /dev/null 2>&1; do sleep 0.02; done
  exec "$@"' sh $f "$@" &
command=$!
until [ -s $f ]; do sleep 0.02; done
slirp4netns --configure $(cat $f) tap0 > /dev/null 2>&1 &
slirp=$!
wait $command; status=$?
kill $slirp; rm $f; exit $status`;

async function twoHosts(lab: NetLab): Promise<{ user: Namespace; server: Namespace }> {
  const user = await lab.namespace('user');
  const server = await lab.namespace('server');
  await lab.wire(user, 'eth0', server, 'eth0');
  await user.addAddress('eth0', '198.51.100.2/24');
  await server.addAddress('eth0', `${SERVER}/24`);
  // No host is there: pasta takes the address of the gateway for its own host's loopback.
  await user.ip('route', 'add', 'default', 'via', '198.51.100.9');
  return { user, server };
}

function megabits(printed: string): number {
  return (JSON.parse(printed) as IperfResult).end.sum_received.bits_per_second / 1e6;
}

function packets(printed: string): number {
  const { packets: sent, lost_packets: lost, seconds } = (JSON.parse(printed) as IperfResult).end.sum;
  return (sent - lost) / seconds;
}

interface IperfResult {
  readonly end: {
    readonly sum_received: { readonly bits_per_second: number };
    readonly sum: { readonly packets: number; readonly lost_packets: number; readonly seconds: number };
  };
}

const SERVER = '198.51.100.1';

const CONFIGURATION = JSON.stringify({
  pieces: {
    system: { piece: 'tun', edges: { ip: 'lan' } },
    net: { piece: 'uplink', edges: { ip: 'lan' } },
  },
});
