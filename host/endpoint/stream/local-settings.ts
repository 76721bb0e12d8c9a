import type { Piece as Description, Setting } from '../../../abi/host/contract.ts';
import { available } from '../available.ts';
import { losses, noLosses, setting } from '../describe-items.ts';
import { type PuzzleNames, readNames } from '../puzzle-names.ts';
import type { SettingReader } from '../setting-reader.ts';
import { bufferSetting, readBuffer } from './stream-buffer.ts';

/** The addresses in the puzzle of streams that have none, and the limits of these. */
export interface LocalSettings extends PuzzleNames {
  readonly patienceMs: number;
  readonly bufferBytes: number;
  readonly halfClose: boolean;
  readonly connections: number;
  readonly keepaliveSeconds: number;
}

/** The side that opens a stream: the endpoint to the neighbours, or a neighbour to the endpoint. */
export type Opening = 'active' | 'passive';

export const namesSettings: readonly Setting[] = [
  setting('from', 'Address from which streams come in the puzzle', 'address'),
  setting('to', 'Address and port to which streams go in the puzzle', 'address'),
  setting('patience', 'Time after which a stream that delays others is reset', 'duration', {
    default: '30s',
  }),
  bufferSetting,
];

export const halfCloseSetting = setting(
  'half-close',
  'Let one direction go on after the other has ended',
  'boolean',
  { default: 'true' },
);

export function openingSetting(standard: Opening): Setting {
  return setting(
    'open',
    'The side that opens the stream: active (this endpoint) or passive (a neighbour)',
    'text',
    {
      default: standard,
    },
  );
}

/** Reads the settings that all these endpoints share. */
export function readLocalSettings(
  reader: SettingReader,
  { connections = 1, halfClose }: { readonly connections?: number; readonly halfClose: boolean },
): LocalSettings {
  return {
    ...readNames(reader),
    patienceMs: reader.duration('patience', 100, 86_400_000),
    bufferBytes: readBuffer(reader),
    halfClose,
    connections,
    keepaliveSeconds: 0,
  };
}

/** Reads the settings of an endpoint with one stream at a time. */
export function readSingleSettings(
  reader: SettingReader,
  { halfClose }: { readonly halfClose: boolean },
): LocalSettings & { readonly opening: Opening } {
  return {
    ...readLocalSettings(reader, { halfClose }),
    opening: reader.choice('open', ['active', 'passive']),
  };
}

/** Returns the description of such an endpoint. */
export function localDescription(
  name: string,
  summary: string,
  settings: readonly Setting[],
  reasons: Readonly<Record<string, string>>,
): Description {
  return {
    name,
    version: '0.1.0',
    summary,
    protocols: [],
    edges: [
      {
        name: 'tcp',
        optional: false,
        repeated: false,
        shapes: [
          {
            stack: 'ip/tcp',
            direction: 'up',
            reach: 'whole-frame',
            properties: ['reliable', 'ordered', 'duplicate-free', 'low-delay'].map((each) => available(each)),
          },
        ],
      },
    ],
    curves: [],
    settings: [...settings],
    reasons: [
      ...losses({
        'not-connected': 'The stream is not open; the reply is a reset.',
        'after-end': 'The bytes are behind the end of their stream, or this direction does not exist.',
        'not-tcp': 'The frame is not TCP over IP, or a fragment of a larger frame.',
        malformed: 'The lengths of the headers are wrong.',
        ...reasons,
        'other-error': 'The system reported another error.',
        reset: 'The peer or the neighbour reset the stream while frames waited for it.',
        'slow-reader': 'The stream was reset after `patience`.',
        closed: 'The endpoint was closed while frames waited.',
      }),
      ...noLosses({ control: 'The frame opened, ended or acknowledged a stream.' }),
    ],
  };
}
