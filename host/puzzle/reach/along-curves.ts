import type { Piece as Description, Property } from '../../../abi/host/contract.ts';
import { type Direction, opposes } from '../../stack/direction.ts';
import { propertyText, sizeBeyond } from '../plan/properties.ts';
import { type CurvePath, curvePathsFrom } from './curve-paths.ts';
import type { StacksAlong } from './stacks-along.ts';

/** A joined Edge, of a puzzle that runs or of one that is planned. */
export interface Station {
  /** Whose it is: the same for all Edges of a piece. */
  readonly piece: object;
  readonly description: Description;
  readonly described: number;
  readonly shapes: readonly number[];
  readonly network: string;
}

/** Who carries a stack that somebody listens on, and what the stack is there. */
export interface ListenTarget<S extends Station> {
  readonly station: S;
  readonly stack: string;
}

/** What is offered somewhere else, and is true here too. */
export interface DistantOffer {
  readonly property: Property;
  /** Who offers it. */
  readonly origin: object;
  /** By way of whom it came: they know it already. */
  readonly via: ReadonlySet<object>;
}

/**
 * What pieces tell each other across those in between: what is done on one Joint reaches the others through Curves.
 *
 * It goes from Joint to Joint, and in each piece along one Curve, with any Hairpins before and behind it. What comes round to
 * where it has been ends there, so loops do, and the order of the pieces has no say in who is reached.
 */
export class AlongCurves<S extends Station> {
  readonly #stacks: StacksAlong;
  readonly #byNetwork = new Map<string, S[]>();
  readonly #byPiece = new Map<object, S[]>();
  /** By Edge, Shape and the stack that comes there: where it goes on. */
  readonly #onwards = new Map<S, Map<string, readonly Exit<S>[] | undefined>[]>();
  #onwardCount = 0;

  constructor(stacks: StacksAlong, stations: Iterable<S>) {
    this.#stacks = stacks;
    for (const station of stations) {
      add(this.#byNetwork, station.network, station);
      add(this.#byPiece, station.piece, station);
    }
  }

  /**
   * All who carry what a Shape of this direction on an Edge takes: those that face it, and those that face what it is behind
   * each piece. A Curve that is opaque ends it, since behind it the stack is another.
   */
  listenTargets(from: S, direction: Direction, stack: string): ListenTarget<S>[] {
    const found: ListenTarget<S>[] = [];
    const met = new Map<S, Set<string>>();
    const exits: Exit<S>[] = [{ station: from, direction, stack, key: '' }];
    const known = new Map<S, Set<string>>();
    for (const exit of exits) {
      for (const station of this.#byNetwork.get(exit.station.network) ?? []) {
        // Neither does one hear oneself, round a loop.
        if (station.piece === exit.station.piece || station.piece === from.piece) continue;
        const { shapes } = station.description.edges[station.described]!;
        for (const shape of station.shapes) {
          if (!opposes(exit.direction, shapes[shape]!.direction)) continue;
          const onward = this.#onward(station, shape, exit.stack);
          if (onward === undefined) continue;
          if (isFirst(met, station, exit.stack)) found.push({ station, stack: exit.stack });
          for (const next of onward) {
            if (exits.length < MAX_EXITS && isFirst(known, next.station, next.key)) exits.push(next);
          }
        }
      }
    }
    return found;
  }

  /** Where what matches a Shape goes on behind its piece; undefined where it does not match. The same whoever listens. */
  #onward(station: S, shape: number, stack: string): readonly Exit<S>[] | undefined {
    let byShape = this.#onwards.get(station);
    if (byShape === undefined) {
      byShape = [];
      this.#onwards.set(station, byShape);
    }
    byShape[shape] ??= new Map();
    const byStack = byShape[shape];
    if (byStack.has(stack)) return byStack.get(stack);
    const onward = this.#findOnward(station, shape, stack);
    // Pieces that listen on ever new stacks begin it anew.
    if (++this.#onwardCount > MAX_ONWARDS) {
      this.#onwardCount = 0;
      this.#onwards.clear();
    } else byStack.set(stack, onward);
    return onward;
  }

  #findOnward(station: S, shape: number, stack: string): readonly Exit<S>[] | undefined {
    const { edges } = station.description;
    const own = edges[station.described]!.shapes[shape]!.stack;
    if (!this.#stacks.matches(stack, own)) return undefined;
    const exits: Exit<S>[] = [];
    for (const lead of curvePathsFrom(station.description, station.described, shape)) {
      const behind = this.#stacks.stackBehind(stack, own, edges[lead.described]!.shapes[lead.shape]!.stack);
      if (behind === undefined) continue;
      for (const next of this.#ends(station, lead)) {
        const direction = directionOf(next, lead);
        exits.push({ station: next, direction, stack: behind, key: `${direction} ${behind}` });
      }
    }
    return exits;
  }

  /**
   * What is offered on each network besides what its own Edges offer: by name, where each Curve on the way keeps it; sizes
   * change as frames do. The nearest way counts, and of several that are equally near the most careful value.
   */
  offers(offered: (station: S) => readonly Property[]): ReadonlyMap<string, readonly DistantOffer[]> {
    const carried = new Map<string, DistantOffer[]>();
    for (const stations of this.#byPiece.values()) {
      for (const station of stations) {
        for (const property of offered(station)) {
          for (const [network, { value, via }] of this.#spread(station, property)) {
            add(carried, network, { property: { name: property.name, value }, origin: station.piece, via });
          }
        }
      }
    }
    for (const list of carried.values())
      list.sort((a, b) => compare(propertyText(a.property), propertyText(b.property)));
    return carried;
  }

  /** The other networks that one offer reaches, with its value there. */
  #spread(from: S, { name, value }: Property): Map<string, OfferAtNetwork> {
    const reached = new Map<string, OfferAtNetwork>();
    let front = new Map<string, OfferAtNetwork>([[from.network, { value, via: new Set([from.piece]) }]]);
    for (let hops = 0; front.size > 0 && hops < MAX_HOPS; hops++) {
      const next = new Map<string, OfferAtNetwork>();
      for (const [network, arrival] of front) {
        for (const station of this.#byNetwork.get(network) ?? []) {
          if (station.piece === from.piece) continue;
          for (const shape of station.shapes) {
            for (const lead of curvePathsFrom(station.description, station.described, shape, name)) {
              for (const end of this.#ends(station, lead)) {
                if (end.network === from.network || reached.has(end.network)) continue;
                const there = sizeBeyond({ name, value: arrival.value }, lead.overhead);
                next.set(end.network, stricter(next.get(end.network), there, station.piece));
              }
            }
          }
        }
      }
      for (const [network, arrival] of next) reached.set(network, arrival);
      front = next;
    }
    return reached;
  }

