/*
 * unix-datagram: UNIX sockets of datagrams and sequenced packets
 *
 * PURPOSE
 *   Carries the messages of UNIX sockets as UDP datagrams: of all programs that send to a path or an abstract
 *   name, or to the program at a path.
 *
 * EDGES AND SHAPES
 *
 *              ┌─────────────────┐
 *     udp ─────┤  unix-datagram  ╞═══ sockets
 *              └─────────────────┘
 *
 *   udp   ip/udp up; whole frames
 *
 *   With `listen`, each peer has a port of its own: its messages come from there, and a frame to that port is
 *   a reply. A peer is a connection (seqpacket), or the name of a socket (datagram). Programs that send from
 *   a socket without a name take no reply; their credentials distinguish them. With `connect`, each pair of
 *   addresses and ports that neighbours use has a socket of its own.
 *
 *   While a peer is known, the Edge offers the property `peer-credentials`:
 *   `port PORT uid UID gid GID pid PID`, as of its first message, or as of `connect`. The process is 0 where
 *   it is in another process namespace.
 *
 *   A receiver that does not read holds back the frames, as UNIX sockets do, for the time `patience`.
 *
 * SETTINGS
 *   listen        path to receive at, of at most 107 bytes; @NAME for an abstract name
 *   connect       path, or @NAME, to send to
 *   inherit       systemd: the UNIX sockets of LISTEN_FDS; exactly one of listen, connect and inherit is
 *                 given
 *   name          name in LISTEN_FDNAMES of the descriptors to take; may be repeated; without it, all
 *   type          datagram or seqpacket, for listen and connect; default datagram
 *   mode          permissions of the path, in octal; default 600
 *   uid           number of a user whose messages are taken; may be repeated. Without it, the permissions
 *                 decide; at an abstract name, which has none, only this user and root
 *   peers         most peers at once, 1 to 60000; connections beyond wait in the kernel, datagrams are lost;
 *                 default 4096
 *   idle          time without a message after which a peer is forgotten that has no connection, or has ended
 *                 its direction; default 5m
 *   from          address from which messages come in the puzzle; without it 192.0.0.8, which no host has
 *   to            address and port to which they go in the puzzle; without it, the port on which a neighbour
 *                 listens, else 4294
 *   patience      time for which frames wait for a receiver that does not read; then they are lost, at once,
 *                 until it reads again; default 1s
 *
 * URL
 *   unix-datagram:/run/funnel.sock listens; unix-datagram:/dev/log?connect connects;
 *   unix-datagram:?inherit=systemd.
 *
 * COUNTERS AND REASONS
 *   Lost:
 *     not-connected   the frame is to a port without a peer, or to one that takes no reply
 *     not-udp         not UDP right behind IP, or a fragment of a larger frame
 *     malformed       the lengths of the headers are wrong
 *     not-granted     a message of a user whom `uid` does not name; or this user may not send there
 *     too-large       larger than the system takes in one message, or than a datagram of UDP
 *     too-many        of a new peer while there are as many as `peers` allows, or no descriptor is left
 *     refused         no program receives at the path any more
 *     unreachable     the path does not exist
 *     slow-reader     the receiver did not read for the time `patience`
 *     no-room         the lane had no free row for a message that arrived
 *     other-error     any other error of the system
 *     closed          the sockets are closed, or the Edge is on no network
 *
 * WHAT IT DOES NOT DO
 *   It passes no descriptors: those that come with a message are closed. The end of a connection is not a
 *   frame: the credentials are withdrawn.
 *
 * SPECIFICATION
 *   Linux: unix(7). sd_listen_fds(3). RFC 768. RFC 7600 §4.8 (192.0.0.8).
 */
import type { Piece as Description, Problem } from '../../../abi/host/contract.ts';
import type { Activator } from '../activation.ts';
import { available } from '../available.ts';
import { losses, setting } from '../describe-items.ts';
import { type PuzzleNames, readNames } from '../puzzle-names.ts';
import { SettingReader } from '../setting-reader.ts';
import { readMode, readPath, UNIX_DATAGRAM, UNIX_SEQPACKET } from '../unix-path.ts';

