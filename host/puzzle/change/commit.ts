import type { Property } from '../../../abi/host/contract.ts';
import type { Piece } from '../../piece/piece.ts';
import type { Member, NetworkOptions } from '../plan/arrangement.ts';
import { propertyText } from '../plan/properties.ts';
import { PuzzleError } from '../plan/puzzle-error.ts';
import type { JoinedEdge, Seat } from '../runtime/seat.ts';
import type { Candidate } from './candidates.ts';
import { closeLater, type DeferredCleanup, type Retired, retire } from './deferred-cleanup.ts';
import type { LaneParts } from './lane-parts.ts';
import type { Preparation } from './preparation.ts';

/**
 * Puts a prepared puzzle in the place of the running one, within one turn.
 *
 * @returns what remains to be closed after the new pieces were called: until then the listens of the old ones
 * stay open.
 * @throws {PuzzleError} where a piece refuses the state of its predecessor; nothing has changed then.
 */
export function commit(
  parts: LaneParts,
  preparation: Preparation,
  networks: ReadonlyMap<string, NetworkOptions>,
): DeferredCleanup {
  return new Commit(parts, preparation, networks).run();
}

class Commit {
  readonly #parts: LaneParts;
  readonly #preparation: Preparation;
  readonly #networks: ReadonlyMap<string, NetworkOptions>;

  constructor(parts: LaneParts, preparation: Preparation, networks: ReadonlyMap<string, NetworkOptions>) {
    this.#parts = parts;
    this.#preparation = preparation;
    this.#networks = networks;
  }

  run(): DeferredCleanup {
    this.#handOverStates();
    const { laneState, listenPropagation, overload } = this.#parts;
    const { candidates, listenTargets } = this.#preparation;
    const retired: Retired = { now: [], later: [] };
    laneState.departed.settle();
    const left = this.#leaveOld();
    const seats = candidates.all.map((candidate) => this.#takeSeat(candidate, retired));
    for (const seat of laneState.seats) {
      if (seats.includes(seat)) continue;
      overload.dropWaiting(seat, 'removed');
      seat.activation.isActive = false;
      laneState.departed.addPiece(seat);
      retire(seat, retired, true);
    }
    const isAsPrepared = laneState.topologyVersion === this.#preparation.topologyVersion;
    laneState.seats.splice(0, laneState.seats.length, ...seats);
    const joined = this.#joinNew();
    laneState.topologyChanged();
    const { topologyVersion } = laneState;
    this.#notifyPieces(joined);
    const closing = listenPropagation.recompute(
      isAsPrepared && laneState.topologyVersion === topologyVersion ? listenTargets : undefined,
    );
    return {
      now: retired.now,
      later: closeLater(laneState, listenPropagation, closing, left, retired.later),
    };
  }

  /** Runs first, because only this step of a commit can be refused. */
  #handOverStates(): void {
    const now = this.#parts.laneState.now;
    const { candidates } = this.#preparation;
    for (const candidate of candidates.all) {
      const { isKept, maker, seat, piece } = candidate;
      const old = seat.piece;
      if (isKept || old === undefined || seat.fault !== undefined) continue;
      const { name, version } = seat.place.description;
      if (name !== maker.place.description.name) continue;
      const state = this.#parts.laneState.attempt(seat, () => old.save(now));
      if (state === undefined) {
        const message = 'faulted in `save`, and is not replaced now; its failure policy applies';
        throw new PuzzleError([{ code: 'FT_SAVE_FAILED', piece: seat.name, message }]);
      }
      const problem = candidates.guarded(candidate, () => piece.restore(now, version, state));
      if (problem === undefined) continue;
      const message = `does not take over the state of version ${version}: ${problem.message}`;
      throw new PuzzleError([{ code: 'FT_RESTORE_REFUSED', piece: maker.place.name, message }]);
    }
  }

