/*
 * tcp: TCP connections of this machine
 *
 * PURPOSE
 *   Listens on each TCP port on which a neighbour listens, and on those of the settings, and connects where a
 *   neighbour opens a stream. The kernel speaks TCP; bytes pass as frames with an IP and a TCP header.
 *
 * EDGES AND SHAPES
 *
 *              ┌───────┐
 *     tcp ─────┤  tcp  ╞═══ sockets
 *              └───────┘
 *
 *   tcp   ip/tcp up; whole frames
 *
 *   The Edge has `reliable`, `ordered` and `duplicate-free`, and not `framed`: bytes have no borders but
 *   those of the stream. Flags open (SYN, with SYN and ACK as the reply), end (FIN) and reset (RST) a stream.
 *   Sequence numbers count bytes from 0. A neighbour that opens or accepts with a window grants credit by
 *   acknowledgement and window, and gets it in the same way.
 *
 *   A stream of a neighbour is bound to the source of its first frame; where that is zero, to a choice of the
 *   system. Behind the source 192.0.0.8 or 100::, which stands for a stream without an address, the port only
 *   identifies the stream, and the system chooses both.
 *
 * SETTINGS
 *   port           port to listen on besides those of neighbours; may be repeated
 *   family         IP versions: both, ipv4 or ipv6; default both
 *   address        address of this machine to bind to; without it, any
 *   device         network device to keep to; without it, any
 *   remote         address and port, such as 192.0.2.1:80, to which every stream of a neighbour connects,
 *                  whatever address its frames have
 *   destinations   prefixes to which it may connect; without any, everywhere; may be repeated
 *   to-loopback    allow connecting to this machine's loopback; default false
 *   own            allow connecting to this machine's own addresses; default false
 *   connections    most connections at once, 1 to 1000000; further ones wait in the kernel; default 10000
 *   keepalive      time without bytes after which the kernel looks whether the peer still lives; default 60s
 *   patience       time after which a connection is reset that takes nothing while others wait for it;
 *                  default 30s
 *   buffer         most bytes of the lane in which frames wait to be written, for all streams together,
 *                  131072 to 1073741824; default 4194304
 *   half-close     let one direction go on after the peer has ended the other; default true
 *
 * URL
 *   tcp://127.0.0.1:8080 listens, tcp://192.0.2.1:80?connect connects, tcp: is for the ports of neighbours
 *
 * COUNTERS AND REASONS
 *   No loss:
 *     control          the frame opened, ended or acknowledged a stream
 *   Lost:
 *     not-connected    bytes of a stream that is not open; the reply is a reset
 *     after-end        bytes behind the end of their stream
 *     not-granted      the settings do not allow the destination
 *     no-destination   the destination address or port is zero
 *     not-tcp          not TCP over IP, or a fragment of a larger frame
 *     malformed        the lengths of the headers are wrong
 *     refused          the peer refused the connection
 *     unreachable      the system has no path to the destination
 *     timed-out        the peer did not reply
 *     bad-source       the source address is not of this machine, or its port is in use
 *     too-many         more than `connections`, or the process has no descriptor left
 *     other-error      any other error of the system
 *     reset            the peer or the neighbour reset the stream while frames waited for it
 *     slow-reader      the stream was reset after `patience`
 *     closed           the endpoint was closed while frames waited
 *
 * WHAT IT DOES NOT DO
 *   Urgent data, TCP options, TLS. A frame that finds no room in its stream (64 KiB beyond the kernel's
 *   buffer) waits, and so do those behind it. This never happens to neighbours that obey credit. Two
 *   connections with the same ports and remote address, to different addresses of this machine, are one too
 *   many.
 *
 * SPECIFICATION
 *   RFC 9293 §3.1 (header), §3.8.6 (window); Linux: tcp(7).
 */
import type { Piece as Description, Setting } from '../../../abi/host/contract.ts';
import { available } from '../available.ts';
import { losses, noLosses, setting } from '../describe-items.ts';
import { bufferSetting } from './stream-buffer.ts';

/** Returns the description of the native piece `tcp` with these IP versions. */
export function tcpDescription(families: readonly (4 | 6)[]): Description {
  return {
    ...TCP,
    edges: [
      {
        name: 'tcp',
        optional: false,
        repeated: false,
        shapes: [
          {
            stack: families.length === 2 ? 'ip/tcp' : families[0] === 4 ? 'ipv4/tcp' : 'ipv6/tcp',
            direction: 'up',
            reach: 'whole-frame',
            properties: ['reliable', 'ordered', 'duplicate-free', 'low-delay'].map((name) => available(name)),
          },
        ],
      },
    ],
  };
}

const TCP: Description = {
  name: 'tcp',
  version: '0.1.0',
  summary: 'TCP connections of this machine, as frames that open, carry and end streams.',
  protocols: [],
  edges: [],
  curves: [],
  settings: [
    setting('port', 'Port to listen on, besides those of neighbours', 'number', {
      repeated: true,
      range: [0, 65_535],
    }),
    setting('family', 'IP versions: both, ipv4 or ipv6', 'text', { default: 'both' }),
    setting('address', 'Address of this machine to bind to; any when not given', 'address'),
    setting('device', 'Network device to keep to; any when not given', 'text'),
    setting('remote', 'Address and port to which every stream of a neighbour connects', 'address'),
    setting('destinations', 'Prefixes to which it may connect; everywhere when not given', 'address', {
      repeated: true,
    }),
    setting('to-loopback', "Allow connecting to this machine's loopback", 'boolean', { default: 'false' }),
    setting('own', "Allow connecting to this machine's own addresses", 'boolean', { default: 'false' }),
    setting('connections', 'Most connections at once', 'number', { default: '10000', range: [1, 1_000_000] }),
    setting('keepalive', 'Time without bytes after which the kernel probes the peer', 'duration', {
      default: '60s',
    }),
    setting('patience', 'Time after which a connection that delays others is reset', 'duration', {
      default: '30s',
    }),
    bufferSetting,
    setting('half-close', 'Let one direction go on after the peer has ended the other', 'boolean', {
      default: 'true',
    }),
  ],
  reasons: [
    ...losses({
      'not-connected': 'The stream is not open; the reply is a reset.',
      'after-end': 'The bytes are behind the end of their stream.',
      'not-granted':
        'The settings of `tcp` do not allow the destination; see `destinations`, `to-loopback`, `own` and `family`.',
      'no-destination': 'The destination address or port is zero.',
      'not-tcp': 'The frame is not TCP over IP, or a fragment of a larger frame.',
      malformed: 'The lengths of the headers are wrong.',
      refused: 'The peer refused the connection.',
      unreachable: 'The system has no path to the destination.',
      'timed-out': 'The peer did not reply.',
      'bad-source': 'The source address is not of this machine, or its port is in use.',
      'too-many': 'There are as many connections as `connections` allows, or no descriptor is left.',
      'other-error': 'The system reported another error.',
      reset: 'The peer or the neighbour reset the stream while frames waited for it.',
      'slow-reader': 'The stream was reset after `patience`.',
      closed: 'The endpoint was closed while frames waited.',
    }),
    ...noLosses({ control: 'The frame opened, ended or acknowledged a stream.' }),
  ],
};

export const tcpSettings: readonly Setting[] = TCP.settings;
