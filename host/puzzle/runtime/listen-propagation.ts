import type { Problem } from '../../../abi/host/contract.ts';
import { PieceFault } from '../../piece/piece-fault.ts';
import type { Direction } from '../../stack/direction.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import type { ListenTarget } from '../reach/along-curves.ts';
import type { DescriptorNeed, DescriptorQuota } from './descriptor-quota.ts';
import type { Receiver } from './joint.ts';
import type { LaneState } from './lane-state.ts';
import type { LogEntry } from './log-entry.ts';
import type { JoinedEdge, Seat } from './seat.ts';

/**
 * Calls `listening` on the pieces that carry a stack on which another piece listens: endpoints open their
 * ports then. These are the pieces on the same Joint that carry the stack, and those behind the pieces there
 * (see `AlongCurves`). However many Shapes listen on a stack, a piece gets one call that opens it, and one
 * that closes it when the last Shape ends.
 */
export class ListenPropagation {
  readonly #laneState: LaneState;
  readonly #onLog: (entry: LogEntry) => void;
  readonly #quota: DescriptorQuota;
  /** The pieces that were called for each listening Shape. */
  readonly #targets = new Map<Receiver<JoinedEdge>, Targets>();

  constructor(laneState: LaneState, quota: DescriptorQuota, onLog: (entry: LogEntry) => void) {
    this.#laneState = laneState;
    this.#quota = quota;
    this.#onLog = onLog;
  }

