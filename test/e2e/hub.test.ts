import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { FunnelProcess, framesAt } from '../net/funnel-process.ts';
import { labTest } from '../net/lab-test.ts';
import { eventually } from './six-network.ts';

labTest(
  'a frame of one member of a hub reaches all others, once, and does not come back',
  async ({ lab }) => {
    const host = await lab.namespace('host');
    const members = ['red', 'green', 'blue'];
    const pieces: Record<string, object> = {
      hub: { piece: 'hub', edges: { net: members.map((name) => `to-${name}`) } },
    };
    members.forEach((name, i) => {
      pieces[name] = {
        piece: 'tun',
        settings: { device: name, address: `198.51.${100 + i}.1/24` },
        edges: { ip: `to-${name}` },
      };
    });
    const file = join(lab.folder, 'hub.yaml');
    writeFileSync(file, JSON.stringify({ pieces }));
    const funnel = await FunnelProcess.start(host, file, lab.folder);
    // The system gives each device a packet for a host that does not exist behind it.
    for (const [i, name] of members.entries()) {
      const counts = async () => {
        const snapshot = await funnel.snapshot();
        return members.map((member) => framesAt(snapshot, member, 'ip'));
      };
      const before = await counts();
      await host.runAnyway(['ping', '-n', '-c', '3', '-i', '0.05', '-W', '0.1', `198.51.${100 + i}.2`]);
      await eventually(60_000, `three packets of ${name} at the other two`, async () => {
        const after = await counts();
        return after.every((count, j) => count.in - before[j]!.in === (j === i ? 0 : 3));
      });
      const after = await counts();
      expect(after.map((count, j) => count.out - before[j]!.out)).toEqual(
        members.map((_, j) => (j === i ? 3 : 0)),
      );
    }
  },
);
