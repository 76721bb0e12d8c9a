import { accessSync, constants, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { runStep, say } from './step.mjs';

/**
 * The commands and files that the system must have, by Debian package. A package counts as present when these
 * are present: so other distributions, and tools that were installed by hand, pass too.
 */
const NEEDED = {
  start: [
    { package: 'iproute2', command: 'ip' },
    { package: 'iputils-ping', command: 'ping' },
    { package: 'gcc', command: 'gcc' },
    { package: 'libc6-dev', files: ['/usr/include/stdio.h'] },
    // Node from elsewhere brings its headers along.
    {
      package: 'libnode-dev',
      files: [
        join(dirname(dirname(process.execPath)), 'include/node/node_api.h'),
        '/usr/include/nodejs/src/node_api.h',
      ],
    },
  ],
  test: [
    { package: 'tshark', command: 'tshark' },
    { package: 'iperf3', command: 'iperf3' },
    { package: 'nftables', command: 'nft' },
    { package: 'clang', command: 'clang' },
    { package: 'lld', command: 'wasm-ld' },
    { package: 'libsrtp2-dev', files: ['/usr/include/srtp2/srtp.h'] },
    { package: 'libusrsctp-examples', files: ['/usr/lib/usrsctp/tsctp'] },
    { package: 'netbase', files: ['/etc/services'] },
    { package: 'passt', command: 'pasta' },
    { package: 'slirp4netns', command: 'slirp4netns' },
    { package: 'curl', command: 'curl' },
    { package: 'python3', command: 'python3' },
    { package: 'sip-tester', command: 'sipp' },
    { package: 'kamailio', command: 'kamailio' },
    { package: 'rtpengine-daemon', command: 'rtpengine' },
    { package: 'baresip-core', command: 'baresip' },
    { package: 'socat', command: 'socat' },
    { package: 'ncat', command: 'ncat' },
    { package: 'dnsmasq-base', command: 'dnsmasq' },
    { package: 'proxychains4', command: 'proxychains4' },
    { package: 'node-ws', files: ['/usr/share/nodejs/ws/package.json'] },
    { package: 'shadowsocks-libev', command: 'ss-server' },
    { package: 'tor', command: 'tor' },
    { package: 'chromium', command: 'chromium' },
    { package: 'systemd', command: 'systemd-socket-activate' },
    { package: 'inetutils-inetd', command: 'inetutils-inetd' },
    { package: 'avahi-daemon', command: 'avahi-daemon' },
    { package: 'avahi-utils', command: 'avahi-browse' },
    { package: 'dbus-daemon', command: 'dbus-daemon' },
    { package: 'snmpd', command: 'snmpd' },
    { package: 'snmp', command: 'snmpwalk' },
    { package: 'freeradius', command: 'freeradius' },
    { package: 'freeradius-utils', command: 'radclient' },
  ],
};

/**
 * Installs missing Debian packages where that is allowed (root, with apt-get), and otherwise prints how to. A
 * machine that cannot have them is no failure: the step or the test that needs them reports it.
 *
 * @param {string} root
 * @param {'start' | 'test'} purpose
 */
export async function installPackages(root, purpose) {
  const all = purpose === 'test' ? [...NEEDED.start, ...NEEDED.test] : NEEDED.start;
  const missing = () => all.filter((need) => !isPresent(need)).map((need) => need.package);
  const wanted = missing();
  if (wanted.length === 0) return;
  if (process.getuid?.() !== 0 || !onPath('apt-get')) {
    const how = onPath('apt-get')
      ? `: sudo apt-get install ${wanted.join(' ')}`
      : ` (Debian's names): ${wanted.join(' ')}`;
    say(`missing on this system, to be installed by its administrator${how}`);
    return;
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  // The package lists of a fresh system or image are empty or stale: then they are fetched, once.
  const install = (title) =>
    runStep({
      root,
      name: 'apt-install',
      title,
      command: 'apt-get',
      args: ['-o', 'DPkg::Lock::Timeout=300', 'install', '-y', '-q', '--no-install-recommends', ...wanted],
      env,
    });
  const startServices = keepServicesDown();
  try {
    if (hasPackageLists()) {
      try {
        return await install(`installing ${wanted.join(' ')}`);
      } catch {
        say('that failed; fetching the package lists may help');
      }
    }
    await runStep({
      root,
      name: 'apt-update',
      title: 'fetching the package lists',
      command: 'apt-get',
      args: ['-o', 'DPkg::Lock::Timeout=300', 'update', '-q'],
      env,
    });
    await install(`installing ${wanted.join(' ')}`);
  } catch (error) {
    say(`${error.message}\n${error.log ?? ''}`);
    say(`going on without ${missing().join(' ')}; what needs them will say so`);
  } finally {
    startServices();
  }
}

/** Asked by Debian's packages before they start a service (invoke-rc.d(8)): 101 is no. */
const POLICY = '/usr/sbin/policy-rc.d';
const NO_SERVICES =
  '#!/bin/sh\n# Written by the set-up of the Funnel Tunnel while it installs packages.\nexit 101\n';

/**
 * Tests start the servers that they need, on addresses of their own. So an installation must not start any:
 * neither snmpd on this machine's addresses, nor the like.
 *
 * @returns {() => void} undoes it
 */
function keepServicesDown() {
  const isOurs = () => existsSync(POLICY) && readFileSync(POLICY, 'utf8') === NO_SERVICES;
  // The administrator's own policy stays.
  if (existsSync(POLICY) && !isOurs()) return () => {};
  try {
    writeFileSync(POLICY, NO_SERVICES, { mode: 0o755 });
  } catch (error) {
    say(`services of installed packages may start: ${error.message}`);
    return () => {};
  }
  const undo = () => isOurs() && rmSync(POLICY, { force: true });
  // An interrupted set-up ends without coming back.
  process.once('exit', undo);
  return () => {
    process.off('exit', undo);
    undo();
  };
}

/**
 * A user's search path often lacks the folders of the administrator's commands, where `ip` and `nft` may be.
 */
export function completePath() {
  const parts = (process.env.PATH ?? '').split(delimiter);
  for (const folder of ['/usr/sbin', '/sbin']) if (!parts.includes(folder)) parts.push(folder);
  process.env.PATH = parts.join(delimiter);
}

function isPresent(need) {
  return need.command === undefined ? need.files.some((file) => existsSync(file)) : onPath(need.command);
}

/** Whether a command of this name can be run. */
export function onPath(command) {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      // Not there, or not to be run: the next folder may have it.
    }
  }
  return false;
}

function hasPackageLists() {
  try {
    return readdirSync('/var/lib/apt/lists').some(
      (name) => name.endsWith('_Packages') || name.includes('_Packages.'),
    );
  } catch {
    return false;
  }
}
