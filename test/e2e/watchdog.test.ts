import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { labTest } from '../net/lab-test.ts';
import type { Namespace } from '../net/namespace.ts';
import { ping, pingUntilAnswered } from '../net/ping.ts';
import { projectRoot } from '../net/project-root.ts';
import { eventually, ROUTER, SixNetwork } from './six-network.ts';

/**
 * A Node service: a Funnel in a worker thread, with native pieces from a module, and events on standard
 * output.
 */
function service(pieces: object): string {
  const host = join(projectRoot, 'dist', 'host');
  return `import { openFunnel } from ${JSON.stringify(join(host, 'index.js'))};
    const funnel = await openFunnel({ pieces: ${JSON.stringify(pieces)} }, {
      worker: true,
      pieceModules: [${JSON.stringify(join(projectRoot, 'dist', 'test', 'fixtures', 'worker-pieces.js'))}],
      onEvent: (event) => console.log(JSON.stringify(event)),
    });
    console.log('ready');
    process.on('SIGTERM', async () => {
      await funnel.close();
      console.log('closed', JSON.stringify(await funnel.counters()));
    });`;
}

describe('a lane that a piece keeps', () => {
  labTest(
    'is replaced by another with the same device, addresses and port, and other hosts hardly notice',
    async ({ lab }) => {
      const network = await SixNetwork.open(lab);
      const [host, far] = [await network.host('a', 11), await network.host('b', 12)];
      const other = await network.startPeer(far);
      const script = join(lab.folder, 'service.mjs');
      writeFileSync(
        script,
        service({
          system: { piece: 'tun', settings: { device: 'six', route: 'fd77::/64' }, edges: { ip: 'lan' } },
          six: {
            piece: '6bed4',
            settings: { router: ROUTER },
            save: '1s',
            edges: { ipv6: 'lan', carrier: 'wan' },
          },
          net: { piece: 'udp', edges: { udp: 'wan' } },
          beat: { piece: 'beat', settings: { every: 20 }, edges: { out: 'a' } },
          // Some seconds, for addresses and pings.
          rogue: { piece: 'rogue', settings: { after: 250 }, edges: { in: 'a', out: 'b' } },
          sink: { piece: 'sink', edges: { in: 'b' } },
        }),
      );
      const running = host.start([process.execPath, script]);
      await running.waitFor(/^ready$/m);
      let address: string | undefined;
      await eventually(60_000, 'an address', async () => {
        [address] = await host.globalAddresses('six');
        return address !== undefined;
      });
      await pingUntilAnswered(far, address!);
      const before = await state(host);
      expect(running.stdout).not.toContain('"recovered"');
      await running.waitFor(/"kind":"recovered"/);
      expect(running.stdout).toMatch(/"kind":"fault","piece":"rogue","code":"FT_FAULT_STALL"/);
      // At once, without another request for an address: everything is where it was.
      expect(await state(host)).toEqual(before);
      expect(await ping(far, address!)).toMatchObject({ received: 5 });
      expect(await ping(host, await other.address())).toMatchObject({ received: 5 });
      // Addresses without an offer would go after a while; offered ones stay.
      await new Promise((resolve) => setTimeout(resolve, 11_000));
      expect(await state(host)).toEqual(before);
      const ended = await running.stop('SIGTERM');
      expect(ended).toMatchObject({ status: 0, stderr: '' });
      expect(ended.stdout).toContain('closed');
      expect((await host.runAnyway(['ip', 'link', 'show', 'six'])).status).not.toBe(0);
      expect(await host.run(['ss', '-lunH'])).toBe('');
    },
    180_000,
  );
});

/**
 * The state in the system: the device by its number, with addresses and routes, and the sockets by their
 * numbers.
 */
async function state(host: Namespace) {
  const link = JSON.parse(await host.run(['ip', '-j', 'addr', 'show', 'dev', 'six']));
  const routes = await host.run(['ip', '-6', 'route', 'show', 'dev', 'six']);
  const sockets = await host.run(['ss', '-lunHe']);
  return {
    index: link[0].ifindex,
    mtu: link[0].mtu,
    addresses: link[0].addr_info.map(({ local }: { local: string }) => local).toSorted(),
    routes: routes.trim().split('\n').toSorted(),
    sockets: [...sockets.matchAll(/:(\d+) .*ino:(\d+)/g)]
      .map(([, port, inode]) => `${port} ${inode}`)
      .toSorted(),
  };
}