export const UNIX_DATAGRAMS: Description = {
  name: 'unix-datagram',
  version: '0.1.0',
  summary: 'UNIX sockets of datagrams and sequenced packets, as UDP datagrams.',
  protocols: [],
  edges: [
    {
      name: 'udp',
      optional: false,
      repeated: false,
      shapes: [
        {
          stack: 'ip/udp',
          direction: 'up',
          reach: 'whole-frame',
          properties: [
            ...['framed', 'ordered', 'duplicate-free', 'low-delay'].map((each) => available(each)),
            available('size', { tag: 'at-most', val: 65_535n }),
          ],
        },
      ],
    },
  ],
  curves: [],
  settings: [
    setting('listen', 'Path to receive at, or @NAME for an abstract name', 'text'),
    setting('connect', 'Path to send to, or @NAME', 'text'),
    setting('inherit', 'Take the UNIX sockets that systemd passes: systemd', 'text'),
    setting('name', 'Name of the inherited descriptors to take; all when not given', 'text', {
      repeated: true,
    }),
    setting('type', 'The kind of socket: datagram or seqpacket', 'text', { default: 'datagram' }),
    setting('mode', 'Permissions of the path, in octal', 'text', { default: '600' }),
    setting('uid', 'Number of a user whose messages are taken', 'number', {
      repeated: true,
      range: [0, 4_294_967_294],
    }),
    setting('peers', 'Most peers at once', 'number', { default: '4096', range: [1, 60_000] }),
    setting('idle', 'Time after which a silent peer without a connection is forgotten', 'duration', {
      default: '5m',
    }),
    setting('from', 'Address from which messages come in the puzzle', 'address'),
    setting('to', 'Address and port to which messages go in the puzzle', 'address'),
    setting('patience', 'Time for which frames wait for a receiver that does not read', 'duration', {
      default: '1s',
    }),
  ],
  reasons: losses({
    'not-connected': 'The frame is to a port without a peer, or to one that takes no reply.',
    'not-udp': 'The packet has no UDP header right behind IP, or is a fragment of a larger frame.',
    malformed: 'The lengths of the headers are wrong.',
    'not-granted': 'A message of a user whom `uid` does not name, or this user may not send there.',
    'too-large': 'The message is larger than the system takes, or than a datagram of UDP.',
    'too-many': 'There are as many peers as `peers` allows, or no descriptor is left.',
    refused: 'No program receives at the path any more.',
    unreachable: 'The path does not exist.',
    'slow-reader': 'The receiver did not read for the time `patience`.',
    'no-room': 'The lane had no free row for a message that arrived.',
    'other-error': 'The system reported another error.',
    closed: 'The sockets are closed, or the Edge is on no network.',
  }),
};

export interface UnixDatagramSettings extends PuzzleNames {
  /** Empty for none; an abstract name begins with @. */
  readonly listen: string;
  readonly connect: string;
  readonly inherit: { readonly by: Activator; readonly names: readonly string[] } | undefined;
  readonly kind: typeof UNIX_DATAGRAM | typeof UNIX_SEQPACKET;
  readonly mode: number;
  readonly uids: readonly number[];
  readonly peers: number;
  readonly idleMs: number;
  readonly patienceMs: number;
}

/** Reads the settings, and reports all mistakes at once. */
export function readUnixDatagramSettings(given: readonly (readonly [string, string])[]): {
  readonly settings: UnixDatagramSettings;
  readonly problems: readonly Problem[];
} {
  const reader = new SettingReader(UNIX_DATAGRAMS.settings, given);
  const names = reader.texts('name');
  const isInherited = reader.has('inherit');
  if (isInherited) reader.choice('inherit', ['systemd']);
  else if (names.length > 0) reader.problem('name', 'name is for inherit; set inherit: systemd too');
  const settings: UnixDatagramSettings = {
    ...readNames(reader),
    listen: readPath(reader, 'listen'),
    connect: readPath(reader, 'connect'),
    inherit: isInherited ? { by: 'systemd', names } : undefined,
    kind: reader.choice('type', ['datagram', 'seqpacket']) === 'datagram' ? UNIX_DATAGRAM : UNIX_SEQPACKET,
    mode: readMode(reader),
    uids: reader.numbers('uid'),
    peers: reader.number('peers') ?? 1,
    idleMs: reader.duration('idle', 1000, 86_400_000),
    patienceMs: reader.duration('patience', 0, 86_400_000),
  };
  if ([settings.listen !== '', settings.connect !== '', isInherited].filter(Boolean).length !== 1)
    reader.problem('listen', 'give a path to one of listen and connect, or set inherit');
  return { settings, problems: reader.problems };
}
