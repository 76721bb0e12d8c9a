/*
 * inherited: stream sockets and pipes that the Funnel was started with
 *
 * PURPOSE
 *   Takes the descriptors of systemd (socket activation) or of inetd, and carries their streams: listening
 *   sockets and connections, of TCP and UNIX, and pipes.
 *
 * EDGES AND SHAPES
 *
 *              ┌─────────────┐
 *     tcp ─────┤  inherited  ╞═══ descriptors
 *              └─────────────┘
 *
 *   tcp   ip/tcp up; whole frames
 *
 *   Frames and credit are those of the endpoint `tcp`, which this endpoint is for streams that come from
 *   outside. A TCP connection keeps its addresses in the puzzle. `from` and `to` name a stream without any.
 *   UNIX peers have the property `peer-credentials` (see `unix`).
 *
 * SETTINGS
 *   by            systemd: descriptors of LISTEN_FDS; or inetd: the standard input; default systemd
 *   name          name in LISTEN_FDNAMES of the descriptors to take; may be repeated; without it, all. Units
 *                 may share a name, and their order is not defined
 *   connections   most connections at once, 1 to 60000; further ones wait in the kernel; default 10000
 *   from          address from which streams come in the puzzle; without it 192.0.0.8 or 100::, which no host
 *                 has, and for which the endpoint `tcp` lets the system choose
 *   to            address and port to which they go in the puzzle, also those of TCP; without it, their own,
 *                 or the port on which a neighbour listens, else 4294
 *   patience      time after which a connection is reset that takes nothing while others wait for it; default
 *                 30s
 *   buffer        most bytes of the lane in which frames wait to be written, for all streams together,
 *                 131072 to 1073741824; default 4194304
 *   half-close    let one direction go on after the peer has ended the other; default true
 *
 *   Under inetd, standard output and error are the connection as well, so `funnel run` prints nothing then:
 *   use --totals and --stats-file. With --until-end it ends with the connection.
 *
 * URL
 *   inherited:?name=web, and inherited:?by=inetd
 *
 * COUNTERS AND REASONS
 *   No loss:
 *     control          the frame opened, ended or acknowledged a stream
 *   Lost:
 *     not-connected    bytes of a stream that is not open; the answer is a reset
 *     after-end        bytes behind the end of their stream, or for a direction that does not exist
 *     not-tcp          not TCP over IP, or a fragment of a larger frame
 *     malformed        the lengths of the headers are wrong
 *     busy             the frame opens a stream, and here they come from outside
 *     too-many         two connections with the same ports and remote address
 *     other-error      any other error of the system
 *     reset            the peer or the neighbour reset the stream while frames waited for it
 *     slow-reader      the stream was reset after `patience`
 *     closed           the endpoint was closed while frames waited
 *
 * WHAT IT DOES NOT DO
 *   It leaves sockets of datagrams and packets to the pieces `udp` and `unix-datagram`; with none but those
 *   it does not start. It sets no option of a socket: they are as the unit makes them. The Funnel keeps a
 *   descriptor open until it ends, so that a later configuration has it.
 *
 * SPECIFICATION
 *   sd_listen_fds(3), systemd.socket(5), inetd(8). RFC 7600 §4.8 (192.0.0.8).
 */
import type { Problem } from '../../../abi/host/contract.ts';
import type { PieceStatus } from '../../piece/piece-status.ts';
import { Acceptor } from '../acceptor.ts';
import { takeDescriptors } from '../activation.ts';
import { setting } from '../describe-items.ts';
import { parseAddress } from '../ip-address.ts';
import { listText } from '../list-text.ts';
import { SettingReader } from '../setting-reader.ts';
import {
  halfCloseSetting,
  type LocalSettings,
  localDescription,
  namesSettings,
  readLocalSettings,
} from './local-settings.ts';
import type { LocalHost, LocalSource, LocalStream } from './local-source.ts';

export const INHERITED = localDescription(
  'inherited',
  'Stream sockets and pipes that the Funnel was started with, by systemd or inetd.',
  [
    setting('by', 'The program that passes descriptors: systemd or inetd', 'text', { default: 'systemd' }),
    setting('name', 'Name of the descriptors to take; all when not given', 'text', { repeated: true }),
    setting('connections', 'Most connections at once', 'number', { default: '10000', range: [1, 60_000] }),
    ...namesSettings,
    halfCloseSetting,
  ],
  {
    busy: 'The frame opens a stream, and here they come from outside.',
    'too-many': 'Two connections have the same ports and remote address.',
  },
);

export interface InheritedSettings extends LocalSettings {
  readonly by: 'systemd' | 'inetd';
  /** Empty for all. */
  readonly names: readonly string[];
}

