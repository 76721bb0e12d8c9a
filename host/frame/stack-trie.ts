import { partAboveNetwork } from '../stack/match.ts';
import type { Protocols } from '../stack/protocols.ts';
import type { Port, Stack, Step } from '../stack/stack.ts';
import { EdgeTable } from './edge-table.ts';

/**
 * Stacks with tags, as a trie. Nodes are numbers, and the edges between them are in one hash. So stacks come
 * and go while frames flow, without recompilation, and nodes keep their numbers while a stack uses them.
 */
export class StackTrie {
  readonly edges = new EdgeTable();
  /** The flags of each node. Replaced when it grows. */
  flags = new Uint8Array(64);
  /**
   * By node: the tags of stacks that end there, and the children. A walk reads them only if a flag shows that
   * there are any.
   */
  readonly tags: number[][] = [];
  readonly children: number[][] = [];
  /** The edge that leads to a node. */
  readonly edgeTo: number[] = [];
  /** The number of stacks that begin above a network header. */
  fromAbove = 0;

  readonly #protocols: Protocols;
  readonly #above: number[] = [];
  readonly #freeNodes: number[] = [];

  constructor(protocols: Protocols) {
    this.#protocols = protocols;
    this.#newNode(NONE, 0);
    this.#newNode(NONE, 0);
  }

  /**
   * @param isBeside whether a tag of the node belongs together with the new one, which is then inserted
   * behind the last such tag
   * @throws FunnelError FT_PROTOCOL_FULL if the stack has numbers for which no protocol number is left
   */
  add(stack: Stack, tag: number, isBeside: (other: number) => boolean = () => false): void {
    for (const { origin, edges } of this.#waysOf(stack)) {
      let node = origin;
      for (const edge of edges) {
        let child = this.edges.get(node, edge);
        if (child < 0) {
          child = this.#newNode(node, edge);
          this.edges.set(node, edge, child);
          this.children[node]!.push(child);
          this.flags[node]! |= edgeFlag(edge);
          if (edge >= EITHER_PORT || this.#isAgreed(edge)) this.flags[child]! |= IS_OPEN;
        }
        node = child;
      }
      const tags = this.tags[node]!;
      const beside = tags.findLastIndex(isBeside);
      tags.splice(beside < 0 ? tags.length : beside + 1, 0, tag);
      this.flags[node]! |= HAS_TAGS;
      if (origin === ABOVE) this.fromAbove++;
    }
  }

  /** Undoes one `add` with the same stack and tag. Without such an `add` it does nothing. */
  remove(stack: Stack, tag: number): void {
    for (const { origin, edges } of this.#waysOf(stack)) {
      let node = origin;
      for (let n = 0; n < edges.length && node >= 0; n++) node = this.edges.get(node, edges[n]!);
      if (node < 0) continue;
      const tags = this.tags[node]!;
      const at = tags.indexOf(tag);
      if (at < 0) continue;
      tags.splice(at, 1);
      if (tags.length === 0) this.flags[node]! &= ~HAS_TAGS;
      if (origin === ABOVE) this.fromAbove--;
      this.#prune(node);
    }
  }

  /** Whether the contents of a protocol may be agreed, so that a stack determines them. */
  #isAgreed(edge: number): boolean {
    return edge < NAME_SPACE && this.#protocols.definition(edge)?.header?.agreed === true;
  }

  /**
   * All combinations of a stack's sets, as edges of the trie. They are computed once for a stack, because
   * frames wait while pieces join.
   */
  #waysOf(stack: Stack): readonly Way[] {
    const protocols = this.#protocols;
    const known = knownWays.get(stack);
    if (known?.protocols === protocols && known.version === protocols.version) return known.ways;
    const ways = this.#waysFrom(ROOT, stack);
    const above = partAboveNetwork(stack, protocols);
    if (above !== undefined) ways.push(...this.#waysFrom(ABOVE, above));
    knownWays.set(stack, { protocols, version: protocols.version, ways });
    return ways;
  }

  #waysFrom(origin: number, { steps, nameSpace }: Stack): Way[] {
    if (steps.length === 0) {
      return [{ origin, edges: [NAME_SPACE | this.#protocols.nameSpaceNumber(nameSpace ?? '')] }];
    }
    let ways: (readonly number[])[] = [[]];
    for (const step of steps) {
      const layer = this.#edgesOf(step);
      ways = ways.flatMap((edges) => layer.map((edge) => [...edges, edge]));
    }
    return ways.map((edges) => ({ origin, edges }));
  }

  #edgesOf(step: Step): readonly number[] {
    if (step.kind === 'ports') return step.ports.flatMap(portEdge);
    return step.protocols.map((name) => this.#protocols.numberInStack(name)).filter((number) => number !== 0);
  }

  #newNode(above: number, edge: number): number {
    const node = this.#freeNodes.pop() ?? this.tags.length;
    if (node === this.tags.length && node === this.flags.length) {
      const flags = new Uint8Array(this.flags.length * 2);
      flags.set(this.flags);
      this.flags = flags;
    }
    this.tags[node] = [];
    this.children[node] = [];
    this.#above[node] = above;
    this.edgeTo[node] = edge;
    this.flags[node] = 0;
    return node;
  }

  /** Removes nodes that no stack uses any more, from a node up. */
  #prune(leaf: number): void {
    let node = leaf;
    while (node > ABOVE && this.tags[node]!.length === 0 && this.children[node]!.length === 0) {
      const above = this.#above[node]!;
      const edge = this.edgeTo[node]!;
      this.edges.delete(above, edge);
      const siblings = this.children[above]!;
      siblings.splice(siblings.indexOf(node), 1);
      const flag = edgeFlag(edge);
      // Stryker disable next-line ConditionalExpression,AssignmentOperator: a flag that stays costs time.
      if (!siblings.some((sibling) => edgeFlag(this.edgeTo[sibling]!) === flag)) this.flags[above]! &= ~flag;
      this.#freeNodes.push(node);
      node = above;
    }
  }
}

/** The nodes from which a stack continues, and the edges. */
interface Way {
  readonly origin: number;
  readonly edges: readonly number[];
}

/** Valid until a protocol is defined or numbered. */
const knownWays = new WeakMap<
  Stack,
  { readonly protocols: Protocols; readonly version: number; readonly ways: readonly Way[] }
>();

export const NONE = -1;
/** Where stacks begin at a frame's first header, or above links. */
export const ROOT = 0;
/** Where stacks begin above one network header. */
export const ABOVE = 1;

/** Kinds of edges, above 16 bits of value; 0 is a protocol. */
export const NAME_SPACE = 1 << 16;
export const EITHER_PORT = 2 << 16;
export const REMOTE_PORT = 3 << 16;
export const LOCAL_PORT = 4 << 16;

/** Flags of a node. */
export const HAS_TAGS = 1;
export const HAS_PROTOCOLS = 2;
export const HAS_NAME_SPACES = 4;
export const HAS_EITHER = 8;
export const HAS_REMOTE = 16;
export const HAS_LOCAL = 32;
/** A stack determines the contents: the node is a port, or a protocol whose contents are agreed. */
export const IS_OPEN = 64;
const EDGE_FLAGS = [HAS_PROTOCOLS, HAS_NAME_SPACES, HAS_EITHER, HAS_REMOTE, HAS_LOCAL];

function edgeFlag(edge: number): number {
  return EDGE_FLAGS[edge >>> 16]!;
}

function portEdge({ end, port }: Port): number[] {
  if (port === 'open') return [];
  if (end === 'local') return [LOCAL_PORT | port];
  return [(end === 'remote' ? REMOTE_PORT : EITHER_PORT) | port];
}
