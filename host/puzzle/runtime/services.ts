import { randomFillSync } from 'node:crypto';
import type { Problem, Property } from '../../../abi/host/contract.ts';
import type { Outbox } from '../../piece/outbox.ts';
import type { PieceContext } from '../../piece/piece.ts';
import type { PieceStatus } from '../../piece/piece-status.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import { matchStacks } from '../../stack/match.ts';
import { parseStack } from '../../stack/parse-stack.ts';
import type { Stack } from '../../stack/stack.ts';
import type { PieceMaker } from '../plan/piece-maker.ts';
import type { ActivationFlag } from './activation.ts';
import type { DescriptorQuota } from './descriptor-quota.ts';
import type { Receiver } from './joint.ts';
import type { LaneState } from './lane-state.ts';
import type { ListenPropagation } from './listen-propagation.ts';
import type { LogEntry } from './log-entry.ts';
import type { PropertyUpdates } from './property-updates.ts';
import type { JoinedEdge, Seat } from './seat.ts';

/**
 * Implements the calls of pieces to the host: to listen on a Shape, to offer a property, to hand over arrived
 * frames.
 */
export class Services {
  readonly #laneState: LaneState;
  readonly #propertyUpdates: PropertyUpdates;
  readonly #listenPropagation: ListenPropagation;
  readonly #quota: DescriptorQuota;
  readonly #hooks: ServiceHooks;

  constructor(
    laneState: LaneState,
    { propertyUpdates, listenPropagation, quota }: ServiceParts,
    hooks: ServiceHooks,
  ) {
    this.#laneState = laneState;
    this.#propertyUpdates = propertyUpdates;
    this.#listenPropagation = listenPropagation;
    this.#quota = quota;
    this.#hooks = hooks;
  }

