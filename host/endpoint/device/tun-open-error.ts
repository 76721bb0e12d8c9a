import { EndpointError, messageOf, systemCode } from '../endpoint-error.ts';

/**
 * Why a tun device did not open, and what the user can do about it.
 *
 * @param error the system's error
 * @returns an EndpointError with FT_TUN_PERMISSION, FT_TUN_BUSY, FT_TUN_ABSENT or FT_TUN_DEVICE
 */
export function tunOpenError(piece: string, device: string, error: unknown): EndpointError {
  const where = `piece ${piece}: the tun device ${device}`;
  const options = { cause: error };
  switch (systemCode(error)) {
    case 'EACCES':
      return new EndpointError(
        'FT_TUN_PERMISSION',
        `${where} cannot be made, because this user may not open /dev/net/tun. Run as root, or let root allow it: chmod 666 /dev/net/tun`,
        options,
      );
    case 'EPERM':
      return new EndpointError(
        'FT_TUN_PERMISSION',
        `${where} may not be made by this user. Run as root or with CAP_NET_ADMIN, or let root make the device for you, with its address and MTU: ip tuntap add dev ${device.replace('%d', '0')} mode tun user $USER`,
        options,
      );
    case 'EBUSY':
      return new EndpointError(
        'FT_TUN_BUSY',
        `${where} is in use by another process. End that one, or choose another name in the setting device`,
        { ...options, setting: 'device' },
      );
    case 'ENOENT':
    case 'ENODEV':
    case 'ENXIO':
      return new EndpointError(
        'FT_TUN_ABSENT',
        `${where} cannot be made, because this system has no /dev/net/tun. Load the kernel module (modprobe tun); in a container, pass the device on to it`,
        options,
      );
    case 'EINVAL':
      return new EndpointError(
        'FT_TUN_DEVICE',
        `${where} cannot be made: another kind of interface has this name. Choose another in the setting device`,
        { ...options, setting: 'device' },
      );
    default:
      return new EndpointError('FT_TUN_DEVICE', `${where} cannot be opened: ${messageOf(error)}`, options);
  }
}
