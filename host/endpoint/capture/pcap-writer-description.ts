/*
 * pcap-writer: records frames in a capture file
 *
 * PURPOSE
 *   Writes every frame that comes to it into a file for Wireshark and other readers. While the disk is slower
 *   than the frames come, it takes no more of them: what can pause then pauses.
 *
 * EDGES AND SHAPES
 *
 *                 ┌───────────────┐
 *     frames ─────┤  pcap-writer  ╞═══ file
 *                 └───────────────┘
 *
 *   frames   STACK DIRECTION; whole frames. With direction both there are two Shapes, up and down
 *
 * SETTINGS
 *   file        file to write, or a pipe; its former content is lost when the change is certain; required
 *   format      pcapng, pcap, pcap-ns (with nanoseconds) or by-name; default by-name, which is pcap for a
 *               file whose name ends in .pcap or .cap, and else pcapng
 *   stack       stack of the frames; default ip
 *   direction   direction of the Edge: up, down, peer or both; default up
 *   snaplen     most bytes that are recorded of a frame; default 66240
 *   interface   name of the interface in a pcapng file; default the name of the network
 *   times       original (a frame out of a capture keeps its time) or now; default original
 *
 * URL
 *   pcap-writer:/tmp/all.pcapng
 *
 * COUNTERS AND REASONS
 *   No loss:
 *     recorded       the frame is in the file
 *   Lost:
 *     not-written    the disk refused the frame
 *     unknown-link   the frame begins with no protocol that a capture records
 *     other-link     the frame begins otherwise than those before, and a pcap file has one link type
 *     unfit          the headers cannot be completed, and a pcap file has no comments
 *     too-large      a fragment of a frame that is larger than a row, and a pcap file has no comments
 *     closed         the file is not open
 *
 * WHAT IT DOES NOT DO
 *   It writes no name resolution and no decryption secrets, and does not compress. It does not rotate files.
 *   Times have the resolution of the lane's clock. Only with direction both it knows which way a frame goes:
 *   what comes on the Shape up goes out, what comes on the Shape down comes in.
 *   A pcapng file ends with the statistics of its interfaces, which count all lost frames of the piece. In it
 *   a frame whose headers cannot be completed, or a fragment, is recorded unchanged, with a comment on why.
 *
 * SPECIFICATION
 *   draft-ietf-opsawg-pcapng, draft-ietf-opsawg-pcap; link types as in draft-ietf-opsawg-pcaplinktype.
 */
import type { Piece as Description, Problem, PropertyWish, Setting } from '../../../abi/host/contract.ts';
import { MAX_FRAME_BYTES } from '../../frame/frames.ts';
import type { Direction } from '../../stack/direction.ts';
import type { Protocols } from '../../stack/protocols.ts';
import { available } from '../available.ts';
import { losses, noLosses, setting } from '../describe-items.ts';
import { SettingReader } from '../setting-reader.ts';
import { DIRECTIONS, readStack } from './stack-setting.ts';

export interface PcapWriterSettings {
  readonly file: string;
  readonly format: 'pcapng' | 'pcap' | 'pcap-ns';
  readonly stack: string;
  readonly direction: Direction | 'both';
  readonly snapLength: number;
  /** Empty for the name of the network. */
  readonly interfaceName: string;
  readonly times: 'original' | 'now';
}

export function readPcapWriterSettings(
  given: readonly (readonly [string, string])[],
  protocols: Protocols,
): { readonly settings: PcapWriterSettings; readonly problems: readonly Problem[] } {
  const reader = new SettingReader(SETTINGS, given);
  const file = reader.text('file');
  if (file === '') reader.problem('file', 'file is not given; it says where the capture is to be written');
  const format = reader.choice('format', ['by-name', 'pcapng', 'pcap', 'pcap-ns']);
  const settings = {
    file,
    format: format !== 'by-name' ? format : /\.(pcap|cap)$/i.test(file) ? 'pcap' : 'pcapng',
    stack: readStack(reader, protocols),
    direction: reader.choice('direction', [...DIRECTIONS, 'both']),
    snapLength: reader.number('snaplen') ?? MAX_FRAME_BYTES,
    interfaceName: reader.text('interface'),
    times: reader.choice('times', ['original', 'now']),
  } as const;
  return { settings, problems: reader.problems };
}

/** Returns the description of the native piece `pcap-writer` with these settings. */
export function pcapWriterDescription({
  stack,
  direction,
}: Pick<PcapWriterSettings, 'stack' | 'direction'>): Description {
  return {
    name: 'pcap-writer',
    version: '0.1.0',
    summary: 'Records frames in a capture file.',
    protocols: [],
    edges: [
      {
        name: 'frames',
        optional: false,
        repeated: false,
        shapes: directionsOf(direction).map((each) => ({
          stack,
          direction: each,
          reach: 'whole-frame',
          properties: takenProperties(each),
        })),
      },
    ],
    curves: [],
    settings: SETTINGS,
    reasons: [
      ...noLosses({
        recorded: 'The frame is in the file.',
      }),
      ...losses({
        'not-written': 'The disk refused the frame.',
        'unknown-link': 'The frame begins with no protocol that a capture records.',
        'other-link': 'The frame begins otherwise than those before, and a pcap file has one link type.',
        unfit: 'The headers cannot be completed, and a pcap file has no comments.',
        'too-large': 'The frame is a fragment of a larger one, and a pcap file has no comments.',
        closed: 'The file is not open.',
      }),
    ],
  };
}

/** With both directions, the Shape on which a frame comes says which way it goes: {@link UP} is the first. */
function directionsOf(direction: Direction | 'both'): readonly Direction[] {
  return direction === 'both' ? ['up', 'down'] : [direction];
}

/** The properties of the carrier: frames are recorded as they come, but not all when the disk is slow. */
function takenProperties(direction: Direction): readonly PropertyWish[] {
  const names = direction === 'up' ? ['framed', 'ordered', 'duplicate-free', 'low-delay'] : ['framed'];
  return names.map((name) => available(name));
}

const SETTINGS: readonly Setting[] = [
  setting('file', 'File to write; what it held is lost', 'text', { required: true }),
  setting('format', 'pcapng, pcap, pcap-ns, or by-name: .pcap and .cap are pcap', 'text', {
    default: 'by-name',
  }),
  setting('stack', 'Stack of the frames to record', 'text', { default: 'ip' }),
  setting('direction', 'Direction of the Edge: up, down, peer or both', 'text', { default: 'up' }),
  setting('snaplen', 'Record no more than so many bytes of each frame', 'number', {
    default: String(MAX_FRAME_BYTES),
    range: [1, MAX_FRAME_BYTES],
  }),
  setting('interface', 'Name of the interface in a pcapng file, if not that of the network', 'text', {
    default: '',
  }),
  setting('times', 'original (a frame out of a capture keeps its time) or now', 'text', {
    default: 'original',
  }),
];

/** The Shape of direction up, where there are both. */
export const UP = 0;
