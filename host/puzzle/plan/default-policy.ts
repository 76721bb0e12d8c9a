import type { Protocols } from '../../stack/protocols.ts';
import type { Mistake, Place } from './arrangement.ts';
import { type ShapeClass, ShapeClasses } from './shape-classes.ts';
import { runToEnd } from './time-slicer.ts';

/**
 * Puts the Edges that a configuration leaves out on networks where their Shapes match.
 *
 * An Edge that matches nothing on its network, and matches on exactly one other network, joins that one; this
 * repeats until nothing changes. No network gets two Edges of one piece, and two named networks stay apart.
 * Where an Edge then has a choice, the policy chooses nothing: it reports the alternatives, and joins nothing
 * there. Pure, and independent of the order of the places.
 *
 * An Edge with an entry in `edges`, even an empty one, stays as configured.
 */
export function joinByDefault(protocols: Protocols, places: readonly Place[]): DefaultJoining {
  return runToEnd(joiningByDefault(protocols, places));
}

/** The same as a generator, which yields wherever other work of the thread may have its turn. */
export function joiningByDefault(
  protocols: Protocols,
  places: readonly Place[],
): Generator<void, DefaultJoining> {
  return new DefaultPolicy(protocols, places).run();
}

/** The result of the default policy. */
export interface DefaultJoining {
  /** The same places, with the networks of their Edges filled in. */
  readonly places: readonly Place[];
  /** The decision for each Edge that was left out, in the order of names. */
  readonly decisions: readonly Decision[];
  readonly mistakes: readonly Mistake[];
  /** Networks from which an Edge may be missing only because it has a choice. */
  readonly contested: ReadonlySet<string>;
}

/** The decision for an Edge that the configuration leaves out. */
export interface Decision {
  readonly piece: string;
  readonly edge: string;
  /** Undefined for an optional Edge that stays alone. */
  readonly network?: string;
  /** In words: what the Edge matches, or why it stays alone. */
  readonly why: string;
}

/** An Edge, or one joining of a repeated Edge. */
interface Node {
  readonly placeIndex: number;
  readonly described: number;
  readonly name: string;
  readonly classes: readonly ShapeClass[];
  /** The Edge must be joined. */
  readonly isRequired: boolean;
  /** The configuration names its network. */
  readonly isNamed: boolean;
  /** A repeated Edge that was left out: it joins any number of others, each by a node made from this one. */
  readonly isTemplate: boolean;
  group: Group;
  /** The Edge matches another Edge of its group. */
  isMet: boolean;
}

/** Edges that will be on one network. */
interface Group {
  /** The name in the configuration. */
  readonly network: string | undefined;
  readonly nodes: Node[];
  readonly places: Set<number>;
}

class DefaultPolicy {
  readonly #places: readonly Place[];
  readonly #classes: ShapeClasses;
  /** In the order of names, so that no other order matters. */
  readonly #nodes: Node[] = [];
  readonly #byClass = new Map<ShapeClass, Node[]>();
  readonly #mistakes: Mistake[] = [];
  readonly #decided = new Map<Node, string>();
  readonly #stuck = new Set<Node>();
  readonly #contested = new Set<string>();

  constructor(protocols: Protocols, places: readonly Place[]) {
    this.#places = places;
    this.#classes = new ShapeClasses(protocols);
  }

