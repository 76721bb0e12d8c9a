import type { PieceContext } from '../../piece/piece.ts';
import type { PieceStatus } from '../../piece/piece-status.ts';
import type { FunnelIo } from '../addon.ts';

/**
 * The outer side of an endpoint of streams without addresses: a UNIX socket, a pipe, a terminal, a program. A
 * source opens and watches it; {@link LocalStreamPiece} carries the bytes.
 */
export interface LocalSource {
  /**
   * Opens everything that exists from the start. @throws EndpointError, after which `close` closes all open
   * descriptors
   */
  start(host: LocalHost): void;
  /** Whether the puzzle takes streams now. */
  setWanted(isWanted: boolean): void;
  /** A neighbour opens a stream. @returns its channels, or the reason for a refusal, from the description */
  open(): LocalStream | string;
  /** A channel of the source itself has events. */
  ready(channel: number): void;
  /**
   * A stream of this source has ended. Its channels are closed, except a lent one of a line that did not
   * break.
   */
  closed(isBroken: boolean): void;
  /** Channels that are open and carry no stream. */
  readonly channels: Iterable<number>;
  /** Makes another piece, which has taken over the streams, the host from now on. */
  move(host: LocalHost): void;
  /**
   * Takes over the open descriptors of a source with the same identity. Without this method, that source
   * itself moves.
   */
  takeOver?(from: LocalSource, host: LocalHost): void;
  /** Whether it has one stream at a time, whose begin and end change its state. */
  readonly isSingle?: boolean;
  /** The state of the source for the user. */
  status(): PieceStatus;
  /**
   * Whether another program took something from it, as the path by which others reach it. A source that moves
   * or takes over restores that.
   */
  readonly deviates?: boolean;
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
  /** Whether it is still pending: the source calls `settle` later. */
  readonly isPending?: boolean;
  /** The system is still connecting it. */
  readonly isOpening?: boolean;
  /** Called when it has ended: by a reset, or after the ends of both directions. */
  readonly onEnd?: (withReset: boolean) => void;
  /** The addresses of a stream that has some, towards the neighbours. */
  readonly names?: { readonly from: StreamEnd; readonly to: StreamEnd };
  /** The peer, as user, group and process. */
  readonly peer?: PeerCredentials;
}

export interface StreamEnd {
  readonly address: Uint8Array;
  readonly port: number;
}

export interface PeerCredentials {
  readonly uid: number;
  readonly gid: number;
  readonly pid: number;
}

export interface LocalHost {
  readonly io: FunnelIo;
  /** The batch in which channels are opened. */
  readonly batch: number;
  readonly context: PieceContext;
  /** The number of streams. */
  readonly count: number;
  /** Settles a pending stream: it is open; or it failed, for a reason of the description. */
  settle(channel: number, reason: string): void;
  /** The status of the source may have changed. */
  changed(): void;
  /** Opens a stream towards the neighbours. If that fails, it closes the channels. */
  begin(stream: LocalStream): void;
}
