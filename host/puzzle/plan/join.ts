import { type Direction, opposes } from '../../stack/direction.ts';
import { formatStack } from '../../stack/format-stack.ts';
import type { Protocols } from '../../stack/protocols.ts';
import type { Member, Mistake, NetworkOptions, Place } from './arrangement.ts';
import { isOpen, type ShapeClass, type ShapeClasses } from './shape-classes.ts';

/**
 * Finds the pairs of Shapes on one network between which frames pass, and the mistakes. It compares classes
 * of Shapes instead of Shapes, so its cost grows with the size of the result. Yields wherever other work of
 * the thread may have its turn.
 */
export function joinNetwork(network: Network): Generator<void, JoinedNetwork> {
  return new NetworkJoiner(network).join();
}

/** A network and the Edges on it. */
export interface Network {
  readonly name: string;
  /** Its number among the networks. */
  readonly joint: number;
  readonly members: readonly NetworkEdge[];
  readonly places: readonly Place[];
  readonly classes: ShapeClasses;
  readonly protocols: Protocols;
  readonly options: NetworkOptions | undefined;
}

/** An Edge on a network, before its Shapes are matched there. */
export interface NetworkEdge extends Omit<Member, 'shapes' | 'properties'> {
  /** The Shapes that may join here; all when left out. */
  readonly only?: readonly number[];
}

/** Two Shapes between which frames pass; members by their index on the network. */
export interface JoinedPair {
  readonly joint: number;
  readonly a: number;
  readonly aShape: number;
  readonly b: number;
  readonly bShape: number;
  readonly stack: string;
}

export interface JoinedMember extends NetworkEdge {
  readonly shapes: readonly number[];
}

export interface JoinedNetwork {
  readonly name: string;
  readonly members: readonly JoinedMember[];
  readonly pairs: readonly JoinedPair[];
  readonly mistakes: readonly Mistake[];
}

/** All networks of a puzzle, joined. */
export interface JoinedPlaces {
  readonly places: readonly Place[];
  readonly joints: readonly Pick<JoinedNetwork, 'name' | 'members' | 'pairs'>[];
}

/** A Shape of a member. */
interface Slot {
  readonly member: number;
  readonly shape: number;
}

interface Faced {
  readonly other: NetworkEdge;
  readonly stack: string;
  readonly b: ShapeClass;
}

class NetworkJoiner {
  readonly #network: Network;
  /** The Shapes here by class, in the order of members. */
  readonly #slots = new Map<ShapeClass, Slot[]>();
  readonly #mistakes: Mistake[] = [];
  readonly #unreadable = new Set<number>();
  #ordered: readonly NetworkEdge[] | undefined;
  readonly #facingOf = new Map<Direction, readonly Faced[]>();

