import { FunnelError } from '../stack/funnel-error.ts';

/** What the operating system refused an endpoint, or lacks. It can be told as a Problem of the contract, too. */
export class EndpointError extends FunnelError {
  /** The setting that is to be changed, where it is one. */
  readonly setting?: string;

  constructor(code: EndpointErrorCode, message: string, options: ErrorOptions & { setting?: string } = {}) {
    super(code, message, options);
    if (options.setting !== undefined) this.setting = options.setting;
  }
}

export type EndpointErrorCode =
  /** The native addon is not built, or cannot be loaded. */
  | 'FT_ADDON_ABSENT'
  /** No right to open or configure a tun device. */
  | 'FT_TUN_PERMISSION'
  /** Another process has the device. */
  | 'FT_TUN_BUSY'
  /** This machine has no tun devices. */
  | 'FT_TUN_ABSENT'
  /** The device cannot be opened or configured so. */
  | 'FT_TUN_DEVICE'
  /** The system lets this user have no namespaces. */
  | 'FT_NAMESPACE_FORBIDDEN'
  /** A namespace could not be made for another reason. */
  | 'FT_NAMESPACE'
  /** The process that keeps a namespace was killed. */
  | 'FT_NAMESPACE_ENDED'
  /** A program that an uplink needs is not installed. */
  | 'FT_UPLINK_ABSENT'
  /** An uplink could not be connected. */
  | 'FT_UPLINK'
  | 'FT_UDP_PORT_IN_USE'
  /** No right to this port, device or option. */
  | 'FT_UDP_PERMISSION'
  /** The address or device to bind to is not of this machine. */
  | 'FT_UDP_ADDRESS'
  /** Any other failure to open a socket. */
  | 'FT_UDP_OPEN'
  /** A capture file cannot be opened, read or written. */
  | 'FT_PCAP_FILE'
  /** What a capture file holds is no capture. */
  | 'FT_PCAP_FORMAT';

/** The code of a system's error (`EACCES` …), or the empty string. */
export function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** An error's own words. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