  /**
   * Removes what does not stay, and hands over to successors what stays the same. Returns the stacks that
   * pieces which stay have open on Edges that have left.
   */
  #leaveOld(): { piece: Piece; edge: number; stack: string }[] {
    const { laneState, overload, services } = this.#parts;
    const { candidates, plan } = this.#preparation;
    const left: { piece: Piece; edge: number; stack: string }[] = [];
    const kept = new Map<JoinedEdge, Member>();
    for (const { old, planned } of plan.joins) if (old !== undefined) kept.set(old, planned);
    const staying = new Set(candidates.all.flatMap(({ seat, isKept }) => (isKept ? [seat] : [])));
    this.#handOverTags(staying);
    for (const seat of laneState.seats) {
      const stays = staying.has(seat);
      for (const member of seat.edges) {
        const planned = stays ? kept.get(member) : undefined;
        const lost = member.shapes.filter((shape) => !planned?.shapes.includes(shape));
        const listens = planned === undefined ? [...member.listens.keys()] : [];
        for (const shape of [...lost, ...listens]) {
          services.removeReceiver(member, shape);
          if (stays && seat.fault === undefined)
            laneState.attempt(seat, () => seat.piece!.leave(member.edge, shape));
        }
        if (planned !== undefined) {
          member.shapes = member.shapes.filter((shape) => !lost.includes(shape));
          continue;
        }
        member.joint.members.splice(member.joint.members.indexOf(member), 1);
        if (!stays) continue;
        for (const stack of member.notified.keys())
          if (seat.kind === 'native') left.push({ piece: seat.piece!, edge: member.edge, stack });
        overload.closeIntake(member);
        laneState.departed.addEdge(seat, member.name, member);
        seat.members[member.edge] = undefined;
      }
    }
    return left;
  }

  /**
   * A Shape with the same stack and direction as before takes over the tag, so the classifier of the Joint
   * does not change.
   */
  #handOverTags(staying: ReadonlySet<Seat>): void {
    for (const join of this.#preparation.plan.joins) {
      const { candidate, described, description, network, shapes, handedTags } = join;
      const { seat } = candidate;
      if (staying.has(seat)) continue;
      const { name, shapes: all } = description.edges[described]!;
      const former = seat.members.find((member) => member?.name === name && member.network === network);
      if (former === undefined) continue;
      for (const shape of shapes) {
        const tag = former.tags.get(shape);
        const receiver = tag === undefined ? undefined : former.joint.receivers[tag];
        if (tag === undefined || receiver?.stack !== all[shape]!.stack) continue;
        if (receiver.direction !== all[shape]!.direction) continue;
        former.tags.delete(shape);
        handedTags.set(shape, tag);
      }
    }
  }

  #takeSeat({ maker, seat, piece, activation, isKept }: Candidate, retired: Retired): Seat {
    const { laneState, overload } = this.#parts;
    if (!isKept) {
      if (seat.piece !== undefined) {
        retire(seat, retired, false);
        seat.activation.isActive = false;
        // The frames that still wait came by Edges of the old instance.
        overload.dropWaiting(seat, 'replaced');
        seat.formerEdges = edgesByName(seat);
      }
      for (const member of seat.edges) overload.closeIntake(member);
      seat.install(piece, activation, maker.initialFault, laneState.now);
    }
    seat.occupy(maker);
    activation.isActive = true;
    if (!isKept) piece.takeOver?.();
    return seat;
  }

  #joinNew(): CommittedJoin[] {
    const { laneState } = this.#parts;
    const { candidates, opened, plan } = this.#preparation;
    const joined: CommittedJoin[] = [];
    const inherited = new Set<JoinedEdge>();
    for (const [name, joint] of plan.joints) {
      joint.copies = this.#networks.get(name)?.copies ?? false;
      laneState.joints.set(name, joint);
    }
    for (const join of plan.joins) {
      const { candidate, planned, network, edge, old, member, handedTags } = join;
      const { joint } = member;
      const { seat } = candidate;
      if (old === undefined) {
        const former = seat.formerEdges?.get(`${member.name} ${network}`);
        if (former !== undefined) {
          member.inherit(former);
          inherited.add(former);
        }
        seat.members[edge] = member;
        seat.intake.open(edge);
        joint.members.push(member);
      }
      for (const each of opened) if (each.join === join) member.notifiedEarly.add(each.stack);
      const shapes = planned.shapes.filter((shape) => !member.shapes.includes(shape));
      const renewed = planned.shapes.filter(
        (shape, index) =>
          member.shapes.includes(shape) && !isSettledAs(member, shape, planned.properties[index]!),
      );
      member.shapes = [...planned.shapes];
      member.settled = new Map(planned.shapes.map((shape, index) => [shape, planned.properties[index]!]));
      joined.push({ member, shapes, renewed });
      for (const shape of shapes) {
        const { stack, direction } = seat.place.description.edges[planned.described]!.shapes[shape]!;
        const tag = handedTags.get(shape);
        member.tags.set(
          shape,
          tag === undefined ? joint.add(member, shape, direction, stack) : joint.reassign(tag, member),
        );
      }
    }
    for (const { seat, isKept } of candidates.all) {
      if (isKept) continue;
      for (const [key, former] of seat.formerEdges ?? [])
        if (!inherited.has(former))
          laneState.departed.addEdge(seat, key.slice(0, -former.network.length - 1), former);
    }
    for (const [name, joint] of laneState.joints)
      if (joint.members.length === 0) laneState.joints.delete(name);
    return joined;
  }

  #notifyPieces(joined: readonly CommittedJoin[]): void {
    const { propertyUpdates } = this.#parts;
    propertyUpdates.invalidate();
    for (const { member, shapes, renewed } of joined)
      for (const shape of [...shapes, ...renewed]) propertyUpdates.join(member, shape);
  }
}

interface CommittedJoin {
  readonly member: JoinedEdge;
  /** Shapes that are newly joined. */
  readonly shapes: readonly number[];
  /** Shapes that stay joined, with other properties. */
  readonly renewed: readonly number[];
}

/** Whether a Shape is joined with exactly these properties. */
function isSettledAs(member: JoinedEdge, shape: number, properties: readonly Property[]): boolean {
  const settled = member.settled.get(shape) ?? [];
  return (
    settled.length === properties.length &&
    settled.every((property, index) => propertyText(property) === propertyText(properties[index]!))
  );
}

function edgesByName(seat: Seat): Map<string, JoinedEdge> {
  return new Map(seat.edges.map((member) => [`${member.name} ${member.joint.name}`, member]));
}