/** Reads the settings, and reports all mistakes at once. */
export function readInheritedSettings(given: readonly (readonly [string, string])[]): {
  readonly settings: InheritedSettings;
  readonly problems: readonly Problem[];
} {
  const reader = new SettingReader(INHERITED.settings, given);
  const settings = {
    ...readLocalSettings(reader, {
      connections: reader.number('connections') ?? 1,
      halfClose: reader.boolean('half-close'),
    }),
    by: reader.choice('by', ['systemd', 'inetd']),
    names: reader.texts('name'),
  };
  if (settings.by === 'inetd' && settings.names.length > 0)
    reader.problem('name', 'name is for systemd; inetd passes one descriptor, without a name');
  return { settings, problems: reader.problems };
}

export class InheritedSource implements LocalSource {
  readonly #settings: InheritedSettings;
  readonly #listeners = new Set<number>();
  /** Connections and pipes that have not begun. */
  #waiting: LocalStream[] = [];
  #streams = 0;
  #isWanted = false;
  #host: LocalHost | undefined;
  #acceptor: Acceptor | undefined;

  constructor(settings: InheritedSettings) {
    this.#settings = settings;
  }

  get channels(): readonly number[] {
    return [...this.#listeners, ...this.#waiting.map(({ channel }) => channel)];
  }

  start(host: LocalHost): void {
    this.#host = host;
    const { io, batch, context } = host;
    const taken = takeDescriptors(io, context, this.#settings, 'stream sockets and pipes', ({ kind }) =>
      this.#settings.by === 'inetd' ? kind === 'stream' : kind === 'stream' || kind === 'pipe',
    );
    for (const { descriptor, kind, isListening } of taken) {
      const channel = io.adoptStream(batch, descriptor, '');
      if (isListening === 1) this.#listeners.add(channel);
      else this.#waiting.push(kind === 'pipe' ? { channel, out: -1 } : this.#named(channel));
    }
    this.#acceptor = this.#makeAcceptor(host);
    if (this.#listeners.size === 0) host.context.source('open');
  }

  /** A connection with its addresses, or with the credentials of its peer. */
  #named(channel: number): LocalStream {
    const names = this.#host!.io.streamNames(channel);
    const from = unmapped(names.address);
    const to = unmapped(names.localAddress);
    if (from === undefined || to === undefined || from.length !== to.length) return { channel, peer: names };
    return {
      channel,
      names: { from: { address: from, port: names.port }, to: { address: to, port: names.localPort } },
    };
  }

  #makeAcceptor(host: LocalHost): Acceptor {
    return new Acceptor(
      host.io,
      host.context,
      this.#settings,
      () => this.#host!.count,
      () => this.#listeners,
    );
  }

  status(): PieceStatus {
    const { by, names } = this.#settings;
    const facts = {
      by,
      ...(names.length === 0 ? {} : { names: listText(names) }),
      ...(this.#listeners.size === 0 ? {} : { listeners: String(this.#listeners.size) }),
      connections: String(this.#host?.count ?? 0),
    };
    if (this.#listeners.size > 0) return { health: 'good', summary: 'listens', facts };
    if (this.#streams > 0) return { health: 'good', summary: 'the stream is open', facts };
    if (this.#waiting.length > 0) return { health: 'pending', summary: 'waits for a network', facts };
    return { health: 'good', summary: 'all streams have ended', facts };
  }

  setWanted(isWanted: boolean): void {
    this.#isWanted = isWanted;
    this.#acceptor?.setJoined(isWanted);
    if (!isWanted) return;
    for (const stream of this.#waiting.splice(0)) this.#begin(stream);
  }

  #begin(stream: LocalStream): void {
    this.#streams++;
    this.#host!.begin(stream);
  }

  ready(listener: number): void {
    if (!this.#isWanted) return;
    this.#acceptor?.accept(listener, (channel) => this.#begin(this.#named(channel)));
  }

  open(): string {
    return 'busy';
  }

  closed(): void {
    this.#streams--;
    this.#acceptor?.closed();
    if (this.#streams > 0 || this.#listeners.size > 0) return;
    this.#host?.context.source('ended');
  }

  move(host: LocalHost): void {
    this.#host = host;
    this.#acceptor?.end();
    this.#acceptor = this.#makeAcceptor(host);
  }

  close(): void {
    this.#acceptor?.end();
    for (const channel of this.channels) this.#host?.io.close(channel);
    this.#listeners.clear();
    this.#waiting = [];
    this.#host = undefined;
  }
}

/** A socket of both IP versions has the IPv4 addresses of its peers mapped into IPv6. */
function unmapped(text: string): Uint8Array | undefined {
  return parseAddress(text.replace(/^::ffff:(?=\d+\.)/i, ''));
}
