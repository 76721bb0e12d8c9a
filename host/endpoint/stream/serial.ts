/*
 * serial: a serial line, as a stream of bytes
 *
 * PURPOSE
 *   Opens a serial line, or any other terminal device, and sets it so that each byte passes unchanged.
 *
 * EDGES AND SHAPES
 *
 *              ┌──────────┐
 *     tcp ─────┤  serial  ╞═══ line
 *              └──────────┘
 *
 *   tcp   ip/tcp up; whole frames
 *
 *   Frames and credit are those of the endpoint `tcp`. There is one stream, which begins when the line is
 *   ready. It ends when the line hangs up or is unplugged, and begins again when the device is back.
 *
 * SETTINGS
 *   device        path of the device, such as /dev/ttyUSB0
 *   speed         bits a second, such as 9600 or 115200; 0 keeps the present speed; default 115200
 *   flow          control the flow by RTS and CTS; default false
 *   open          who opens the stream in the puzzle: active, this endpoint; or passive, a neighbour; default
 *                 active
 *   from          address from which streams come in the puzzle; without it 192.0.0.8 or 100::, which no host
 *                 has, and for which the endpoint `tcp` lets the system choose
 *   to            address and port to which they go in the puzzle; without it, the port on which a neighbour
 *                 listens, else 4294
 *   patience      time after which the stream is reset if the other side takes nothing while frames wait;
 *                 default 30s
 *   buffer        most bytes of the lane in which frames wait to be written, for all streams together,
 *                 131072 to 1073741824; default 4194304
 *
 * URL
 *   serial:/dev/ttyUSB0?speed=9600
 *
 * COUNTERS AND REASONS
 *   No loss:
 *     control          the frame opened, ended or acknowledged a stream
 *   Lost:
 *     not-connected    bytes of a stream that is not open; the reply is a reset
 *     after-end        bytes behind the end of their stream, or for a direction that does not exist
 *     not-tcp          not TCP over IP, or a fragment of a larger frame
 *     malformed        the lengths of the headers are wrong
 *     busy             the frame opens a stream, but there is one, or this endpoint opens it itself
 *     unreachable      the device does not exist
 *     other-error      any other error of the system
 *     reset            the peer or the neighbour reset the stream while frames waited for it
 *     slow-reader      the stream was reset after `patience`
 *     closed           the endpoint was closed while frames waited
 *
 * WHAT IT DOES NOT DO
 *   It dials no modem, and sets eight bits without parity and one stop bit. It does not lock the device
 *   against other programs.
 *
 * SPECIFICATION
 *   Linux: termios(3). RFC 7600 §4.8 (192.0.0.8).
 */
import type { Problem } from '../../../abi/host/contract.ts';
import type { PieceStatus } from '../../piece/piece-status.ts';
import { setting } from '../describe-items.ts';
import { EndpointError, messageOf, systemCode } from '../endpoint-error.ts';
import { SettingReader } from '../setting-reader.ts';
import { socketError } from '../socket-error.ts';
import { LineSource } from './line-source.ts';
import {
  type LocalSettings,
  localDescription,
  namesSettings,
  type Opening,
  openingSetting,
  readSingleSettings,
} from './local-settings.ts';
import type { LocalStream } from './local-source.ts';

export const SERIAL = localDescription(
  'serial',
  'A serial line, as a stream of bytes.',
  [
    setting('device', 'Path of the device', 'text', { required: true }),
    setting('speed', 'Bits a second; 0 keeps the present speed', 'number', {
      default: '115200',
      range: [0, 4_000_000],
    }),
    setting('flow', 'Control the flow by RTS and CTS', 'boolean', { default: 'false' }),
    openingSetting('active'),
    ...namesSettings,
  ],
  {
    busy: 'The frame opens a stream, but there is one, or this endpoint opens it itself.',
    unreachable: 'The device does not exist.',
  },
);

export interface SerialSettings extends LocalSettings {
  readonly device: string;
  readonly speed: number;
  readonly flow: boolean;
  readonly opening: Opening;
}

/** Reads the settings, and reports all mistakes at once. */
export function readSerialSettings(given: readonly (readonly [string, string])[]): {
  readonly settings: SerialSettings;
  readonly problems: readonly Problem[];
} {
  const reader = new SettingReader(SERIAL.settings, given);
  const settings = {
    ...readSingleSettings(reader, { halfClose: false }),
    device: reader.text('device'),
    speed: reader.number('speed') ?? 0,
    flow: reader.boolean('flow'),
  };
  if (settings.device === '') reader.problem('device', 'device is missing; give a path such as /dev/ttyUSB0');
  return { settings, problems: reader.problems };
}

export class SerialSource extends LineSource {
  readonly #settings: SerialSettings;
  #isLost = false;

  constructor(settings: SerialSettings) {
    super(settings.opening);
    this.#settings = settings;
  }

  protected facts(): Readonly<Record<string, string>> {
    const { device, speed } = this.#settings;
    return { device, ...(speed === 0 ? {} : { speed: String(speed) }) };
  }

  protected idleStatus(): PieceStatus {
    const facts = this.facts();
    if (this.#isLost)
      return { health: 'failed', summary: 'the line is gone, and is used when it is back', facts };
    return { health: 'pending', summary: 'the line is open, and carries no stream yet', facts };
  }

  protected prepare(): void {
    const { io, batch, context } = this.host;
    const { device, speed, flow } = this.#settings;
    const where = `piece ${context.name}: the line ${device}`;
    try {
      this.hold(io.adoptStream(batch, io.openSerial(device, speed, flow ? 1 : 0), ''));
    } catch (error) {
      switch (systemCode(error)) {
        case 'ENOENT':
        case 'ENXIO':
        case 'ENODEV':
          throw new EndpointError(
            'FT_SOCKET_ADDRESS',
            `${where} does not exist. Plug it in, or see ls /dev/tty*`,
            {
              cause: error,
              setting: 'device',
            },
          );
        case 'ENOTTY':
          throw new EndpointError('FT_SOCKET_OPEN', `${where} is not a serial line or terminal`, {
            cause: error,
            setting: 'device',
          });
        case 'EINVAL':
          throw new EndpointError('FT_SOCKET_OPEN', `${where} does not have the speed ${speed}`, {
            cause: error,
            setting: 'speed',
          });
        default:
          throw socketError(context.name, `the line ${device}`, error, {
            permission: 'Add this user to the group of the device, on Debian dialout, and log in again',
            setting: 'device',
          });
      }
    }
  }

  protected take(): LocalStream | undefined {
    if (this.line < 0) {
      try {
        this.prepare();
        this.#isLost = false;
        this.host.context.log('info', `the line ${this.#settings.device} is back`);
      } catch (error) {
        if (!this.#isLost) this.host.context.log('warn', messageOf(error));
        this.#isLost = true;
        this.host.changed();
        this.attemptIn(AGAIN_MS);
        return undefined;
      }
    }
    return this.lend();
  }

  protected returned(): void {
    this.attemptIn(AGAIN_MS);
  }
}

/** The delay until the next look for the device, or the next stream. */
const AGAIN_MS = 1000;
