import type { Piece as Description, Property } from '../../../abi/host/contract.ts';
import { Counters } from '../../piece/counters.ts';
import type { Piece, SourceState } from '../../piece/piece.ts';
import type { PieceStatus } from '../../piece/piece-status.ts';
import type { Direction } from '../../stack/direction.ts';
import type { Place } from '../plan/arrangement.ts';
import type { FailurePolicy, PieceMaker, SavedState, SeatFault } from '../plan/piece-maker.ts';
import type { Station } from '../reach/along-curves.ts';
import type { ActivationFlag } from './activation.ts';
import { Intake } from './intake.ts';
import type { Joint } from './joint.ts';

/**
 * The named place of a piece in a running puzzle: its queues, counters, timers and joined Edges. It outlives
 * instances.
 */
export class Seat {
  place: Place;
  readonly kind: 'component' | 'native';
  failure: FailurePolicy;
  identity: string | undefined;
  readonly intake = new Intake();
  readonly counters = new Counters();
  /** The index of the counter `queue-full`, so that a flood needs no search for each frame. */
  readonly queueFull = this.counters.index('queue-full');
  /** Joined Edges, by their number. */
  readonly members: (JoinedEdge | undefined)[] = [];
  piece: Piece | undefined;
  activation: ActivationFlag = { isActive: false };
  /** The instance came with a change whose commit has not ended yet. */
  isNew = false;
  /** The Edges of a replaced instance, by Edge and network, until its successor has joined. */
  formerEdges: ReadonlyMap<string, JoinedEdge> | undefined;
  /** The number of the piece in the lane's call monitor. */
  readonly slot: number;
  #fault: SeatFault | undefined;
  /**
   * When the lane notifies of a changed status, the earliest time for it, and the status of the last time.
   */
  statusAt = Infinity;
  statusNotBefore = 0;
  notifiedStatus: PieceStatus | undefined;
  /** When the piece wants to be called, in milliseconds of the lane's clock; Infinity for never. */
  wakeAt = Infinity;
  /** The seat is in the lane's queue. */
  isQueued = false;
  /** With the policy `restart`: when the piece restarts, and the delay of the restart after that. */
  restartAt = Infinity;
  restartDelayMs = FIRST_RESTART_MS;
  startedAt = 0;
  /**
   * The interval between two saves, the time of the next save, and the last saved state that no instance has
   * got yet.
   */
  saveEveryMs: number;
  saveAt = Infinity;
  saved: SavedState | undefined;
  /** Numbers of faults and restarts, and of frames that went around the piece. */
  faults = 0;
  restarts = 0;
  bypassed = 0;
  /** How many identifiers were numbered because the piece listens on them; its instances share the limit. */
  identifiers = 0;

  constructor({ place, kind, failure, identity, saveEveryMs = Infinity }: PieceMaker, slot: number) {
    this.slot = slot;
    this.place = place;
    this.kind = kind;
    this.failure = failure;
    this.identity = identity;
    this.saveEveryMs = saveEveryMs;
  }

  get name(): string {
    return this.place.name;
  }

  /** The reason why the piece is not running; undefined while it is. */
  get fault(): SeatFault | undefined {
    return this.#fault;
  }

  /** The last report of the piece; undefined while it has failed. */
  get status(): PieceStatus | undefined {
    return this.#fault === undefined ? this.activation.status : undefined;
  }

  /** How what the piece reads stands; undefined where it reads nothing that ends. */
  get source(): SourceState | undefined {
    const { source } = this.activation;
    return source === 'open' && this.#fault !== undefined ? 'failed' : source;
  }

  /** The instance may not be called from now on. */
  markFailed({ code, message }: SeatFault): void {
    this.activation.status = undefined;
    this.#fault = { code, message };
  }

  markRunning(): void {
    this.#fault = undefined;
  }

  /** The joined Edges in the order of their numbers. */
  get edges(): JoinedEdge[] {
    return this.members.filter((member) => member !== undefined);
  }

  /** Puts a new instance in the seat, without any joined Edges. */
  install(piece: Piece, activation: ActivationFlag, fault: SeatFault | undefined, now: number): void {
    this.members.length = 0;
    this.piece = piece;
    this.isNew = true;
    this.activation = activation;
    this.#fault = fault;
    this.saved = undefined;
    this.startedAt = now;
    this.restartAt = Infinity;
    this.statusAt = now;
  }

