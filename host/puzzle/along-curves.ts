import type { Piece as Description, Property } from '../../abi/host/contract.ts';
import { type Direction, opposes } from '../stack/direction.ts';
import { type Lead, leadsFrom } from './leads.ts';
import { propertyText, sizeBeyond } from './properties.ts';
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
export interface Heard<S extends Station> {
  readonly station: S;
  readonly stack: string;
}

/** What is offered somewhere else, and is true here too. */
export interface Carried {
  readonly property: Property;
  /** Who offers it. */
  readonly origin: object;
  /** By way of whom it came: they know it already. */
  readonly by: ReadonlySet<object>;
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
  hearers(from: S, direction: Direction, stack: string): Heard<S>[] {
    const found = new Map<string, Heard<S>>();
    const numbers = new Map<S, number>();
    const numberOf = (station: S) => {
      const known = numbers.get(station) ?? numbers.size;
      numbers.set(station, known);
      return known;
    };
    const exits: { readonly station: S; readonly direction: Direction; readonly stack: string }[] = [
      { station: from, direction, stack },
    ];
    const known = new Set<string>();
    for (const exit of exits) {
      for (const station of this.#byNetwork.get(exit.station.network) ?? []) {
        // Neither does one hear oneself, round a loop.
        if (station.piece === exit.station.piece || station.piece === from.piece) continue;
        const { shapes } = station.description.edges[station.described]!;
        for (const shape of station.shapes) {
          const own = shapes[shape]!;
          if (!opposes(exit.direction, own.direction)) continue;
          if (!this.#stacks.matches(exit.stack, own.stack)) continue;
          const key = `${numberOf(station)} ${exit.stack}`;
          if (!found.has(key)) found.set(key, { station, stack: exit.stack });
          for (const lead of leadsFrom(station.description, station.described, shape)) {
            const { stack: far } = station.description.edges[lead.described]!.shapes[lead.shape]!;
            const behind = this.#stacks.behind(exit.stack, own.stack, far);
            if (behind === undefined) continue;
            for (const next of this.#ends(station, lead)) {
              const onward = { station: next, direction: directionOf(next, lead), stack: behind };
              const text = `${numberOf(next)} ${onward.direction} ${behind}`;
              if (known.has(text) || exits.length >= MAX_EXITS) continue;
              known.add(text);
              exits.push(onward);
            }
          }
        }
      }
    }
    return [...found.values()];
  }

  /**
   * What is offered on each network besides what its own Edges offer: by name, where each Curve on the way keeps it; sizes
   * change as frames do. The nearest way counts, and of several that are equally near the most careful value.
   */
  offers(offered: (station: S) => readonly Property[]): ReadonlyMap<string, readonly Carried[]> {
    const carried = new Map<string, Carried[]>();
    for (const stations of this.#byPiece.values()) {
      for (const station of stations) {
        for (const property of offered(station)) {
          for (const [network, { value, by }] of this.#spread(station, property)) {
            add(carried, network, { property: { name: property.name, value }, origin: station.piece, by });
          }
        }
      }
    }
    for (const list of carried.values())
      list.sort((a, b) => compare(propertyText(a.property), propertyText(b.property)));
    return carried;
  }

  /** The other networks that one offer reaches, with its value there. */
  #spread(from: S, { name, value }: Property): Map<string, Arrival> {
    const reached = new Map<string, Arrival>();
    let front = new Map<string, Arrival>([[from.network, { value, by: new Set([from.piece]) }]]);
    for (let hops = 0; front.size > 0 && hops < MAX_HOPS; hops++) {
      const next = new Map<string, Arrival>();
      for (const [network, arrival] of front) {
        for (const station of this.#byNetwork.get(network) ?? []) {
          if (station.piece === from.piece) continue;
          for (const shape of station.shapes) {
            for (const lead of leadsFrom(station.description, station.described, shape, name)) {
              for (const end of this.#ends(station, lead)) {
                if (end.network === from.network || reached.has(end.network)) continue;
                const there = sizeBeyond({ name, value: arrival.value }, lead.overhead);
                next.set(end.network, moreCareful(next.get(end.network), there, station.piece));
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
  #ends(from: S, lead: Lead): S[] {
    return this.#byPiece
      .get(from.piece)!
      .filter(
        (station) =>
          station !== from && station.described === lead.described && station.shapes.includes(lead.shape),
      );
  }
}

/** An offer as it comes to a network. */
interface Arrival {
  readonly value: Property['value'];
  readonly by: ReadonlySet<object>;
}

function moreCareful(known: Arrival | undefined, value: Property['value'], by: object): Arrival {
  if (known === undefined) return { value, by: new Set([by]) };
  const isLess = 'val' in value && 'val' in known.value && value.val < known.value.val;
  return { value: isLess ? value : known.value, by: new Set([...known.by, by]) };
}

function directionOf({ description, described }: Station, { shape }: Lead): Direction {
  return description.edges[described]!.shapes[shape]!.direction;
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
/** Where one listening Shape may come out: many times what any puzzle has. */
const MAX_EXITS = 65_536;
