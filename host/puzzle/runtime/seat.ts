import type { Piece as Description, Property } from '../../../abi/host/contract.ts';
import { Counters } from '../../piece/counters.ts';
import type { Piece } from '../../piece/piece.ts';
import type { Direction } from '../../stack/direction.ts';
import type { Place } from '../plan/arrangement.ts';
import type { FailurePolicy, PieceMaker, SavedState, SeatFault } from '../plan/piece-maker.ts';
import type { Station } from '../reach/along-curves.ts';
import type { ActivationFlag } from './activation.ts';
import { Intake } from './intake.ts';
import type { Joint } from './joint.ts';

/** A named piece in a running puzzle: what waits for it, what was counted, when it wants to be woken. It outlives instances. */
export class Seat {
  place: Place;
  readonly kind: 'component' | 'native';
  failure: FailurePolicy;
  identity: string | undefined;
  readonly intake = new Intake();
  readonly counters = new Counters();
  /** The index of the counter of frames that found no room: a flood is not to cost a search each. */
  readonly queueFull = this.counters.index('queue-full');
  /** Joined Edges, by number. */
  readonly members: (JoinedEdge | undefined)[] = [];
  piece: Piece | undefined;
  activation: ActivationFlag = { isActive: false };
  /** It came with a change whose commit has not ended yet. */
  isNew = false;
  /** The Edges of an instance that was replaced, by Edge and network, until its successor has joined. */
  formerEdges: ReadonlyMap<string, JoinedEdge> | undefined;
  /** Its number in the lane's pulse. */
  readonly slot: number;
  #fault: SeatFault | undefined;
  /** Milliseconds of the lane's clock; Infinity for never. */
  wakeAt = Infinity;
  /** It stands in the lane's queue. */
  isQueued = false;
  /** With the policy `restart`: when it comes again, and how long it waits the next time. */
  restartAt = Infinity;
  restartDelayMs = FIRST_RESTART_MS;
  startedAt = 0;
  /** How often its state is saved while it is called, when next, and what was saved last and not given back yet. */
  saveEveryMs: number;
  saveAt = Infinity;
  saved: SavedState | undefined;
  /** How often it failed, how often it came again, and frames that took the way around it. */
  faults = 0;
  restarts = 0;
  bypassed = 0;
  /** Identifiers that were numbered for what it listens on; its instances share them. */
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

  /** Why the piece is not running; undefined while it is. */
  get fault(): SeatFault | undefined {
    return this.#fault;
  }

  /** The instance may not be called from now on. */
  markFailed({ code, message }: SeatFault): void {
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
  /** What was settled for each of them with all that it meets. */
  settled: ReadonlyMap<number, readonly Property[]> = new Map();
  /** The tags by which the Joint knows them, by Shape number. */
  readonly tags = new Map<number, number>();
  /** The directions of its Shapes, by number; those that came by `listen` included. */
  readonly directions: (Direction | undefined)[];
  /** Stacks of Shapes that came by `listen`, by Shape number. */
  readonly listens = new Map<number, { stack: string; tag: number; like: number }>();
  /** While the piece is avoided: where frames of its Shapes go instead, by number. */
  readonly detours: (Detour | undefined)[] = [];
  /** What others take that the piece was told of here (`listening`), and how many Shapes want it: 0 until it is told that it is over; see `ListenPropagation`. */
  notified: Map<string, number> = new Map();
  /** Of these, what was told while the change was prepared in which this Edge was joined. */
  readonly notifiedEarly = new Set<string>();
  /** What the piece was told last on joining, by Shape: nothing is told twice. */
  readonly lastReported = new Map<number, string>();
  /** What the piece offers here. */
  readonly offers: Property[] = [];
  /** Those that an instance offered that was replaced, and that the new one has not offered yet: until it was called once. */
  readonly inherited = new Set<Property>();
  /** Frames in, bytes in, frames out, bytes out, frames that found no room; in is to the piece. */
  readonly traffic = new Float64Array(5);
  /** It had no room for a frame, and its neighbours were told; until there is some again. */
  isFull = false;
  /** The piece was told that an Edge which takes its frames has no room. */
  isBlocked = false;
  /** The only Edge that takes its frames of one direction, as of a version of the Joint; see `Joint.soleReceiver`. */
  soleReceiver: JoinedEdge | undefined;
  soleReceiverVersion = -1;
  soleReceiverDirection: Direction | undefined;

  /** @param description of the piece that will sit there */
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

  /** Goes on with the counters of an Edge whose instance was replaced, and for a moment with what it offered. */
  inherit(former: JoinedEdge): void {
    this.traffic.set(former.traffic);
    for (const offer of former.offers) {
      this.offers.push(offer);
      this.inherited.add(offer);
    }
  }

  /** What the new instance did not offer in its first call it does not offer. Answers whether there was such. */
  dropInherited(): boolean {
    if (this.inherited.size === 0) return false;
    const left = this.offers.filter((offer) => !this.inherited.has(offer));
    this.offers.splice(0, this.offers.length, ...left);
    this.inherited.clear();
    return true;
  }
}

/** The Edge on which frames leave a piece that they go around, and in which direction. */
export interface Detour {
  readonly member: JoinedEdge;
  readonly direction: Direction;
}

/** A piece that faults is back after a second; one that does so again and again, every half minute. */
export const FIRST_RESTART_MS = 1000;
export const MAX_RESTART_MS = 30_000;
/** After a minute without a fault the next one counts as the first. */
export const CALM_MS = 60_000;

// Indices of `JoinedEdge.traffic`.
export const FRAMES_IN = 0;
export const BYTES_IN = 1;
export const FRAMES_OUT = 2;
export const BYTES_OUT = 3;
export const FRAMES_REFUSED = 4;