  *run(): Generator<void, DefaultJoining> {
    const places = this.#places;
    const order = places.map((_, index) => index).sort((a, b) => compare(places[a]!.name, places[b]!.name));
    yield* this.#classes.adding(order.map((place) => places[place]!));
    const networks = new Map<string, Group>();
    for (const place of order) {
      this.#addPlace(place, networks);
      yield;
    }
    for (const node of this.#nodes) {
      this.#enter(node);
      yield;
    }
    for (const { nodes } of networks.values()) {
      for (const node of nodes) {
        node.isMet = this.#isMet(node);
        yield;
      }
    }
    while (yield* this.#round((node) => node.isRequired));
    while (yield* this.#round(() => true));
    for (const node of this.#nodes) {
      if (!node.isMet && !this.#stuck.has(node)) this.#reportAlone(node);
      yield;
    }
    yield* this.#reportChoices();
    return yield* this.#outcome();
  }

  #addPlace(place: number, networks: Map<string, Group>): void {
    const { name, description, edges, shapes } = this.#places[place]!;
    const described = description.edges.map((edge, index) => ({ edge, index }));
    for (const { edge, index } of described.sort((a, b) => compare(a.edge.name, b.edge.name))) {
      const make = (group: Group, only: readonly number[] | undefined, isNamed: boolean) => {
        const classes = edge.shapes.flatMap((shape, at) => {
          const found = this.#classes.of(shape);
          return found instanceof Error || only?.includes(at) === false ? [] : found;
        });
        this.#add({
          placeIndex: place,
          described: index,
          name: `${name}.${edge.name}`,
          classes: [...new Set(classes)],
          isRequired: !edge.optional || isNamed,
          isNamed,
          isTemplate: edge.repeated && !isNamed,
          group,
          isMet: false,
        });
      };
      const given = edges.get(edge.name);
      if (given === undefined) make(newGroup(undefined), undefined, false);
      for (const network of given ?? []) {
        const group = networks.get(network) ?? newGroup(network);
        networks.set(network, group);
        make(group, shapes?.get(edge.name)?.get(network), true);
      }
    }
  }