  /** The joined Edges to which a lead goes: others than the one that it comes from. */
  #ends(from: S, lead: CurvePath): S[] {
    return this.#byPiece
      .get(from.piece)!
      .filter(
        (station) =>
          station !== from && station.described === lead.described && station.shapes.includes(lead.shape),
      );
  }
}

/** Where a stack comes out on the network of an Edge, travelling so; `key` is both in one. */
interface Exit<S extends Station> {
  readonly station: S;
  readonly direction: Direction;
  readonly stack: string;
  readonly key: string;
}

/** An offer as it comes to a network. */
interface OfferAtNetwork {
  readonly value: Property['value'];
  readonly via: ReadonlySet<object>;
}

function stricter(known: OfferAtNetwork | undefined, value: Property['value'], by: object): OfferAtNetwork {
  if (known === undefined) return { value, via: new Set([by]) };
  const isLess = 'val' in value && 'val' in known.value && value.val < known.value.val;
  return { value: isLess ? value : known.value, via: new Set([...known.via, by]) };
}

function directionOf({ description, described }: Station, { shape }: CurvePath): Direction {
  return description.edges[described]!.shapes[shape]!.direction;
}

/** Whether a key is new for an Edge; it is not any more. */
function isFirst<S>(keys: Map<S, Set<string>>, station: S, key: string): boolean {
  const known = keys.get(station);
  if (known === undefined) {
    keys.set(station, new Set([key]));
    return true;
  }
  if (known.has(key)) return false;
  known.add(key);
  return true;
}

function add<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A frame passes at most so many pieces (the lane's hop limit), so what is further away is out of reach. */
const MAX_HOPS = 64;
const MAX_ONWARDS = 65_536;
/** Where one listening Shape may come out: many times what any puzzle has. */
const MAX_EXITS = 65_536;
