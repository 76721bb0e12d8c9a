import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { EndpointError } from '../endpoint-error.ts';

/**
 * The ways to connect a namespace to the network of its user: two programs that need no privileges, and
 * forwarding and masquerading by the system itself, which root may do.
 */
export const CONNECTORS = ['pasta', 'slirp4netns', 'masquerade'] as const;
export type Connector = (typeof CONNECTORS)[number];

/** The device in the namespace that a connector makes. */
export const OUTER_DEVICE = 'up0';

/**
 * The connector to use.
 *
 * @param wanted one of them, or `auto`: for root `masquerade` where the system permits it, else the first
 * program that is installed
 * @throws EndpointError `FT_UPLINK_ABSENT`
 */
export function findConnector(
  wanted: Connector | 'auto',
  isInstalled: (program: string) => boolean = isOnPath,
  isRoot = process.getuid?.() === 0,
  mayForward = maySet('/proc/sys/net/ipv4/ip_forward'),
): Connector {
  const canMasquerade =
    isRoot && mayForward && ['ip', 'nsenter', 'flock'].every((program) => isInstalled(program));
  const choices = wanted !== 'auto' ? [wanted] : (['masquerade', 'pasta', 'slirp4netns'] as const);
  const found = choices.find((each) => {
    if (each === 'masquerade') return canMasquerade;
    // When root runs pasta, pasta becomes an unprivileged user, which may not enter the namespace.
    return isInstalled(each) && !(isRoot && each === 'pasta');
  });
  if (found !== undefined) return found;
  if (wanted === 'masquerade')
    throw new EndpointError(
      'FT_UPLINK_ABSENT',
      `masquerade is for root, where it may set the sysctl net.ipv4.ip_forward, and needs ip, nsenter and flock (on Debian: apt-get install iproute2 util-linux). ${isRoot ? 'A container may have it read-only; choose slirp4netns there' : 'Choose pasta or slirp4netns'}`,
      { setting: 'via' },
    );
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
  connector: Exclude<Connector, 'masquerade'>,
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

/** Whether a variable of the system can be set; it may be read-only for root, too. */
function maySet(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
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