  #add(node: Node): void {
    this.#nodes.push(node);
    node.group.nodes.push(node);
    node.group.places.add(node.placeIndex);
  }

  #enter(node: Node): void {
    for (const each of node.classes) {
      const nodes = this.#byClass.get(each);
      if (nodes === undefined) this.#byClass.set(each, [node]);
      else nodes.push(node);
    }
  }

  /**
   * Joins all Edges that match nothing yet and have exactly one alternative. Returns false when there are
   * none.
   */
  *#round(concerns: (node: Node) => boolean): Generator<void, boolean> {
    const moves: { node: Node; target: Node }[] = [];
    for (const node of this.#nodes) {
      yield;
      if (node.isMet || !concerns(node) || this.#stuck.has(node)) continue;
      const [target, ...others] = this.#alternatives(node, 2);
      if (target !== undefined && others.length === 0) moves.push({ node, target });
    }
    if (moves.length === 0) return false;
    for (const cluster of clustersOf(moves)) {
      yield;
      if (this.#isPossible(cluster)) {
        this.#merge(cluster);
        continue;
      }
      // Each had one alternative only, and these exclude each other: report all of them.
      for (const { node, target } of cluster.moves) {
        this.#stuck.add(node);
        if (node.isRequired) this.#reportConflict(node, target, cluster);
      }
    }
    return true;
  }

  /** Returns one Edge of each group that a node could join, up to `limit`. */
  #alternatives(node: Node, limit: number): readonly Node[] {
    const found = new Map<Group, Node>();
    for (const own of node.classes) {
      for (const facing of this.#classes.facing(own)) {
        for (const other of this.#byClass.get(facing) ?? []) {
          if (other.placeIndex === node.placeIndex || found.has(other.group) || !canMerge(node, other))
            continue;
          found.set(other.group, other);
          if (found.size === limit) return [...found.values()];
        }
      }
    }
    return [...found.values()];
  }

  #isPossible({ groups, templates }: Cluster): boolean {
    const places = new Set<number>();
    let count = 0;
    let networks = 0;
    for (const group of groups) {
      if (group.network !== undefined) networks++;
      // A named network may have a piece twice, because the configuration says so.
      for (const place of group.places) places.add(place);
      count += group.places.size;
    }
    for (const { placeIndex } of templates) places.add(placeIndex);
    return networks < 2 && places.size === count + templates.length;
  }

  #merge({ groups, templates, moves }: Cluster): void {
    const into = groups.find(({ network }) => network !== undefined) ?? groups[0] ?? newGroup(undefined);
    for (const group of groups) {
      if (group === into) continue;
      for (const node of group.nodes) {
        node.group = into;
        into.nodes.push(node);
        into.places.add(node.placeIndex);
      }
      group.nodes.length = 0;
    }
    for (const template of templates) {
      const node: Node = { ...template, isTemplate: false, group: into, isMet: false };
      this.#add(node);
      this.#enter(node);
      template.isMet = true;
    }
    for (const node of into.nodes) if (!node.isMet) node.isMet = this.#isMet(node);
    for (const { node, target } of moves)
      if (!node.isTemplate) this.#decided.set(node, `it matches only ${target.name}`);
  }

  #isMet(node: Node): boolean {
    return node.group.nodes.some((other) => other.placeIndex !== node.placeIndex && this.#match(node, other));
  }

  #match(node: Node, other: Node): boolean {
    return node.classes.some((own) => other.classes.some((each) => this.#classes.facing(own).has(each)));
  }

  #reportConflict(node: Node, target: Node, cluster: Cluster): void {
    const others = cluster.moves.filter((move) => move.node !== node).map((move) => move.node.name);
    this.#report(
      node,
      [target],
      `it matches ${target.name} only, and with ${listed(others)} that would bring ${this.#clash(cluster)} on one network; name the networks under \`edges:\``,
    );
  }

  #clash({ groups, templates }: Cluster): string {
    const networks = groups.flatMap(({ network }) => network ?? []);
    if (networks.length > 1) return `the separate networks ${listed(networks)}`;
    const counts = new Map<number, number>();
    for (const place of [
      ...groups.flatMap((group) => [...group.places]),
      ...templates.map(({ placeIndex }) => placeIndex),
    ])
      counts.set(place, (counts.get(place) ?? 0) + 1);
    const twice = [...counts].filter(([, count]) => count > 1).map(([place]) => this.#places[place]!.name);
    return `two Edges of ${listed(twice.sort())}`;
  }

  /** Reports an Edge with several alternatives. */
  #reportAlone(node: Node): void {
    const alternatives = this.#alternatives(node, MAX_LISTED + 1).toSorted((a, b) => compare(a.name, b.name));
    if (alternatives.length < 2) return;
    if (!node.isRequired) {
      this.#decided.set(
        node,
        `it is optional, and could join ${listed(alternatives.map(({ name }) => name))}`,
      );
      return;
    }
    this.#report(
      node,
      alternatives,
      `it could join ${listed(alternatives.map(nameWithNetwork))}, and nothing says which; name its network under \`edges:\``,
    );
  }

  /**
   * Reports joined Edges that match others which are joined elsewhere: the user must choose between one
   * network and two.
   */
  *#reportChoices(): Generator<void> {
    for (const node of [...this.#nodes]) {
      yield;
      if (!node.isMet || node.group.network !== undefined || node.isTemplate) continue;
      const others = this.#alternatives(node, Infinity).filter(
        (other) =>
          other.isMet &&
          other.group.network === undefined &&
          (other.isTemplate || compare(node.name, other.name) < 0),
      );
      if (others.length === 0) continue;
      const own = node.group.nodes.filter((other) => other !== node && this.#match(node, other));
      this.#report(
        node,
        others,
        `it is joined with ${listed(own.map(({ name }) => name))}, and ${listed(others.map(({ name }) => name))} matches it too; name the networks under \`edges:\`, to bring them together or to keep them apart`,
      );
    }
  }

  #report(node: Node, alternatives: readonly Node[], message: string): void {
    const { name: piece, description } = this.#places[node.placeIndex]!;
    this.#stuck.add(node);
    for (const { group } of [node, ...alternatives])
      if (group.network !== undefined) this.#contested.add(group.network);
    const network = node.group.network;
    this.#mistakes.push({
      code: 'FT_EDGE_AMBIGUOUS',
      piece,
      edge: description.edges[node.described]!.name,
      ...(network === undefined ? {} : { network }),
      message,
    });
  }

  *#outcome(): Generator<void, DefaultJoining> {
    const networks = new Set(this.#nodes.flatMap(({ group }) => group.network ?? []));
    const names = new Map<Group, string>();
    const filled = new Map<number, Map<string, string[]>>();
    const decisions: Decision[] = [];
    for (const node of [...this.#nodes].sort((a, b) => compare(a.name, b.name))) {
      yield;
      if (node.isNamed || (node.isTemplate && node.isMet)) continue;
      const { name: piece, description } = this.#places[node.placeIndex]!;
      const edge = description.edges[node.described]!.name;
      if (!node.isMet) {
        if (!node.isRequired)
          decisions.push({
            piece,
            edge,
            why: this.#decided.get(node) ?? 'it is optional, and nothing matches it',
          });
        continue;
      }
      const { group } = node;
      const network = group.network ?? names.get(group) ?? this.#nameFor(group, networks);
      names.set(group, network);
      networks.add(network);
      const edges = filled.get(node.placeIndex) ?? new Map<string, string[]>();
      filled.set(node.placeIndex, edges);
      edges.set(edge, [...(edges.get(edge) ?? []), network]);
      const partners = group.nodes.filter(
        (other) => other.placeIndex !== node.placeIndex && this.#match(node, other),
      );
      const why = this.#decided.get(node) ?? `it matches ${listed(partners.map(({ name }) => name))}`;
      decisions.push({ piece, edge, network, why });
    }
    const places = this.#places.map((place, index) => {
      const edges = filled.get(index);
      return edges === undefined ? place : { ...place, edges: new Map([...place.edges, ...edges]) };
    });
    return { places, decisions, mistakes: this.#mistakes, contested: this.#contested };
  }

  /**
   * Names a network after the Edge that all others on it match, such as a socket that several pieces share,
   * so that the network keeps its name when another Edge joins. Where two Edges match each other, the first
   * by name counts.
   */
  #nameFor({ nodes }: Group, taken: ReadonlySet<string>): string {
    const single = nodes.filter((node) => !this.#isRepeated(node));
    const named = (single.length > 0 ? single : nodes).toSorted((a, b) => compare(a.name, b.name));
    const centre = named.find((node) => nodes.every((other) => other === node || this.#match(node, other)));
    let name = (centre ?? named[0]!).name;
    for (let n = 2; taken.has(name); n++) name = `${(centre ?? named[0]!).name}.${n}`;
    return name;
  }

  #isRepeated({ placeIndex, described }: Node): boolean {
    return this.#places[placeIndex]!.description.edges[described]!.repeated;
  }
}

