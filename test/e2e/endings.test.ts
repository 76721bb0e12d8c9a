import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { FunnelProcess } from '../net/funnel-process.ts';
import { labTest } from '../net/lab-test.ts';
import { ping, pingUntilAnswered } from '../net/ping.ts';
import { SixNetwork } from './six-network.ts';

labTest('a Funnel that is killed leaves a system in which it starts again', async ({ lab }) => {
  const network = await SixNetwork.open(lab);
  const a = await network.startPeer(await network.host('a', 11));
  const b = await network.startPeer(await network.host('b', 12));
  await pingUntilAnswered(a.host, await b.address());
  await a.funnel.kill();
  expect((await a.host.runAnyway(['ip', 'link', 'show', 'six'])).status).not.toBe(0);
  const again = await network.startPeer(a.host);
  await pingUntilAnswered(again.host, await b.address());
  expect(await ping(again.host, await b.address())).toMatchObject({ received: 5 });
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  labTest(`${signal} ends a Funnel with totals, and takes back all that it set`, async ({ lab }) => {
    const host = await lab.namespace('host');
    const file = join(lab.folder, 'two.yaml');
    writeFileSync(
      file,
      `pieces:
  left:
    piece: tun
    settings: { device: left, address: 198.51.100.1/24, route: 203.0.113.0/24 }
    edges: { ip: lan }
  net:
    piece: udp
    settings: { port: 4000 }
    edges: { udp: lan }
`,
    );
    const before = (await host.run(['sh', '-c', 'ip addr; ip route; ss -lun'])).trim();
    const funnel = await FunnelProcess.start(host, file, lab.folder);
    const during = await host.run(['sh', '-c', 'ip addr; ip route; ss -lun']);
    expect(during).toContain('198.51.100.1');
    expect(during).toContain('203.0.113.0/24');
    expect(during).toContain(':4000');
    const ended = await funnel.running.stop(signal);
    expect(ended.status).toBe(0);
    expect(ended.stdout).toMatch(/^ended after /m);
    expect(ended.stderr).toBe('');
    expect((await host.run(['sh', '-c', 'ip addr; ip route; ss -lun'])).trim()).toBe(before);
  });
}
