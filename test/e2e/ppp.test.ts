import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { FunnelProcess } from '../net/funnel-process.ts';
import { labTest } from '../net/lab-test.ts';
import { eventually } from './six-network.ts';

labTest('two sites agree on addresses by PPP, and reach each other over one stream', async ({ lab }) => {
  const [a, b] = [await lab.namespace('a'), await lab.namespace('b')];
  const segment = await lab.segment('wan');
  await segment.join(a, 'wan0', '192.0.2.1/24');
  await segment.join(b, 'wan0', '192.0.2.2/24');
  const site = (settings: object) => ({
    system: { piece: 'tun', settings: { device: 'ppp0' }, edges: { ip: 'lan' } },
    line: { piece: 'ppp', settings, edges: { packets: 'lan', carrier: 'wan' } },
    socket: { piece: 'tcp', edges: { tcp: 'wan' } },
  });
  const start = (name: string, host: typeof a, settings: object) => {
    const file = join(lab.folder, `${name}.yaml`);
    writeFileSync(file, JSON.stringify({ pieces: site(settings) }));
    return FunnelProcess.start(host, file, lab.folder);
  };
  await start('a', a, { address: '198.51.100.1', 'peer-address': '198.51.100.2', interface: '0:0:0:1' });
  await start('b', b, { remote: '192.0.2.1', interface: '0:0:0:2' });
  await eventually(60_000, 'the other site has its address', async () =>
    (await b.run(['ip', '-4', 'address', 'show', 'dev', 'ppp0'])).includes('198.51.100.2'),
  );
  const ping = (to: string) => b.run(['ping', '-n', '-c', '20', '-i', '0.02', '-s', '1400', to]);
  expect(await ping('198.51.100.1')).toContain('20 received');
  await eventually(60_000, 'the link-local address is no longer tentative', async () => {
    const { status } = await b.runAnyway(['ping', '-n', '-c', '1', '-W', '1', 'fe80::1%ppp0']);
    return status === 0;
  });
  expect(await ping('fe80::1%ppp0')).toContain('20 received');
});
