/*
 * socks5: applications that speak SOCKS
 *
 * PURPOSE
 *   A SOCKS5 server: the connections and datagrams of applications that use it as their proxy enter the
 *   puzzle as frames. It needs no privilege, no device and no namespace.
 *
 * EDGES AND SHAPES
 *
 *                      ┌──────────┐
 *     applications ════╡  socks5  ├──── tcp
 *                      │          ├──── udp
 *                      └──────────┘
 *
 *   tcp   ip/tcp down; whole frames; required: `reliable`, `ordered`
 *   udp   ip/udp/local:* down; whole frames; optional: `udp: []` is for no datagrams
 *
 *   CONNECT opens a stream of the kind that the endpoint `tcp` has, with credit both ways. The application
 *   gets its reply when a neighbour has accepted the stream or reset it, so beside `tcp` this is a proxy, and
 *   a piece between them sees all streams. UDP ASSOCIATE listens on a port of its own in the puzzle, which a
 *   neighbour such as `udp` opens.
 *
 * SETTINGS
 *   port          TCP port to listen on; 0: the system chooses; default 1080
 *   address       address of this machine to listen on; without it, 127.0.0.1 and ::1; may be repeated
 *   user          NAME:PASSWORD of a client; without any, clients need none; may be repeated
 *   open-to-all   let other machines use it without a password, if `address` can be reached by them; default
 *                 false
 *   names         where names are resolved: host, by this machine's resolver; none, which refuses them; or
 *                 addresses of name servers that are asked through the puzzle; may be repeated; default host
 *   from          source address of the frames, at most one of each IP version; without it, streams come from
 *                 192.0.0.8 or 100::, for which `tcp` lets the system choose, and datagrams from the zero
 *                 address
 *   connections   most clients at once, 1 to 60000; further ones wait in the kernel; default 1000
 *   timeout       time that a client has for its request, and a neighbour for accepting a stream; default 30s
 *   patience      time after which a connection is reset that takes nothing while others wait for it; default
 *                 30s
 *   buffer        most bytes of the lane in which frames wait to be written, for all streams together,
 *                 131072 to 1073741824; default 4194304
 *   half-close    let one direction go on after the other has ended; default true
 *
 * URL
 *   socks5://127.0.0.1:1080, socks5://NAME:PASSWORD@0.0.0.0:1080
 *
 * COUNTERS AND REASONS
 *   No loss:
 *     control             the frame opened, ended or acknowledged a stream, answered a query, or was an
 *                         ICMP error about a datagram to a client
 *     bad-request         a client spoke no SOCKS5, or asked for what cannot be; it was closed
 *     not-authenticated   a client had no right name and password, or offered no method that is accepted
 *     not-supported       a client asked for BIND, or an unknown kind of command or address
 *     not-resolved        a client asked for a name that has no address
 *     not-accepted        the neighbours refused the stream of a client
 *     timed-out           a client sent no request in time, or no neighbour accepted its stream in time
 *   Lost:
 *     not-connected       bytes of a stream that is not open; the reply is a reset
 *     after-end           bytes behind the end of their stream
 *     not-tcp             not TCP over IP, or a fragment of a larger frame
 *     not-udp             not UDP right behind IP, or a fragment of a larger frame
 *     malformed           the lengths of the headers are wrong
 *     busy                a neighbour opens a stream, and here they come from clients
 *     not-open            a datagram to a port that no client has
 *     no-client           a datagram before the first one of its client, so that the client's port is unknown
 *     not-client          a datagram at a client's port that is not of this client
 *     bad-datagram        a client's datagram has no right header, or is a fragment
 *     no-address          a client's datagram to a name that has no address, or while too many wait for one
 *     no-room             the lane had no free row
 *     queue-overrun       the lane did not read in time, and the queue of a socket in the kernel overflowed
 *     too-many            more clients than ports
 *     would-block         the buffer of the socket to the client is full
 *     too-large           larger than the system sends to a client
 *     unreachable         the system has no path to the client
 *     refused             the client closed its port
 *     not-permitted       the system does not permit the datagram to the client
 *     bad-source          the address at which the client connected is gone
 *     device-down         the device towards the client is down
 *     other-error         any other error of the system
 *     reset               the client or the neighbour reset the stream while frames waited for it
 *     slow-reader         the stream was reset after `patience`
 *     closed              the endpoint was closed while frames waited, or its Edge is on no network
 *
 * WHAT IT DOES NOT DO
 *   BIND, GSSAPI, and fragments of datagrams, which RFC 1928 makes optional. It is no client of other SOCKS
 *   servers. The neighbour that connects decides where applications may go: see `destinations`,
 *   `to-loopback` and `own` of `tcp` and `udp`. A change that replaces the piece keeps its streams and
 *   requests, and ends its associations.
 *
 * SPECIFICATION
 *   RFC 1928, RFC 1929; names: RFC 1035 §4, RFC 3596; source addresses: RFC 7600 §4.8, RFC 6666.
 */
