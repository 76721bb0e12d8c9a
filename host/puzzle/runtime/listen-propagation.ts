import type { Problem } from '../../../abi/host/contract.ts';
import { PieceFault } from '../../piece/piece-fault.ts';
import type { Direction } from '../../stack/direction.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import type { Heard } from '../reach/along-curves.ts';
import type { Receiver } from './joint.ts';
import type { LaneState } from './lane-state.ts';
import type { LogEntry } from './log-entry.ts';
import type { JoinedEdge, Seat } from './seat.ts';

/**
 * Who is told what others listen on: endpoints open their ports by it. All on the Joint that carry the stack, and those that carry it
 * behind the pieces there (see `AlongCurves`). Each is told of a stack once, however many listen on it in however many ways, and
 * that it is over when the last has ended.
 */
export class ListenPropagation {
  readonly #laneState: LaneState;
  readonly #onLog: (entry: LogEntry) => void;
  /** Who was told of each listening Shape. */
  readonly #reached = new Map<Receiver<JoinedEdge>, readonly Heard<JoinedEdge>[]>();

  constructor(laneState: LaneState, onLog: (entry: LogEntry) => void) {
    this.#laneState = laneState;
    this.#onLog = onLog;
  }

  /** Asks all who carry a stack to do so, for a Shape of a piece that is in a call; a problem where one of them cannot. */
  ask(listener: JoinedEdge, direction: Direction, stack: string): readonly Heard<JoinedEdge>[] | Problem {
    const { asking, alongCurves } = this.#laneState;
    const isNested = asking.has(listener.seat);
    asking.add(listener.seat);
    const told: Heard<JoinedEdge>[] = [];
    try {
      for (const heard of alongCurves.hearers(listener, direction, stack)) {
        const problem = this.#tell(heard.station, heard.stack);
        if (problem === undefined) {
          told.push(heard);
          continue;
        }
        for (const undone of told) this.#untell(undone);
        return problem;
      }
    } finally {
      if (!isNested) asking.delete(listener.seat);
    }
    return told;
  }

  /** What was asked for by {@link ask} is for this Shape. */
  note(receiver: Receiver<JoinedEdge>, told: readonly Heard<JoinedEdge>[]): void {
    this.#reached.set(receiver, told);
  }

  /** A Shape takes nothing more. */
  end(receiver: Receiver<JoinedEdge>): void {
    for (const heard of this.#reached.get(receiver) ?? []) this.#untell(heard);
    this.#reached.delete(receiver);
  }

  /**
   * After Edges have joined or left, or a piece has failed or come again: tells everybody what they have not heard yet, and
   * answers what they are to be told is over.
   *
   * @param known who hears, of those for whom it was found before
   */
  renew(known?: KnownListeners): Closing[] {
    const { joints, seats } = this.#laneState;
    const wanted = new Map<JoinedEdge, Map<string, number>>();
    this.#reached.clear();
    for (const { receivers } of joints.values()) {
      for (const receiver of receivers) {
        if (receiver === undefined) continue;
        const { member, direction, stack: listened } = receiver;
        const reached =
          known?.get(member)?.get(`${direction} ${listened}`) ??
          this.#laneState.alongCurves.hearers(member, direction, listened);
        this.#reached.set(receiver, reached);
        for (const { station, stack } of reached) {
          const counts = wanted.get(station) ?? new Map<string, number>();
          if (counts.size === 0) wanted.set(station, counts);
          counts.set(stack, (counts.get(stack) ?? 0) + 1);
        }
      }
    }
    const closing: Closing[] = [];
    const late: Closing[] = [];
    for (const seat of seats) {
      for (const member of seat.edges) {
        const { heard, prepared } = member;
        const now = (seat.fault === undefined && wanted.get(member)) || new Map<string, number>();
        member.heard = now;
        if (seat.fault === undefined) {
          for (const stack of now.keys())
            if (!heard.has(stack) && !prepared.has(stack)) late.push({ member, stack });
          for (const stack of [...heard.keys(), ...prepared]) {
            if (now.has(stack)) continue;
            now.set(stack, 0);
            closing.push({ member, stack });
          }
        }
        prepared.clear();
      }
    }
    // Who faults when it is told makes all this begin anew; what still holds then is told here.
    for (const { member, stack } of late) this.#tellLate(member, stack);
    return closing;
  }

  /** Tells that it is over what nobody has asked for anew meanwhile. */
  close(closing: readonly Closing[]): void {
    for (const { member, stack } of closing) {
      if (member.heard.get(stack) !== 0) continue;
      member.heard.delete(stack);
      this.#call(member, stack, false);
    }
  }

  #tell(member: JoinedEdge, stack: string): Problem | undefined {
    const count = member.heard.get(stack);
    member.heard.set(stack, (count ?? 0) + 1);
    if (count !== undefined || member.seat.fault !== undefined) return undefined;
    if (this.#laneState.asking.has(member.seat)) {
      // It is in a call itself, and hears of it when that has ended; too late to refuse.
      this.#laneState.deferTelling(() => this.#tellLate(member, stack));
      return undefined;
    }
    const problem = this.#call(member, stack, true);
    if (problem !== undefined) member.heard.delete(stack);
    return problem;
  }

  #untell({ station: member, stack }: Heard<JoinedEdge>): void {
    const count = member.heard.get(stack);
    // A piece that has failed since has forgotten it.
    if (count === undefined || count === 0) return;
    member.heard.set(stack, count - 1);
    if (count > 1) return;
    const close = () => this.close([{ member, stack }]);
    if (this.#laneState.asking.has(member.seat)) this.#laneState.deferTelling(close);
    else close();
  }

  /** To who can refuse no more. */
  #tellLate(member: JoinedEdge, stack: string): void {
    if ((member.heard.get(stack) ?? 0) === 0) return;
    const problem = this.#call(member, stack, true);
    if (problem === undefined) return;
    const message = `cannot carry ${stack}, on which others listen: ${problem.message}`;
    this.#onLog({ piece: member.seat.name, level: 'warn', message });
  }

  #call(member: JoinedEdge, stack: string, present: boolean): Problem | undefined {
    const { seat } = member;
    if (seat.fault !== undefined || !isThere(member)) return undefined;
    try {
      return this.#laneState.calling(seat, true, () => seat.piece!.listening(member.edge, stack, present));
    } catch (error) {
      if (error instanceof PieceFault) return this.#fault(seat, error);
      if (error instanceof FunnelError) return { message: error.message };
      throw error;
    }
  }

  /** What becomes of it waits: who asked is in a call. */
  #fault(seat: Seat, error: PieceFault): Problem {
    seat.fault = { code: error.code, message: error.message };
    this.#laneState.deferFault(() => {
      seat.fault = undefined;
      this.#laneState.attempt(seat, () => {
        throw error;
      });
    });
    return { message: `piece ${seat.name} faulted when it was asked to carry it: ${error.message}` };
  }
}

/** Who hears what an Edge listens on, by direction and stack. */
export type KnownListeners = ReadonlyMap<JoinedEdge, ReadonlyMap<string, readonly Heard<JoinedEdge>[]>>;

/** A stack of which somebody is to be told. */
export interface Closing {
  readonly member: JoinedEdge;
  readonly stack: string;
}

function isThere(member: JoinedEdge): boolean {
  return member.seat.members[member.edge] === member;
}
