import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { labTest } from '../net/lab-test.ts';
import { funnelCommand } from '../net/project-root.ts';

const FUNNELS = 6;
const SPINNERS = 4;
/** The spinners end by then, whatever happens to the test. */
const SPIN_SECONDS = 120;

/** A device, sockets, a component and a capture: all that a start opens, compiles and touches first. */
function configuration(n: number): string {
  return JSON.stringify({
    pieces: {
      system: {
        piece: 'tun',
        settings: { device: `six${n}`, address: `10.9.${n}.1/24` },
        edges: { ip: 'lan' },
      },
      six: {
        piece: '6bed4',
        settings: { router: '192.0.2.1', port: 50_000 + 2 * n },
        edges: { ipv6: 'lan', carrier: 'wan' },
      },
      net: { piece: 'udp', settings: { port: 50_000 + 2 * n, family: 'ipv4' }, edges: { udp: 'wan' } },
      local: { piece: 'unix', settings: { listen: `@start-${n}` }, edges: { tcp: 'a' } },
      middle: { piece: 'hub', settings: { stack: 'ip/tcp' }, edges: { net: ['a', 'b'] } },
      server: { piece: 'tcp', settings: { port: 40_000 + n }, edges: { tcp: 'b' } },
    },
  });
}

labTest(
  'the watchdog ends no start, however many start side by side while other processes spin',
  { timeout: 600_000 },
  async ({ lab }) => {
    const host = await lab.namespace('host');
    const spinners = Array.from({ length: SPINNERS }, () =>
      host.start(['timeout', String(SPIN_SECONDS), 'sh', '-c', 'while :; do :; done']),
    );
    const funnels = Array.from({ length: FUNNELS }, (_, n) => {
      const file = join(lab.folder, `${n}.yaml`);
      writeFileSync(file, configuration(n));
      return host.start([process.execPath, funnelCommand, 'run', '--plain', '--no-control', file], {
        cwd: lab.folder,
      });
    });
    for (const each of funnels) await each.waitFor(/^ready$/m, 400_000);
    for (const each of spinners) await each.stop();
    for (const each of funnels) {
      const { status, stdout, stderr } = await each.stop('SIGINT', 120_000);
      expect(`${stdout}${stderr}`).not.toMatch(/kept the lane|FT_FAULT|recovered/);
      expect(status).toBe(0);
    }
  },
);
