import { EndpointError, messageOf, systemCode } from '../endpoint-error.ts';

/**
 * Returns why a tun device did not open, with a remedy for the user.
 *
 * @param error the system's error
 * @returns an EndpointError with FT_TUN_PERMISSION, FT_TUN_BUSY, FT_TUN_ABSENT or FT_TUN_DEVICE
 */
export function tunOpenError(
  piece: string,
  device: string,
  error: unknown,
  mode: 'tun' | 'tap' = 'tun',
): EndpointError {
  const where = `piece ${piece}: the ${mode} device ${device}`;
  const options = { cause: error };
  const isNode = error instanceof Error && 'syscall' in error && error.syscall === 'open /dev/net/tun';
  switch (systemCode(error)) {
    case 'EACCES':
      return new EndpointError(
        'FT_TUN_PERMISSION',
        `${where} cannot be made, because this user may not open /dev/net/tun. Run as root, or let root allow it: chmod 666 /dev/net/tun`,
        options,
      );
    case 'EPERM':
      if (isNode)
        return new EndpointError(
          'FT_TUN_PERMISSION',
          `${where} cannot be made, because the device cgroup of this container or service forbids /dev/net/tun. Allow it there: --device /dev/net/tun for a container, DeviceAllow=/dev/net/tun rw for a systemd unit`,
          options,
        );
      return new EndpointError(
        'FT_TUN_PERMISSION',
        `${where} may not be made by this user. Run as root or with CAP_NET_ADMIN, or let root make the device for you, with its address and MTU: ip tuntap add dev ${device.replace('%d', '0')} mode ${mode} user $USER; or run the program that needs it by funnel exec, which needs no right`,
        options,
      );
    case 'EBUSY':
      return new EndpointError(
        'FT_TUN_BUSY',
        `${where} is in use by another process. End that one, or choose another name in the setting device`,
        { ...options, setting: 'device' },
      );
    case 'ENOENT':
      return new EndpointError(
        'FT_TUN_ABSENT',
        `${where} cannot be made, because this system has no /dev/net/tun. In a container, pass the device on to it (--device /dev/net/tun); elsewhere load the kernel module: modprobe tun`,
        options,
      );
    case 'ENODEV':
    case 'ENXIO':
      return new EndpointError(
        'FT_TUN_ABSENT',
        `${where} cannot be made: there is a /dev/net/tun, but the kernel has no driver for it. Load the module: modprobe tun`,
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
