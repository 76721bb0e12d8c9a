import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { EndpointError } from '../endpoint-error.ts';

/**
 * The programs that connect a namespace to the network of a user without privileges, in the order of
 * preference.
 */
export const CONNECTORS = ['pasta', 'slirp4netns'] as const;
export type Connector = (typeof CONNECTORS)[number];

/** The device in the namespace that a connector makes. */
export const OUTER_DEVICE = 'up0';

/**
 * The connector to use.
 *
 * @param wanted one of them, or `auto` for the first that is installed
 * @throws EndpointError `FT_UPLINK_ABSENT`
 */
export function findConnector(
  wanted: Connector | 'auto',
  isInstalled: (program: string) => boolean = isOnPath,
  isRoot = process.getuid?.() === 0,
): Connector {
  // When root runs pasta, pasta becomes an unprivileged user, which may not enter the namespace.
  const choices = wanted !== 'auto' ? [wanted] : CONNECTORS;
  const found = choices.find((each) => isInstalled(each) && !(isRoot && each === 'pasta'));
  if (found !== undefined) return found;
  if (isRoot)
    throw new EndpointError(
      'FT_UPLINK_ABSENT',
      'slirp4netns is not installed, which root needs for an uplink (pasta refuses root). Install it (on Debian: apt-get install slirp4netns), or run as a user',
      { setting: 'via' },
    );
  const lacking =
    wanted === 'auto' ? 'neither pasta nor slirp4netns is installed' : `${wanted} is not installed`;
  throw new EndpointError(
    'FT_UPLINK_ABSENT',
    `${lacking}; one of them must connect the uplink to the network without privileges. Install one (on Debian: apt-get install ${wanted === 'slirp4netns' ? 'slirp4netns' : 'passt'})`,
    { setting: 'via' },
  );
}

/** @throws EndpointError `FT_UPLINK_ABSENT` */
export function needNft(isInstalled: (program: string) => boolean = isOnPath): void {
  if (isInstalled('nft')) return;
  throw new EndpointError(
    'FT_UPLINK_ABSENT',
    'nft is not installed, which masquerades addresses. Install it (on Debian: apt-get install nftables)',
  );
}

/**
 * The command that connects the network namespace of a process. It stays in the foreground.
 *
 * @param hidden the IP versions in which the namespace has its own addresses, because the neighbour has those
 * of this machine
 */
export function connectorCommand(
  connector: Connector,
  pid: number,
  hidden: { readonly ipv4: boolean; readonly ipv6: boolean } = { ipv4: false, ipv6: false },
): readonly string[] {
  if (connector === 'slirp4netns')
    return [
      'slirp4netns',
      '--configure',
      '--disable-host-loopback',
      '--mtu=65520',
      String(pid),
      OUTER_DEVICE,
    ];
  return [
    ...['pasta', '--foreground', '--quiet', '--config-net', '--no-map-gw', '--ns-ifname', OUTER_DEVICE],
    // No port of this machine leads inside, and no port inside leads to the loopback of this machine.
    ...['--tcp-ports', 'none', '--udp-ports', 'none', '--tcp-ns', 'none', '--udp-ns', 'none'],
    ...(hidden.ipv4 ? ['--address', '192.0.0.10', '--netmask', '29', '--gateway', '192.0.0.9'] : []),
    ...(hidden.ipv6 ? ['--address', 'fd66:756e:6e65:6d::2', '--gateway', 'fd66:756e:6e65:6d::1'] : []),
    String(pid),
  ];
}

/** The folders of administrators' programs, which users seldom have on their path. */
function isOnPath(program: string): boolean {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false; // it does not exist, or is not executable
    }
  });
}
