import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { EndpointError } from '../endpoint-error.ts';

/** The programs that connect a namespace to the network of a user who has no right to. In the order of preference. */
export const CONNECTORS = ['pasta', 'slirp4netns'] as const;
export type Connector = (typeof CONNECTORS)[number];

/** The device in the namespace that a connector makes. */
export const OUTER_DEVICE = 'up0';

/**
 * The connector to use.
 *
 * @param wanted one of them, or the first that is installed
 * @throws EndpointError `FT_UPLINK_ABSENT`
 */
export function findConnector(
  wanted: Connector | 'auto',
  isInstalled: (program: string) => boolean = isOnPath,
): Connector {
  const found = (wanted === 'auto' ? CONNECTORS : [wanted]).find((each) => isInstalled(each));
  if (found !== undefined) return found;
  const lacking =
    wanted === 'auto' ? 'neither pasta nor slirp4netns is installed' : `${wanted} is not installed`;
  throw new EndpointError(
    'FT_UPLINK_ABSENT',
    `${lacking}, which connect to the network of a user without privileges. Install one (on Debian: apt-get install ${wanted === 'slirp4netns' ? 'slirp4netns' : 'passt'})`,
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

/** The command that connects the network namespace of a process. It stays in the foreground. */
export function connectorCommand(connector: Connector, pid: number): readonly string[] {
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
    // No port of this machine leads inside, and none from inside to its loopback.
    ...['--tcp-ports', 'none', '--udp-ports', 'none', '--tcp-ns', 'none', '--udp-ns', 'none'],
    String(pid),
  ];
}

/** Where programs of the administrator are that users seldom have on their path. */
function isOnPath(program: string): boolean {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false; // not there, or not to be run
    }
  });
}