  /** Takes over what the configuration says about the piece. */
  occupy({ place, failure, identity, saveEveryMs = Infinity }: PieceMaker): void {
    this.place = place;
    this.failure = failure;
    this.identity = identity;
    this.saveEveryMs = saveEveryMs;
    this.saveAt = Infinity;
  }
}

/** One Edge of a running piece, on its Joint. */
export class JoinedEdge implements Station {
  readonly seat: Seat;
  readonly edge: number;
  readonly described: number;
  readonly joint: Joint<JoinedEdge>;
  /** Described Shapes that are joined. */
  shapes: readonly number[] = [];
  /** The properties that were settled for each of them. */
  settled: ReadonlyMap<number, readonly Property[]> = new Map();
  /** Tags of the joined Shapes at the Joint, by Shape number. */
  readonly tags = new Map<number, number>();
  /** Directions of the Shapes, by number; Shapes from `listen` included. */
  readonly directions: (Direction | undefined)[];
  /** Shapes from `listen`, by Shape number, with the number of ports that each stands for. */
  readonly listens = new Map<number, { stack: string; tag: number; like: number; ways: number }>();
  /** While frames go around the piece: the detour of each Shape, by number. */
  readonly detours: (Detour | undefined)[] = [];
  /**
   * The stacks for which the piece was called by `listening`, and how many Shapes of other pieces listen on
   * each. 0 means that the closing call is still to come; see `ListenPropagation`.
   */
  notified: Map<string, number> = new Map();
  /** Stacks for which the piece was already called while the change was prepared that joins this Edge. */
  readonly notifiedEarly = new Set<string>();
  /**
   * The properties of the last call of `join`, as text, by Shape: the same properties are not reported twice.
   */
  readonly lastReported = new Map<number, string>();
  /** The offers of the piece here. */
  readonly offers: Property[] = [];
  /** Offers of the replaced instance that the new one has not made yet; dropped after its first call. */
  readonly inherited = new Set<Property>();
  /** Frames in, bytes in, frames out, bytes out, frames refused; `in` is toward the piece. */
  readonly traffic = new Float64Array(5);
  /** The Edge had no room for a frame, and has none yet. */
  isFull = false;
  /** The piece was notified that an Edge which takes its frames has no room. */
  isBlocked = false;
  /** Cache of `Joint.soleReceiver` for one direction; valid while the version of the Joint is unchanged. */
  soleReceiver: JoinedEdge | undefined;
  soleReceiverVersion = -1;
  soleReceiverDirection: Direction | undefined;

  /** @param description of the piece that will be in the seat */
  constructor(seat: Seat, edge: number, described: number, joint: Joint<JoinedEdge>, { edges }: Description) {
    this.seat = seat;
    this.edge = edge;
    this.described = described;
    this.joint = joint;
    this.directions = edges[described]!.shapes.map((shape) => shape.direction);
  }

  get name(): string {
    return this.description.edges[this.described]!.name;
  }

  get piece(): Seat {
    return this.seat;
  }

  get description(): Description {
    return this.seat.place.description;
  }

  get network(): string {
    return this.joint.name;
  }

  /**
   * Takes over the counters of the Edge of a replaced instance, and its offers until {@link dropInherited}.
   */
  inherit(former: JoinedEdge): void {
    this.traffic.set(former.traffic);
    for (const offer of former.offers) {
      this.offers.push(offer);
      this.inherited.add(offer);
    }
  }

  /**
   * Withdraws the inherited offers that the new instance did not make in its first call. Returns whether
   * there were any.
   */
  dropInherited(): boolean {
    if (this.inherited.size === 0) return false;
    const left = this.offers.filter((offer) => !this.inherited.has(offer));
    this.offers.splice(0, this.offers.length, ...left);
    this.inherited.clear();
    return true;
  }
}

/** The Edge by which frames that go around a piece leave it, and their direction. */
export interface Detour {
  readonly member: JoinedEdge;
  readonly direction: Direction;
}

/** The delay before the first restart; it doubles with each fault, up to half a minute. */
export const FIRST_RESTART_MS = 1000;
export const MAX_RESTART_MS = 30_000;
/** After a minute without a fault, the next fault counts as the first. */
export const CALM_MS = 60_000;

// Indices of `JoinedEdge.traffic`.
export const FRAMES_IN = 0;
export const BYTES_IN = 1;
export const FRAMES_OUT = 2;
export const BYTES_OUT = 3;
export const FRAMES_REFUSED = 4;
