import { FunnelError } from '../stack/funnel-error.ts';

/**
 * A refusal of the operating system, or a feature that it lacks. It also serves as a Problem of the contract.
 */
export class EndpointError extends FunnelError {
  /** The setting to change, if a setting is the cause. */
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
  /** The device cannot be opened, or cannot get the wanted configuration. */
  | 'FT_TUN_DEVICE'
  /** The system permits this user no namespaces. */
  | 'FT_NAMESPACE_FORBIDDEN'
  /** A namespace could not be made for another reason. */
  | 'FT_NAMESPACE'
  /** The process that keeps a namespace was killed. */
  | 'FT_NAMESPACE_ENDED'
  /** A Funnel that was opened without library-style sockets has none, or they are used in a wrong way. */
  | 'FT_SOCKETS_USAGE'
  /** The Funnel of library-style sockets is closed. */
  | 'FT_SOCKETS_CLOSED'
  /** A program that an uplink needs is not installed. */
  | 'FT_UPLINK_ABSENT'
  /** An uplink could not be connected. */
  | 'FT_UPLINK'
  /** The process keeps its last descriptors for itself. */
  | 'FT_DESCRIPTORS'
  | 'FT_UDP_PORT_IN_USE'
  /** No right to this port, device or option. */
  | 'FT_UDP_PERMISSION'
  /** This machine does not have the address or device to bind to. */
  | 'FT_UDP_ADDRESS'
  /** Any other failure to open a socket. */
  | 'FT_UDP_OPEN'
  /** No right to a socket of this kind, port, path or device. */
  | 'FT_SOCKET_PERMISSION'
  /** This machine does not have the address, device or path of a socket. */
  | 'FT_SOCKET_ADDRESS'
  /** Another process has the port or path. */
  | 'FT_SOCKET_IN_USE'
  /** Any other failure to open a socket. */
  | 'FT_SOCKET_OPEN'
  /** A capture file cannot be opened, read or written. */
  | 'FT_PCAP_FILE'
  /** The content of a capture file is not a capture. */
  | 'FT_PCAP_FORMAT';

/** The code of a system's error (`EACCES` …), or the empty string. */
export function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** The message of an error. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