  constructor(network: Network) {
    this.#network = network;
    network.members.forEach((member, index) => {
      for (const shape of this.#candidates(member)) {
        const found = network.classes.of(this.#shapes(member)[shape]!);
        if (found instanceof Error) {
          this.#unreadable.add(index);
          continue;
        }
        const slots = this.#slots.get(found);
        if (slots === undefined) this.#slots.set(found, [{ member: index, shape }]);
        else slots.push({ member: index, shape });
      }
    });
  }

  *join(): Generator<void, JoinedNetwork> {
    const { name, members } = this.#network;
    const pairs = yield* this.#pairs();
    const shapes = members.map(() => new Set<number>());
    for (const { a, aShape, b, bShape } of pairs) {
      shapes[a]!.add(aShape);
      shapes[b]!.add(bShape);
    }
    const joined = members.map((member, index) => ({
      ...member,
      shapes: [...shapes[index]!].sort((x, y) => x - y),
    }));
    joined.forEach((member, index) => {
      if (this.#unreadable.has(index)) return;
      const lonely = member.only?.filter((shape) => !member.shapes.includes(shape)) ?? [];
      if (member.shapes.length > 0 && lonely.length === 0) return;
      this.#mistakes.push({
        code: 'FT_SHAPES_DO_NOT_MATCH',
        piece: this.#place(member).name,
        edge: this.#edge(member).name,
        network: name,
        message: this.#explainLoneliness(member, lonely),
      });
    });
    if (this.#network.options?.copies !== true) yield* this.#reportRivals(joined);
    return { name, members: joined, pairs, mistakes: this.#mistakes };
  }

  *#pairs(): Generator<void, readonly JoinedPair[]> {
    const { joint, members, classes, protocols } = this.#network;
    const pairs: JoinedPair[] = [];
    for (const [one, slots] of this.#slots) {
      yield;
      for (const [other, others] of this.#present(classes.facing(one))) {
        // Compare each two classes once; a class may face itself.
        if (one.direction === 'down' || (one.direction === 'peer' && one.text > other.text)) continue;
        const stack = formatStack(classes.match(one, other).stack!, protocols);
        for (const x of slots) {
          for (const y of others) {
            if (members[x.member]!.placeIndex === members[y.member]!.placeIndex) continue;
            if (one === other && x.member > y.member) continue;
            const [a, b] = x.member < y.member ? [x, y] : [y, x];
            pairs.push({ joint, a: a.member, aShape: a.shape, b: b.member, bShape: b.shape, stack });
          }
        }
      }
    }
    return pairs.sort((p, q) => p.a - q.a || p.b - q.b || p.aShape - q.aShape || p.bShape - q.bShape);
  }

  /** Yields those of the wanted classes that are on this network, with their Shapes. */
  *#present(wanted: ReadonlySet<ShapeClass>): Iterable<[ShapeClass, Slot[]]> {
    if (wanted.size > this.#slots.size) {
      for (const entry of this.#slots) if (wanted.has(entry[0])) yield entry;
      return;
    }
    for (const each of wanted) {
      const slots = this.#slots.get(each);
      if (slots !== undefined) yield [each, slots];
    }
  }

  #explainLoneliness(member: NetworkEdge, lonely: readonly number[]): string {
    const { name } = this.#network;
    const asked = lonely.length > 0 ? lonely : this.#candidates(member);
    const subject =
      lonely.length > 0 ? lonely.map((shape) => this.#shapes(member)[shape]!.stack).join(' and ') : 'it';
    const refusals = this.#refusals(member, asked);
    if (refusals.length > 0) return `nothing on network ${name} matches ${subject}. ${refusals.join('; ')}`;
    const others = this.#inOrder().filter((other) => other.placeIndex !== member.placeIndex);
    if (others.length === 0)
      return `no other piece is on network ${name}; put one there whose Edge faces this one`;
    const directions = [...new Set(asked.map((shape) => this.#shapes(member)[shape]!.direction))].join(
      ' and ',
    );
    const shown = others.slice(0, MAX_LISTED).map((other) => this.#nameOf(other));
    const more = others.length > MAX_LISTED ? `, and ${others.length - MAX_LISTED} more` : '';
    return `this Edge faces ${directions}, and nothing on network ${name} faces it (there: ${shown.join(', ')}${more}). Up joins down, and peer joins peer`;
  }

  /** Explains why the first few Shapes that face a member do not match it. */
  #refusals(member: NetworkEdge, shapes: readonly number[]): readonly string[] {
    const { classes } = this.#network;
    const shown: string[] = [];
    for (const shape of shapes) {
      const one = this.#shapes(member)[shape]!;
      const a = classes.of(one);
      if (a instanceof Error) continue;
      for (const { other, stack, b } of this.#facing(a.direction)) {
        if (other.placeIndex === member.placeIndex) continue;
        shown.push(
          `${one.stack} and ${stack} of ${this.#place(other).name}: ${classes.match(a, b).explanation}`,
        );
        if (shown.length === MAX_LISTED) return shown;
      }
    }
    return shown;
  }

  /** Reports Edges that match the same frames equally: only `copies: true` can serve both. */
  *#reportRivals(members: readonly JoinedMember[]): Generator<void> {
    const { name, classes, places } = this.#network;
    const senders = new Set(members.map((member) => member.placeIndex)).size;
    const joined = new Map<ShapeClass, Slot[]>();
    for (const [each, slots] of this.#slots) {
      if (isOpen(each.stack)) continue;
      const kept = slots.filter(({ member, shape }) => members[member]!.shapes.includes(shape));
      if (kept.length > 0) joined.set(each, kept);
    }
    for (const [index, two] of members.entries()) {
      let first: { slot: Slot; shape: number } | undefined;
      for (const shape of two.shapes) {
        yield;
        const own = classes.of(this.#shapes(two)[shape]!);
        if (own instanceof Error || isOpen(own.stack)) continue;
        for (const rival of classes.rivals(own)) {
          const slot = joined.get(rival)?.find(({ member }) => {
            if (member >= index) return true;
            // It matters only where a third piece sends frames that both would take.
            return senders > (members[member]!.placeIndex === two.placeIndex ? 1 : 2);
          });
          if (slot === undefined || slot.member >= index) continue;
          if (first === undefined || slot.member < first.slot.member) first = { slot, shape };
        }
      }
      if (first === undefined) continue;
      const one = members[first.slot.member]!;
      const firstStack = this.#shapes(one)[first.slot.shape]!.stack;
      this.#mistakes.push({
        code: 'FT_JOINT_AMBIGUOUS',
        piece: places[two.placeIndex]!.name,
        edge: this.#edge(two).name,
        network: name,
        message:
          `${this.#shapes(two)[first.shape]!.stack} matches the same frames as ${firstStack} of ${this.#nameOf(one)}: ` +
          `say \`copies: true\` for network ${name} to give them to both, or put the two on networks of their own`,
      });
    }
  }

  /** The members in the order of their names, so that messages do not depend on any other order. */
  #inOrder(): readonly NetworkEdge[] {
    this.#ordered ??= [...this.#network.members].sort(
      (a, b) => compare(this.#nameOf(a), this.#nameOf(b)) || a.edge - b.edge,
    );
    return this.#ordered;
  }

  #facing(direction: Direction): readonly Faced[] {
    let facing = this.#facingOf.get(direction);
    if (facing === undefined) {
      facing = this.#inOrder().flatMap((other) =>
        this.#candidates(other).flatMap((shape) => {
          const { stack } = this.#shapes(other)[shape]!;
          const b = this.#network.classes.of(this.#shapes(other)[shape]!);
          return b instanceof Error || !opposes(direction, b.direction) ? [] : { other, stack, b };
        }),
      );
      this.#facingOf.set(direction, facing);
    }
    return facing;
  }

  #candidates({ only, ...member }: NetworkEdge): readonly number[] {
    return only ?? this.#shapes(member).map((_, index) => index);
  }

  #place(member: NetworkEdge): Place {
    return this.#network.places[member.placeIndex]!;
  }

  #edge(member: NetworkEdge) {
    return this.#place(member).description.edges[member.described]!;
  }

  #shapes(member: NetworkEdge) {
    return this.#edge(member).shapes;
  }

  #nameOf(member: NetworkEdge): string {
    return `${this.#place(member).name}.${this.#edge(member).name}`;
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The most that a reader takes in at a glance. */
const MAX_LISTED = 3;
