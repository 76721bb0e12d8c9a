import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { hasCommand } from '../net/command.ts';
import { FunnelProcess, losses } from '../net/funnel-process.ts';
import { labTest } from '../net/lab-test.ts';
import type { Namespace } from '../net/namespace.ts';
import type { NetLab } from '../net/net-lab.ts';

// Hosts with Avahi at two sites. A piece that loses a tenth of the packets stands between SCTP and the line.
//
//   alpha 10.0.1.2 ── 10.0.1.1 site a 192.0.2.1 ══ SCTP ══ 192.0.2.2 site b 10.0.2.1 ── beta 10.0.2.2

const AVAHI = '/usr/sbin/avahi-daemon';

labTest(
  'hosts with Avahi find, resolve and lose services of another site, though a tenth of what is between is lost',
  async ({ lab, skip }) => {
    if (!hasCommand('avahi-browse') || !hasCommand('dbus-daemon'))
      skip('avahi or dbus is not here: Debian’s avahi-daemon, avahi-utils and dbus');
    const [alpha, a, b, beta] = [
      await lab.namespace('alpha'),
      await lab.namespace('a'),
      await lab.namespace('b'),
      await lab.namespace('beta'),
    ];
    await lab.wire(alpha, 'eth0', a, 'lan');
    await lab.wire(a, 'wan', b, 'wan');
    await lab.wire(b, 'lan', beta, 'eth0');
    await alpha.addAddress('eth0', '10.0.1.2/24');
    await a.addAddress('lan', '10.0.1.1/24');
    await a.addAddress('wan', '192.0.2.1/24');
    await b.addAddress('wan', '192.0.2.2/24');
    await b.addAddress('lan', '10.0.2.1/24');
    await beta.addAddress('eth0', '10.0.2.2/24');
    for (const [host, device] of [
      [alpha, 'eth0'],
      [a, 'lan'],
      [b, 'lan'],
      [beta, 'eth0'],
    ] as const)
      await host.ip('route', 'add', '224.0.0.0/4', 'dev', device);
    const atB = await site(lab, b, {});
    const atA = await site(lab, a, { remote: '192.0.2.2' });
    const atAlpha = await avahi(lab, alpha, 'alpha');
    const atBeta = await avahi(lab, beta, 'beta');
    const printer = beta.start(
      ['avahi-publish-service', 'Lab printer', '_ipp._tcp', '631', 'paper=A4'],
      atBeta,
    );
    await printer.waitFor(/Established under name/);

    const browse = alpha.start(['avahi-browse', '-r', '-k', '-p', '_ipp._tcp'], atAlpha);
    await browse.waitFor(
      /^=;eth0;IPv4;Lab\\032printer;_ipp\._tcp;local;beta\.local;10\.0\.2\.2;631;"paper=A4"$/m,
    );
    expect(await alpha.run(['avahi-resolve', '-4', '-n', 'beta.local'], atAlpha)).toMatch(/10\.0\.2\.2/);
    expect(await beta.run(['avahi-resolve', '-4', '-n', 'alpha.local'], atBeta)).toMatch(/10\.0\.1\.2/);

    // The service goes, with a goodbye.
    await printer.stop('SIGTERM');
    await browse.waitFor(/^-;eth0;IPv4;Lab\\032printer;/m);
    // No host was renamed for a conflict with itself.
    for (const [host, options, name] of [
      [alpha, atAlpha, 'alpha'],
      [beta, atBeta, 'beta'],
    ] as const)
      expect(await host.run(['avahi-resolve', '-4', '-n', `${name}.local`], options)).toContain(
        `${name}.local`,
      );
    const lost = [...losses(await atA.snapshot()).keys(), ...losses(await atB.snapshot()).keys()];
    expect(lost.filter((name) => !name.startsWith('fault'))).toEqual([]);
    await browse.stop('SIGTERM');
  },
);

function site(lab: NetLab, host: Namespace, settings: object): Promise<FunnelProcess> {
  const times = { 'rto-initial': '300ms', 'rto-min': '100ms', 'rto-max': '500ms' };
  const pieces = {
    lan: { piece: 'udp', edges: { udp: 'lan' } },
    reflector: { piece: 'mdns-reflector', settings, edges: { lan: 'lan', far: 'streams' } },
    sctp: { piece: 'sctp', settings: times, edges: { streams: 'streams', carrier: 'line' } },
    fault: { piece: 'fault', settings: { seed: 5, loss: 0.1 }, edges: { a: 'line', b: 'wan' } },
    wan: { piece: 'udp', edges: { udp: 'wan' } },
  };
  const path = join(lab.folder, `${host.name}.yaml`);
  // JSON is valid YAML.
  writeFileSync(path, JSON.stringify({ pieces }));
  return FunnelProcess.start(host, path, lab.folder);
}

/** Starts a D-Bus and an Avahi of their own in a host. Returns the environment of its clients. */
async function avahi(lab: NetLab, host: Namespace, name: string): Promise<{ env: NodeJS.ProcessEnv }> {
  const folder = join(lab.folder, name);
  mkdirSync(folder);
  const address = `unix:path=${join(folder, 'bus')}`;
  const bus = join(folder, 'bus.conf');
  writeFileSync(
    bus,
    `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>${address}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/>
<allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>
`,
  );
  const configuration = join(folder, 'avahi.conf');
  writeFileSync(
    configuration,
    `[server]
host-name=${name}
use-ipv6=no
allow-interfaces=eth0
[publish]
publish-hinfo=no
publish-workstation=no
`,
  );
  const env = { ...process.env, DBUS_SYSTEM_BUS_ADDRESS: address };
  host.start(['dbus-daemon', '--nofork', `--config-file=${bus}`], { env });
  for (let n = 0; n < 200 && (await host.runAnyway(['test', '-S', join(folder, 'bus')])).status !== 0; n++)
    await sleep(50);
  // Each has a directory of its own for its process id, where others have Avahi's.
  const daemon = host.start(
    [
      'unshare',
      '--mount',
      'sh',
      '-c',
      `mkdir -p /run/avahi-daemon && mount -t tmpfs none /run/avahi-daemon && exec ${AVAHI} --no-drop-root --no-chroot --no-rlimits -f ${configuration}`,
    ],
    { env },
  );
  await daemon.waitFor(new RegExp(`Server startup complete. Host name is ${name}.local`));
  return { env };
}
