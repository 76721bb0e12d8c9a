import type { PieceContext } from '../../piece/piece.ts';
import type { FunnelIo } from '../addon.ts';

/**
 * What an endpoint of streams without addresses has outside: a UNIX socket, a pipe, a terminal, a program. It
 * opens and watches that; {@link LocalStreamPiece} carries the bytes.
 */
export interface LocalSource {
  /** Opens what is there from the beginning. @throws EndpointError, with nothing left open but what `close` closes */
  start(host: LocalHost): void;
  /** Whether the puzzle takes streams now. */
  setWanted(isWanted: boolean): void;
  /** A neighbour opens a stream. @returns its channels, or why not: a reason of the description */
  open(): LocalStream | string;
  /** A channel of the source itself has events. */
  ready(channel: number): void;
  /** A stream of this source has ended. Its channels are closed, but for a lent one of a line that did not break. */
  closed(isBroken: boolean): void;
  /** Channels that are open and carry no stream. */
  readonly channels: Iterable<number>;
  /** From now on another piece, to which the streams went, is the host. */
  move(host: LocalHost): void;
  /** Takes over what a source of the same identity has open. Without this method, that source itself moves. */
  takeOver?(from: LocalSource, host: LocalHost): void;
  /** Idempotent. */
  close(): void;
}

export interface LocalStream {
  /** -1 for a stream that is only written. */
  readonly channel: number;
  /** -1 for one that is only read; absent where both are one. */
  readonly out?: number;
  /** The channel is a line that outlives the stream. */
  readonly isLent?: boolean;
  /** It is not there yet: the source calls `settle`. */
  readonly isPending?: boolean;
  /** The system is still connecting it. */
  readonly isOpening?: boolean;
  /** Called when it has ended: by a reset, or after the ends of both directions. */
  readonly onEnd?: (withReset: boolean) => void;
  /** The peer, as user, group and process. */
  readonly peer?: PeerCredentials;
}

export interface PeerCredentials {
  readonly uid: number;
  readonly gid: number;
  readonly pid: number;
}

export interface LocalHost {
  readonly io: FunnelIo;
  /** In which channels are opened. */
  readonly batch: number;
  readonly context: PieceContext;
  /** How many streams there are. */
  readonly count: number;
  /** A pending stream is there; or it is not, for a reason of the description. */
  settle(channel: number, reason: string): void;
  /** Opens a stream towards the neighbours. Where it cannot, it has closed the channels. */
  begin(stream: LocalStream): void;
}
