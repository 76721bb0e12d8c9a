/*
 * pcap-reader: replays the frames of a pcapng or pcap file
 *
 * PURPOSE
 *   Sends the frames of a file or pipe, at the pace at which they were recorded or as fast as the lane takes
 *   them. It reads pcapng and pcap in each byte order and resolution, as they are or compressed by gzip.
 *
 * EDGES AND SHAPES
 *
 *               ┌───────────────┐
 *     file ═════╡  pcap-reader  ├───── frames
 *               └───────────────┘
 *
 *   frames   STACK DIRECTION; whole frames
 *
 *   Link types: 0 (BSD loopback), 1 (Ethernet), 9 (PPP), 12, 14 and 101 (raw IP), 50 (PPP in HDLC framing),
 *   51 (PPPoE), 104 (Cisco HDLC), 108 (OpenBSD loopback), 109 (OpenBSD IPsec), 113 (Linux cooked),
 *   166 (PPP of pppd), 204 (PPP with direction), 205 (Cisco HDLC with direction), 228 (IPv4), 229 (IPv6),
 *   248 (SCTP), 276 (Linux cooked 2). Frames of Linux's cooked captures begin with the protocol sll or sll2.
 *   A header that says no more than the version of IP, or the direction, is taken off.
 *
 * SETTINGS
 *   file        file to read, pcapng or pcap, or a pipe with one; required
 *   speed       as-recorded or fast; default as-recorded
 *   stack       stack of the frames; default ip
 *   direction   direction of the Edge: up, down or peer; default down
 *   packets     all, inbound or outbound, where the capture says which way each went; default all
 *   mend        fill in what the captured system left to its network card: checksums of IPv4, TCP, UDP,
 *               SCTP and ICMP, and lengths of 0 of IPv4 and IPv6; default false
 *
 * URL
 *   pcap-reader:/tmp/all.pcapng
 *
 * COUNTERS AND REASONS
 *   No loss:
 *     answered-a-recording   a frame came in, and a recording takes none
 *     other-way              the setting packets leaves the frame out
 *   Lost:
 *     unknown-link           the link type of the recorded frame is not known; the log and the status name it
 *     cut-short              the recording lacks bytes of the frame
 *     not-a-frame            the recorded frame is shorter than its link header, or larger than a row
 *
 * WHAT IT DOES NOT DO
 *   It ends at the first mistake in a file, and reports its place. It reads no name resolution, comments or
 *   decryption secrets. It keeps no pause of more than 60 s. After its lane was ended by force, it does not
 *   replay the rest.
 *   mend leaves alone fragments, packets under way in a source route, UDP without checksum, jumbograms
 *   (RFC 2675), and tunnels other than IP in IP. It cannot distinguish damage on the way from offloading.
 *
 * SPECIFICATION
 *   draft-ietf-opsawg-pcapng, draft-ietf-opsawg-pcap; link types as in draft-ietf-opsawg-pcaplinktype; gzip
 *   RFC 1952.
 */
import type { Piece as Description, Problem, Setting } from '../../../abi/host/contract.ts';
import type { Direction } from '../../stack/direction.ts';
import type { Protocols } from '../../stack/protocols.ts';
import { available } from '../available.ts';
import { losses, noLosses, setting } from '../describe-items.ts';
import { SettingReader } from '../setting-reader.ts';
import { DIRECTIONS, readStack } from './stack-setting.ts';

export interface PcapReaderSettings {
  readonly file: string;
  readonly speed: 'as-recorded' | 'fast';
  readonly stack: string;
  readonly direction: Direction;
  readonly packets: 'all' | 'inbound' | 'outbound';
  readonly mend: boolean;
}

export function readPcapReaderSettings(
  given: readonly (readonly [string, string])[],
  protocols: Protocols,
): { readonly settings: PcapReaderSettings; readonly problems: readonly Problem[] } {
  const reader = new SettingReader(SETTINGS, given);
  if (reader.text('file') === '')
    reader.problem('file', 'file is not given; it says which capture is to be read');
  const settings = {
    file: reader.text('file'),
    speed: reader.choice('speed', ['as-recorded', 'fast']),
    stack: readStack(reader, protocols),
    direction: reader.choice('direction', DIRECTIONS),
    packets: reader.choice('packets', ['all', 'inbound', 'outbound']),
    mend: reader.boolean('mend'),
  };
  return { settings, problems: reader.problems };
}

/** Returns the description of the native piece `pcap-reader` with these settings. */
export function pcapReaderDescription({
  stack,
  direction,
}: Pick<PcapReaderSettings, 'stack' | 'direction'>): Description {
  return {
    name: 'pcap-reader',
    version: '0.1.0',
    summary: 'Replays the frames of a pcapng or pcap file, or of a pipe.',
    protocols: [],
    edges: [
      {
        name: 'frames',
        optional: false,
        repeated: false,
        shapes: [{ stack, direction, reach: 'whole-frame', properties: [available('framed')] }],
      },
    ],
    curves: [],
    settings: SETTINGS,
    reasons: [
      ...noLosses({
        'answered-a-recording': 'A frame came in, and a recording takes none.',
        'other-way': 'The setting packets leaves the frame out.',
      }),
      ...losses({
        'unknown-link': 'The link type of the recorded frame is not known; the log and the status name it.',
        'cut-short': 'The recording lacks bytes of the frame.',
        'not-a-frame': 'The recorded frame is shorter than its link header, or larger than a row.',
      }),
    ],
  };
}

const SETTINGS: readonly Setting[] = [
  setting('file', 'File to read, pcapng or pcap, or a pipe with one', 'text', { required: true }),
  setting('speed', 'as-recorded or fast', 'text', { default: 'as-recorded' }),
  setting('stack', 'Stack of the frames', 'text', { default: 'ip' }),
  setting('direction', 'Direction of the Edge: up, down or peer', 'text', { default: 'down' }),
  setting('packets', 'all, inbound or outbound, where the capture says which way each went', 'text', {
    default: 'all',
  }),
  setting(
    'mend',
    'Fill in checksums and lengths that the captured system left to its network card',
    'boolean',
    {
      default: 'false',
    },
  ),
];
