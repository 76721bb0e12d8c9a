/*
 * unix: UNIX stream sockets of this machine
 *
 * PURPOSE
 *   Listens on a path or an abstract name and opens a stream for each connection, or connects there for each
 *   stream that a neighbour opens.
 *
 * EDGES AND SHAPES
 *
 *              ┌────────┐
 *     tcp ─────┤  unix  ╞═══ socket
 *              └────────┘
 *
 *   tcp   ip/tcp up; whole frames
 *
 *   Frames and credit are those of the endpoint `tcp`. A UNIX socket has no addresses, so a stream that comes
 *   from outside has those of the settings `from` and `to`, and a separate source port. One that a neighbour
 *   opens keeps any addresses of its frames.
 *
 *   While a stream is open, the Edge offers the property `peer-credentials`:
 *   `port PORT uid UID gid GID pid PID`. The port is that from which the peer's frames come. Linux keeps the
 *   credentials of the instant of `connect`; the process is 0 where it is in another process namespace.
 *
 * SETTINGS
 *   listen        path to listen on, of at most 107 bytes; @NAME for an abstract name
 *   connect       path, or @NAME, to connect to; exactly one of listen and connect is given
 *   mode          permissions of the path, in octal; default 600
 *   uid           number of a user who may connect; may be repeated. Without it, the permissions decide; to
 *                 an abstract name, which has none, only this user and root
 *   connections   most connections at once, 1 to 60000; further ones wait in the kernel; default 10000
 *   from          address from which streams come in the puzzle; without it 192.0.0.8 or 100::, which no host
 *                 has, and for which the endpoint `tcp` lets the system choose
 *   to            address and port to which they go in the puzzle; without it, the port on which a neighbour
 *                 listens, else 4294
 *   patience      time after which a connection is reset that takes nothing while others wait for it; default
 *                 30s
 *   buffer        most bytes of the lane in which frames wait to be written, for all streams together,
 *                 131072 to 1073741824; default 4194304
 *   half-close    let one direction go on after the peer has ended the other; default true
 *
 * URL
 *   unix:/run/funnel.sock listens, unix:@name too; unix:/run/other.sock?connect connects.
 *
 * COUNTERS AND REASONS
 *   No loss:
 *     control          the frame opened, ended or acknowledged a stream
 *   Lost:
 *     not-connected    bytes of a stream that is not open; the reply is a reset
 *     after-end        bytes behind the end of their stream
 *     not-tcp          not TCP over IP, or a fragment of a larger frame
 *     malformed        the lengths of the headers are wrong
 *     not-granted      a user whom `uid` does not name; or this user may not connect
 *     refused          no program listens at the path
 *     unreachable      the path does not exist
 *     too-many         more than `connections`, or the process has no descriptor left
 *     other-error      any other error of the system
 *     reset            the peer or the neighbour reset the stream while frames waited for it
 *     slow-reader      the stream was reset after `patience`
 *     closed           the endpoint was closed while frames waited
 *
 * WHAT IT DOES NOT DO
 *   It passes no descriptors, and reads no credentials from messages (SCM_CREDENTIALS). It removes a path
 *   only if the path is its own, or is a socket without a listener.
 *
 * SPECIFICATION
 *   Linux: unix(7). RFC 7600 §4.8 (192.0.0.8).
 */
import type { Problem } from '../../../abi/host/contract.ts';
import { setting } from '../describe-items.ts';
import { SettingReader } from '../setting-reader.ts';
import { readMode, readPath } from '../unix-path.ts';
import {
  halfCloseSetting,
  type LocalSettings,
  localDescription,
  namesSettings,
  readLocalSettings,
} from './local-settings.ts';

export const UNIX = localDescription(
  'unix',
  'UNIX stream sockets of this machine, as frames that open, carry and end streams.',
  [
    setting('listen', 'Path to listen on, or @NAME for an abstract name', 'text'),
    setting('connect', 'Path to connect to, or @NAME', 'text'),
    setting('mode', 'Permissions of the path, in octal', 'text', { default: '600' }),
    setting('uid', 'Number of a user who may connect', 'number', {
      repeated: true,
      range: [0, 4_294_967_294],
    }),
    setting('connections', 'Most connections at once', 'number', { default: '10000', range: [1, 60_000] }),
    ...namesSettings,
    halfCloseSetting,
  ],
  {
    'not-granted': 'A user whom `uid` does not name, or this user may not connect.',
    refused: 'No program listens at the path.',
    unreachable: 'The path does not exist.',
    'too-many': 'There are as many connections as `connections` allows, or no descriptor is left.',
  },
);

export interface UnixSettings extends LocalSettings {
  /** Empty for none; an abstract name begins with @. */
  readonly listen: string;
  readonly connect: string;
  readonly mode: number;
  readonly uids: readonly number[];
}

/** Reads the settings, and reports all mistakes at once. */
export function readUnixSettings(given: readonly (readonly [string, string])[]): {
  readonly settings: UnixSettings;
  readonly problems: readonly Problem[];
} {
  const reader = new SettingReader(UNIX.settings, given);
  const common = readLocalSettings(reader, {
    connections: reader.number('connections') ?? 1,
    halfClose: reader.boolean('half-close'),
  });
  const settings = {
    ...common,
    listen: readPath(reader, 'listen'),
    connect: readPath(reader, 'connect'),
    mode: readMode(reader),
    uids: reader.numbers('uid'),
  };
  if ((settings.listen === '') === (settings.connect === ''))
    reader.problem('listen', 'give a path to one of listen and connect');
  return { settings, problems: reader.problems };
}
