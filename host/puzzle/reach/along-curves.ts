import type { Piece as Description, Property } from '../../../abi/host/contract.ts';
import { type Direction, opposes } from '../../stack/direction.ts';
import { propertyText, sizeBeyond } from '../plan/properties.ts';
import { type CurvePath, curvePathsFrom } from './curve-paths.ts';
import type { StacksAlong } from './stacks-along.ts';

/** A joined Edge of a running or planned puzzle. */
export interface Station {
  /** Identifies the piece: the same object for all its Edges. */
  readonly piece: object;
  readonly description: Description;
  readonly described: number;
  readonly shapes: readonly number[];
  readonly network: string;
}

/** An Edge that carries a stack on which another piece listens, and the stack at that place. */
export interface ListenTarget<S extends Station> {
  readonly station: S;
  readonly stack: string;
}

/** An offer from another network that also holds on this one. */
export interface DistantOffer {
  readonly property: Property;
  /** The piece that makes the offer. */
  readonly origin: object;
  /** The pieces by way of which the offer came; they know it already. */
  readonly via: ReadonlySet<object>;
}

/**
 * How listens and offers on one Joint reach other Joints, along the Curves of the pieces in between.
 *
 * A path goes from Joint to Joint, and in each piece along one Curve with any Hairpins before and behind it.
 * A path that returns to an Edge with the same stack ends there, so loops end. The result does not depend on
 * the order of the pieces.
 */
export class AlongCurves<S extends Station> {
  readonly #stacks: StacksAlong;
  readonly #byNetwork = new Map<string, S[]>();
  readonly #byPiece = new Map<object, S[]>();
  /** Cached exits behind a piece, by Edge, Shape and the stack that arrives there. */
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
   * Returns all Edges that carry the stack of a listening Shape: those on the same Joint with an opposing
   * Shape that matches, and those behind each piece there, with the stack at that place. An opaque Curve ends
   * the path, since the stack behind it is unknown.
   */
  listenTargets(from: S, direction: Direction, stack: string): ListenTarget<S>[] {
    const found: ListenTarget<S>[] = [];
    const met = new Map<S, Set<string>>();
    const exits: Exit<S>[] = [{ station: from, direction, stack, key: '' }];
    const known = new Map<S, Set<string>>();
    for (const exit of exits) {
      for (const station of this.#byNetwork.get(exit.station.network) ?? []) {
        // A loop does not lead back to the listening piece itself.
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

  /**
   * Returns where a stack goes on behind a piece; undefined where it does not match the Shape. Independent of
   * the listener.
   */
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
    // Pieces that keep listening on new stacks empty the cache.
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
    for (const path of curvePathsFrom(station.description, station.described, shape)) {
      const behind = this.#stacks.stackBehind(stack, own, edges[path.described]!.shapes[path.shape]!.stack);
      if (behind === undefined) continue;
      for (const next of this.#ends(station, path)) {
        const direction = directionOf(next, path);
        exits.push({ station: next, direction, stack: behind, key: `${direction} ${behind}` });
      }
    }
    return exits;
  }

  /**
   * Returns the offers from elsewhere that hold on each network: an offer spreads where each Curve on the
   * path keeps its name, and sizes change as frames do. The shortest path counts, and among equals the
   * strictest value.
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

  /** Returns the other networks that one offer reaches, with its value there. */
  #spread(from: S, { name, value }: Property): Map<string, OfferAtNetwork> {
    const reached = new Map<string, OfferAtNetwork>();
    let front = new Map<string, OfferAtNetwork>([[from.network, { value, via: new Set([from.piece]) }]]);
    for (let hops = 0; front.size > 0 && hops < MAX_HOPS; hops++) {
      const next = new Map<string, OfferAtNetwork>();
      for (const [network, arrival] of front) {
        for (const station of this.#byNetwork.get(network) ?? []) {
          if (station.piece === from.piece) continue;
          for (const shape of station.shapes) {
            for (const path of curvePathsFrom(station.description, station.described, shape, name)) {
              for (const end of this.#ends(station, path)) {
                if (end.network === from.network || reached.has(end.network)) continue;
                const there = sizeBeyond({ name, value: arrival.value }, path.overhead);
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

  /** Returns the joined Edges at the end of a path, except the one from which it starts. */
  #ends(from: S, path: CurvePath): S[] {
    return this.#byPiece
      .get(from.piece)!
      .filter(
        (station) =>
          station !== from && station.described === path.described && station.shapes.includes(path.shape),
      );
  }
}

/** A stack that leaves by an Edge onto its network, in a direction; `key` combines the two. */
interface Exit<S extends Station> {
  readonly station: S;
  readonly direction: Direction;
  readonly stack: string;
  readonly key: string;
}

/** An offer as it arrives on a network. */
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

/** Adds a key for an Edge. Returns whether it was new. */
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

/** The hop limit of a lane: no frame passes more pieces, so no offer needs to. */
const MAX_HOPS = 64;
const MAX_ONWARDS = 65_536;
/** The most exits for one listening Shape: many times what any puzzle has. */
const MAX_EXITS = 65_536;