  contextOf(
    seat: Seat,
    activation: ActivationFlag,
    { place: { name }, isResumed = false }: PieceMaker,
  ): PieceContext {
    const random = new BigUint64Array(1);
    return {
      name,
      isResumed,
      counters: seat.counters,
      log: (level, message) => this.#hooks.onLog({ piece: name, level, message }),
      status: (status) => this.#hooks.status(seat, activation, status),
      source: (state) => {
        activation.source = state;
      },
      now: () => this.#laneState.now,
      random: () => randomFillSync(random)[0]!,
      count: (reason, frames) => seat.counters.add(reason, frames),
      listen: (edge, like, stack) =>
        activation.isActive
          ? this.#listen(seat, edge, like, stack)
          : { message: 'the piece is on no network yet' },
      unlisten: (edge, shape) => {
        const member = activation.isActive ? seat.members[edge] : undefined;
        if (member !== undefined) this.unlisten(member, shape);
      },
      offer: (edge, property, present) => {
        if (activation.isActive) this.#offer(seat, edge, property, present);
      },
      arrived: (outbox) => {
        if (activation.isActive && !this.#laneState.isClosed) {
          this.#hooks.deliver(seat, outbox);
          if (!this.#laneState.isRunning) this.#hooks.notifySenders();
          this.#hooks.run();
          return;
        }
        for (let n = 0; n < outbox.length; n++) this.#laneState.drop(seat, outbox.rows[n]!, 'not-joined');
        outbox.length = 0;
      },
      wake: () => {
        if (!activation.isActive) return;
        this.#laneState.enqueue(seat);
        if (!this.#laneState.isRunning) this.#hooks.runLater();
      },
    };
  }

  /**
   * Limits the identifiers without a protocol that one piece may have numbered, since a lane has 65 535
   * numbers.
   */
  #listen(seat: Seat, edge: number, like: number, stack: string): number | Problem {
    if (seat.identifiers >= MAX_IDENTIFIERS)
      return {
        message: `the piece has listened on ${MAX_IDENTIFIERS} identifiers without a protocol, which is the limit`,
      };
    const before = this.#laneState.protocols.count;
    try {
      return this.#listenAs(seat, edge, like, stack);
    } finally {
      seat.identifiers += this.#laneState.protocols.count - before;
    }
  }

  #listenAs(seat: Seat, edge: number, like: number, stack: string): number | Problem {
    const member = seat.members[edge];
    const described = member && seat.place.description.edges[member.described]!.shapes[like];
    if (member === undefined || described === undefined)
      return { message: `Edge ${edge}, Shape ${like}: the piece is not joined there` };
    const problem = this.#checkListen(member, described.stack, stack);
    if (problem !== undefined) return problem;
    let shape = seat.place.description.edges[member.described]!.shapes.length;
    while (member.listens.has(shape)) shape++;
    if (shape >= MAX_LISTENS)
      return { message: `the piece listens on ${MAX_LISTENS} Shapes of this Edge already` };
    const ways = waysOf(parseStack(stack, this.#laneState.protocols));
    const before = seat.edges.flatMap(({ listens }) => [...listens.values()]);
    if (before.reduce((sum, each) => sum + each.ways, ways) > MAX_WAYS)
      return { message: `the piece listens on ${MAX_WAYS} ports already, or as many with these` };
    const opened = this.#listenPropagation.request(member, described.direction, stack);
    if ('message' in opened) return opened;
    let tag: number;
    try {
      tag = member.joint.add(member, shape, described.direction, stack);
    } catch (error) {
      this.#listenPropagation.cancel(member, opened);
      if (error instanceof FunnelError) return { message: error.message };
      throw error;
    }
    this.#listenPropagation.record(member.joint.receivers[tag]!, opened);
    member.listens.set(shape, { stack, tag, like, ways });
    member.directions[shape] = described.direction;
    return shape;
  }

  /**
   * Checks that the stack is a case of the described Shape, and that no other Edge listens on the same stack.
   */
  #checkListen(member: JoinedEdge, described: string, stack: string): Problem | undefined {
    try {
      const match = matchStacks(
        parseStack(described, this.#laneState.protocols),
        parseStack(stack, this.#laneState.protocols),
        this.#laneState.protocols,
      );
      if (!match.matches)
        return {
          message: `${stack} is not a case of the described Shape ${described}: ${match.explanation}`,
        };
    } catch (error) {
      if (error instanceof FunnelError) return { message: error.message };
      throw error;
    }
    for (const other of member.joint.receivers) {
      if (other?.stack === stack && other.member !== member && !member.joint.copies) {
        return {
          message: `${stack} is taken by piece ${other.member.seat.name}; only a network with \`copies: true\` gives frames to both`,
        };
      }
    }
    return undefined;
  }

  /** Takes back what `listen` added. */
  unlisten(member: JoinedEdge, shape: number): void {
    if (!member.listens.has(shape)) return;
    // Its piece is usually inside a call, so the lane must not call it.
    this.#laneState.insideListen(member.seat, () => {
      const receiver = this.removeReceiver(member, shape);
      if (receiver !== undefined) this.#listenPropagation.withdraw(receiver);
    });
  }

  /** Removes the receiver of a Shape, described or from `listen`, from its Joint. */
  removeReceiver(member: JoinedEdge, shape: number): Receiver<JoinedEdge> | undefined {
    const tag = member.listens.get(shape)?.tag ?? member.tags.get(shape);
    const receiver = tag === undefined ? undefined : member.joint.receivers[tag];
    if (tag === undefined || receiver === undefined) return undefined;
    member.joint.remove(tag);
    member.tags.delete(shape);
    if (member.listens.delete(shape)) member.directions[shape] = undefined;
    return receiver;
  }

  #offer(seat: Seat, edge: number, property: Property, present: boolean): void {
    const member = seat.members[edge];
    if (member === undefined) {
      this.#hooks.onLog({
        piece: seat.name,
        level: 'warn',
        message: `offers ${property.name} on Edge ${edge}, where it is not joined`,
      });
      return;
    }
    const at = member.offers.findIndex((offer) => isSameProperty(offer, property));
    if (at >= 0) member.inherited.delete(member.offers[at]!);
    if (present === at >= 0) return;
    if (!present) member.offers.splice(at, 1);
    else {
      const refusal = this.#refusalOfOffer(member, property);
      if (refusal === undefined) member.offers.push(property);
      else this.#hooks.onLog({ piece: seat.name, level: 'warn', message: refusal });
    }
    this.#propertyUpdates.invalidate();
  }

  #refusalOfOffer(member: JoinedEdge, property: Property): string | undefined {
    if (member.offers.length >= MAX_OFFERS)
      return `offers more than ${MAX_OFFERS} properties on Edge ${member.name}; ${property.name} is left out`;
    const refusal = this.#quota.refusal(member.seat, [], this.#quota.priceOfOffer(property));
    return refusal === undefined ? undefined : `its offer of ${property.name} is left out: ${refusal}`;
  }
}

interface ServiceParts {
  readonly propertyUpdates: PropertyUpdates;
  readonly listenPropagation: ListenPropagation;
  readonly quota: DescriptorQuota;
}

/** Calls of the services to the lane. */
export interface ServiceHooks {
  readonly onLog: (entry: LogEntry) => void;
  status(seat: Seat, activation: ActivationFlag, status: PieceStatus): void;
  deliver(seat: Seat, outbox: Outbox): void;
  notifySenders(): void;
  run(): void;
  /** Schedules a turn, after other events. */
  runLater(): void;
}

/** Returns how many ports a stack can stand for: an endpoint opens descriptors for each. */
function waysOf({ steps }: Stack): number {
  return steps.reduce((ways, step) => (step.kind === 'ports' ? ways * step.ports.length : ways), 1);
}

function isSameProperty(a: Property, b: Property): boolean {
  if (a.name !== b.name || a.value.tag !== b.value.tag) return false;
  return a.value.tag === 'yes' || b.value.tag === 'yes' || a.value.val === b.value.val;
}

/** The most Shapes of one Edge: a component cannot have more outlets. */
const MAX_LISTENS = 1024;
/**
 * The ports of all Shapes on which one piece listens. A Shape may name many, and each costs its endpoints one
 * or two descriptors of the process, which keeps a reserve of them for itself. A relay of media needs four
 * ports for each call, and counts each of them twice: as RTP or RTCP, and as anything else.
 */
const MAX_WAYS = 16_384;
/**
 * Identifiers without a protocol that one piece may have numbered: a lane has 65 535 numbers, and reuses
 * none.
 */
const MAX_IDENTIFIERS = 1024;
const MAX_OFFERS = 64;
