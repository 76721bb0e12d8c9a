import { EndpointError, messageOf, systemCode } from './endpoint-error.ts';

/**
 * Returns why a socket did not open, with a remedy for the user.
 *
 * @param what the socket, such as `the raw socket of IP protocol 41`
 * @param hints the remedies if the user lacks the right, and if another process has the port or path; the
 * setting at fault
 * @returns an EndpointError FT_SOCKET_PERMISSION, FT_SOCKET_ADDRESS, FT_SOCKET_IN_USE or FT_SOCKET_OPEN
 */
export function socketError(
  piece: string,
  what: string,
  error: unknown,
  hints: { readonly permission?: string; readonly inUse?: string; readonly setting?: string } = {},
): EndpointError {
  const where = `piece ${piece}: ${what}`;
  const options = { cause: error, ...(hints.setting === undefined ? {} : { setting: hints.setting }) };
  switch (systemCode(error)) {
    case 'EACCES':
    case 'EPERM':
      return new EndpointError(
        'FT_SOCKET_PERMISSION',
        `${where} may not be opened by this user (${messageOf(error)}). ${hints.permission ?? 'Run as a user with this right'}`,
        { cause: error },
      );
    case 'EADDRINUSE':
      return new EndpointError(
        'FT_SOCKET_IN_USE',
        `${where} is in use by another process. ${hints.inUse ?? 'End that process, or choose another'}`,
        options,
      );
    case 'ENODEV':
      return new EndpointError(
        'FT_SOCKET_ADDRESS',
        `${where} cannot be opened: this machine has no such device. See "ip link" for its devices`,
        options,
      );
    case 'EADDRNOTAVAIL':
      return new EndpointError(
        'FT_SOCKET_ADDRESS',
        `${where} cannot be opened: this machine has no such address. See "ip address" for its addresses`,
        options,
      );
    default:
      return new EndpointError('FT_SOCKET_OPEN', `${where} cannot be opened: ${messageOf(error)}`, options);
  }
}