import type { Piece as Description, PropertyWish, Setting } from '../../../abi/host/contract.ts';
import { available } from '../available.ts';
import { losses, noLosses, setting } from '../describe-items.ts';
import { bufferSetting } from '../stream/stream-buffer.ts';

const required = (name: string): PropertyWish => ({
  wish: 'required',
  property: { name, value: { tag: 'yes' } },
});

export const SOCKS5: Description = {
  name: 'socks5',
  version: '0.1.0',
  summary: 'Applications that use a SOCKS5 proxy: their connections and datagrams, as frames.',
  protocols: [],
  edges: [
    {
      name: 'tcp',
      optional: false,
      repeated: false,
      shapes: [
        {
          stack: 'ip/tcp',
          direction: 'down',
          reach: 'whole-frame',
          properties: [
            required('reliable'),
            required('ordered'),
            available('duplicate-free'),
            available('low-delay'),
          ],
        },
      ],
    },
    {
      name: 'udp',
      optional: true,
      repeated: false,
      shapes: [
        {
          stack: 'ip/udp/local:*',
          direction: 'down',
          reach: 'whole-frame',
          properties: [available('framed'), available('low-delay')],
        },
      ],
    },
  ],
  curves: [],
  settings: [
    setting('port', 'TCP port to listen on; 0 lets the system choose', 'number', {
      default: '1080',
      range: [0, 65_535],
    }),
    setting('address', 'Address of this machine to listen on; the loopback when not given', 'address', {
      repeated: true,
    }),
    setting('user', 'NAME:PASSWORD of a client; clients need none when not given', 'text', {
      repeated: true,
    }),
    setting('open-to-all', 'Let other machines use it without a password', 'boolean', { default: 'false' }),
    setting(
      'names',
      'Where names are resolved: host, none, or addresses of name servers behind the puzzle',
      'text',
      { repeated: true, default: 'host' },
    ),
    setting('from', 'Source address of the frames, at most one of each IP version', 'address', {
      repeated: true,
    }),
    setting('connections', 'Most clients at once', 'number', { default: '1000', range: [1, 60_000] }),
    setting(
      'timeout',
      'Time for the request of a client, and for its acceptance by a neighbour',
      'duration',
      {
        default: '30s',
      },
    ),
    setting('patience', 'Time after which a connection that delays others is reset', 'duration', {
      default: '30s',
    }),
    bufferSetting,
    setting('half-close', 'Let one direction go on after the other has ended', 'boolean', {
      default: 'true',
    }),
  ],
  reasons: [
    ...losses({
      'not-connected': 'The stream is not open; the reply is a reset.',
      'after-end': 'The bytes are behind the end of their stream.',
      'not-tcp': 'The frame is not TCP over IP, or a fragment of a larger frame.',
      'not-udp': 'The frame is not UDP right behind IP, or a fragment of a larger frame.',
      malformed: 'The lengths of the headers are wrong.',
      busy: 'A neighbour opens a stream, and here they come from clients.',
      'not-open': 'No client has the port to which the datagram goes.',
      'no-client': "The client has sent no datagram yet, so that the client's port is unknown.",
      'not-client': "A datagram at a client's port is not of this client.",
      'bad-datagram': "A client's datagram has no right header, or is a fragment.",
      'no-address': "A client's datagram goes to a name that has no address, or too many wait for theirs.",
      'no-room': 'The lane had no free row.',
      'queue-overrun': 'The lane did not read in time, and the queue of a socket in the kernel overflowed.',
      'too-many': 'There are more clients than ports.',
      'would-block': 'The buffer of the socket to the client is full.',
      'too-large': 'The datagram is larger than the system sends to a client.',
      unreachable: 'The system has no path to the client.',
      refused: 'The client closed its port.',
      'not-permitted': 'The system does not permit the datagram to the client.',
      'bad-source': 'The address at which the client connected is gone.',
      'device-down': 'The device towards the client is down.',
      'other-error': 'The system reported another error.',
      reset: 'The client or the neighbour reset the stream while frames waited for it.',
      'slow-reader': 'The stream was reset after `patience`.',
      closed: 'The endpoint was closed while frames waited, or its Edge is on no network.',
    }),
    ...noLosses({
      control:
        'The frame opened, ended or acknowledged a stream, answered a query, or was an ICMP error about a datagram to a client.',
      'bad-request': 'A client spoke no SOCKS5, or asked for what cannot be; it was closed.',
      'not-authenticated': 'A client had no right name and password, or offered no method that is accepted.',
      'not-supported': 'A client asked for BIND, or an unknown kind of command or address.',
      'not-resolved': 'A client asked for a name that has no address.',
      'not-accepted': 'The neighbours refused the stream of a client.',
      'timed-out': 'A client sent no request in time, or no neighbour accepted its stream in time.',
    }),
  ],
};

export const socks5Settings: readonly Setting[] = SOCKS5.settings;