  /**
   * Asks all pieces that carry a stack to open it, while the listening piece is in a call. Returns the first
   * refusal, and closes again what was opened then.
   */
  request(
    listener: JoinedEdge,
    direction: Direction,
    stack: string,
  ): readonly ListenTarget<JoinedEdge>[] | Problem {
    return this.#laneState.insideListen(listener.seat, () => {
      const opened: ListenTarget<JoinedEdge>[] = [];
      const targets = this.#laneState.alongCurves.listenTargets(listener, direction, stack);
      const refusal = this.#quota.refusal(listener.seat, this.#quota.needsOf(targets));
      if (refusal !== undefined) return { message: refusal };
      let problem: Problem | undefined;
      let isComplete = false;
      try {
        for (const target of targets) {
          problem = this.#open(target.station, target.stack);
          if (problem !== undefined) break;
          opened.push(target);
        }
        isComplete = problem === undefined;
      } finally {
        if (!isComplete) this.#releaseAll(opened);
      }
      return problem ?? opened;
    });
  }

  /** Closes what {@link request} has opened, for a Shape that does not listen after all. */
  cancel(listener: JoinedEdge, opened: readonly ListenTarget<JoinedEdge>[]): void {
    this.#laneState.insideListen(listener.seat, () => this.#releaseAll(opened));
  }

  /** Stores for which Shape the pieces of {@link request} were called. */
  record(receiver: Receiver<JoinedEdge>, opened: readonly ListenTarget<JoinedEdge>[]): void {
    const needs = this.#quota.needsOf(opened);
    this.#targets.set(receiver, { targets: opened, needs });
    this.#quota.charge(receiver.member.seat, needs);
  }

  /** Releases what was opened for a Shape that listens no more. */
  withdraw(receiver: Receiver<JoinedEdge>): void {
    const recorded = this.#targets.get(receiver);
    if (recorded === undefined) return;
    this.#targets.delete(receiver);
    this.#quota.giveBack(receiver.member.seat, recorded.needs);
    this.#releaseAll(recorded.targets);
  }

  /** Releases each of them, also where one throws; then the first error is thrown. */
  #releaseAll(targets: readonly ListenTarget<JoinedEdge>[]): void {
    const errors: unknown[] = [];
    for (const target of targets) {
      try {
        this.#release(target);
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }

  /**
   * Recomputes all targets, after Edges have joined or left or a piece has failed or restarted. Opens what is
   * not open yet.
   *
   * @param knownTargets targets that a change has already found
   * @returns what is to be closed by {@link closeUnused}
   */
  recompute(knownTargets?: KnownTargets): PendingClose[] {
    const { joints, seats } = this.#laneState;
    const wanted = new Map<JoinedEdge, Map<string, number>>();
    this.#targets.clear();
    this.#quota.clear();
    const additions: [Receiver<JoinedEdge>, ListenTarget<JoinedEdge>[]][] = [];
    for (const { receivers } of joints.values()) {
      for (const receiver of receivers) {
        if (receiver === undefined) continue;
        const { member, direction, stack: listened } = receiver;
        const targets =
          knownTargets?.get(member)?.get(`${direction} ${listened}`) ??
          this.#laneState.alongCurves.listenTargets(member, direction, listened);
        const open = targets.filter(isOpen);
        this.record(receiver, open);
        count(wanted, open);
        if (open.length < targets.length)
          additions.push([receiver, targets.filter((target) => !isOpen(target))]);
      }
    }
    // Open ports are charged first. They stay, and new ones may exceed the quota.
    for (const [receiver, targets] of additions) count(wanted, this.#admit(receiver, targets));
    const closing: PendingClose[] = [];
    const late: PendingClose[] = [];
    for (const seat of seats) {
      for (const member of seat.edges) {
        const { notified, notifiedEarly } = member;
        const now = (seat.fault === undefined && wanted.get(member)) || new Map<string, number>();
        member.notified = now;
        if (seat.fault === undefined) {
          for (const stack of now.keys())
            if (!notified.has(stack) && !notifiedEarly.has(stack)) late.push({ member, stack });
          for (const stack of [...notified.keys(), ...notifiedEarly]) {
            if (now.has(stack)) continue;
            now.set(stack, 0);
            closing.push({ member, stack });
          }
        }
        notifiedEarly.clear();
      }
    }
    // A piece that faults in its call starts this anew; the loop goes on with the stacks that are still
    // wanted.
    for (const { member, stack } of late) this.#openLate(member, stack);
    return closing;
  }

  /** Calls `listening` with `present` false for stacks on which no Shape has begun to listen meanwhile. */
  closeUnused(closing: readonly PendingClose[]): void {
    for (const { member, stack } of closing) {
      if (member.notified.get(stack) !== 0) continue;
      member.notified.delete(stack);
      this.#call(member, stack, false);
    }
  }

  /** Adds targets to those of a Shape, except those that would exceed the descriptors of its piece. */
  #admit(receiver: Receiver<JoinedEdge>, more: readonly ListenTarget<JoinedEdge>[]): Targets['targets'] {
    const { seat } = receiver.member;
    const admitted = more.filter((target) => {
      const { station, stack } = target;
      const needs = this.#quota.needsOf([target]);
      const refusal = this.#quota.refusal(seat, needs);
      if (refusal === undefined) {
        this.#quota.charge(seat, needs);
        return true;
      }
      const message = `cannot carry ${stack}, on which another piece listens: ${refusal}`;
      this.#onLog({ piece: station.seat.name, level: 'warn', message });
      return false;
    });
    const { targets, needs } = this.#targets.get(receiver)!;
    this.#targets.set(receiver, {
      targets: [...targets, ...admitted],
      needs: [...needs, ...this.#quota.needsOf(admitted)],
    });
    return admitted;
  }

  #open(member: JoinedEdge, stack: string): Problem | undefined {
    const count = member.notified.get(stack);
    member.notified.set(stack, (count ?? 0) + 1);
    if (count !== undefined || member.seat.fault !== undefined) return undefined;
    if (this.#laneState.seatsInListen.has(member.seat)) {
      // The piece is itself inside a call. It is notified after that call, when it can no longer refuse.
      this.#laneState.deferNotification(() => this.#openLate(member, stack));
      return undefined;
    }
    let isOpen = false;
    try {
      const problem = this.#call(member, stack, true);
      isOpen = problem === undefined;
      return problem;
    } finally {
      if (!isOpen) member.notified.delete(stack);
    }
  }

  #release({ station: member, stack }: ListenTarget<JoinedEdge>): void {
    const count = member.notified.get(stack);
    // A piece that has failed since has nothing open.
    if (count === undefined || count === 0) return;
    member.notified.set(stack, count - 1);
    if (count > 1) return;
    const close = () => this.closeUnused([{ member, stack }]);
    if (this.#laneState.seatsInListen.has(member.seat)) this.#laneState.deferNotification(close);
    else close();
  }

  /** Opens a stack at a piece that can no longer refuse; a refusal is logged. */
  #openLate(member: JoinedEdge, stack: string): void {
    if ((member.notified.get(stack) ?? 0) === 0) return;
    const problem = this.#call(member, stack, true);
    if (problem === undefined) return;
    const message = `cannot carry ${stack}, on which another piece listens: ${problem.message}`;
    this.#onLog({ piece: member.seat.name, level: 'warn', message });
  }

  #call(member: JoinedEdge, stack: string, present: boolean): Problem | undefined {
    const { seat } = member;
    if (seat.fault !== undefined || !isJoined(member)) return undefined;
    try {
      return this.#laneState.callMonitored(
        seat,
        true,
        () => seat.piece!.listening(member.edge, stack, present),
        seat.kind === 'component',
      );
    } catch (error) {
      if (error instanceof PieceFault) return this.#deferFault(seat, error);
      if (error instanceof FunnelError) return { message: error.message };
      throw error;
    }
  }

  /**
   * Marks the piece as failed, and defers the handling of the fault, because the listening piece is inside a
   * call.
   */
  #deferFault(seat: Seat, error: PieceFault): Problem {
    seat.markFailed(error);
    this.#laneState.deferFault(() => {
      seat.markRunning();
      this.#laneState.attempt(seat, () => {
        throw error;
      });
    });
    return { message: `piece ${seat.name} faulted in \`listening\`: ${error.message}` };
  }
}

/** Cached listen targets by Edge, then by direction and stack. */
export type KnownTargets = ReadonlyMap<JoinedEdge, ReadonlyMap<string, readonly ListenTarget<JoinedEdge>[]>>;

/** The pieces that carry a Shape, and the descriptors that they may open for it. */
interface Targets {
  readonly targets: readonly ListenTarget<JoinedEdge>[];
  readonly needs: readonly DescriptorNeed[];
}

function isOpen({ station, stack }: ListenTarget<JoinedEdge>): boolean {
  return station.notified.has(stack) || station.notifiedEarly.has(stack);
}

function count(
  wanted: Map<JoinedEdge, Map<string, number>>,
  targets: readonly ListenTarget<JoinedEdge>[],
): void {
  for (const { station, stack } of targets) {
    const counts = wanted.get(station) ?? new Map<string, number>();
    if (counts.size === 0) wanted.set(station, counts);
    counts.set(stack, (counts.get(stack) ?? 0) + 1);
  }
}

/** A stack to open or close at an Edge. */
export interface PendingClose {
  readonly member: JoinedEdge;
  readonly stack: string;
}

function isJoined(member: JoinedEdge): boolean {
  return member.seat.members[member.edge] === member;
}