/** Moves that depend on each other, and the groups that they merge. */
interface Cluster {
  readonly moves: readonly { readonly node: Node; readonly target: Node }[];
  readonly groups: readonly Group[];
  readonly templates: readonly Node[];
}

function clustersOf(moves: readonly { readonly node: Node; readonly target: Node }[]): readonly Cluster[] {
  const leaders = new Map<Group, Group>();
  const leaderOf = (group: Group): Group => {
    let leader = group;
    for (let next = leaders.get(leader); next !== undefined && next !== leader; next = leaders.get(leader))
      leader = next;
    leaders.set(group, leader);
    return leader;
  };
  for (const { node, target } of moves) {
    const group = leaderOf(node.group);
    // A repeated Edge joins each group on a separate network.
    if (!target.isTemplate && !node.isTemplate) leaders.set(leaderOf(target.group), group);
  }
  const clusters = new Map<
    Group,
    { moves: { node: Node; target: Node }[]; groups: Set<Group>; templates: Set<Node> }
  >();
  for (const move of moves) {
    const { node, target } = move;
    const isTurned = node.isTemplate && (!target.isTemplate || compare(target.name, node.name) < 0);
    const anchor = isTurned ? target : node;
    const other = anchor === node ? target : node;
    const leader = leaderOf(anchor.group);
    const cluster = clusters.get(leader) ?? { moves: [], groups: new Set(), templates: new Set() };
    clusters.set(leader, cluster);
    cluster.moves.push(move);
    for (const each of [anchor, other]) {
      if (each.isTemplate) cluster.templates.add(each);
      else cluster.groups.add(each.group);
    }
  }
  return [...clusters.values()].map(({ moves, groups, templates }) => ({
    moves,
    groups: [...groups],
    templates: [...templates],
  }));
}

function newGroup(network: string | undefined): Group {
  return { network, nodes: [], places: new Set() };
}

function canMerge(node: Node, other: Node): boolean {
  const [a, b] = [node.group, other.group];
  if (a.network !== undefined && b.network !== undefined) return false;
  const [few, many] = a.places.size < b.places.size ? [a, b] : [b, a];
  for (const place of few.places) if (many.places.has(place)) return false;
  return true;
}

function nameWithNetwork({ name, group }: Node): string {
  return group.network === undefined ? name : `${name} on network ${group.network}`;
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, MAX_LISTED);
  if (names.length > MAX_LISTED) return `${shown.join(', ')} or others`;
  return shown.length < 2 ? (shown[0] ?? '') : `${shown.slice(0, -1).join(', ')} or ${shown.at(-1)}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The most alternatives that a reader takes in at a glance. */
const MAX_LISTED = 4;
