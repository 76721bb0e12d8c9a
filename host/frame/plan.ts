import { partAboveNetwork } from '../stack/match.ts';
import type { Protocols } from '../stack/protocols.ts';
import type { Port, Stack, Step } from '../stack/stack.ts';
import { EdgeTable } from './edge-table.ts';
import type { Frames } from './frames.ts';
import * as framesConstants from './frames.ts';
import * as layoutsConstants from './layouts.ts';
import { Layouts } from './layouts.ts';
import { Parser, trailersOutside } from './parser.ts';

// The engine folds a module's own constants into the machine code; imported ones it loads and tests at each use.
const { MAX_PARTS, PART_WORDS } = framesConstants;
const {
  DESTINATION_PORT_AT,
  FLAGS,
  HAS_HEADER,
  IS_LINK,
  IS_NETWORK,
  IS_TRANSPARENT,
  MINIMUM,
  NEXT_SPACE,
  SOURCE_PORT_AT,
  STRIDE,
} = layoutsConstants;

/**
 * What a Joint wants of the frames that come to it: a trie of stacks. Walking it over a frame parses exactly as deep as
 * something wants, and tells who.
 *
 * A walk holds a small set of trie nodes, since a stack may begin at the outermost header, above links, or (when it begins
 * with what IP carries) above one IP header; and since one header's two ports may each be wanted. It allocates nothing.
 * The edges of the trie stand in one hash, so stacks come and go while frames flow without anything being recompiled, and
 * nodes keep their numbers.
 */
export class Plan {
  /** Parts in front of the stack of the last walk's node. */
  skipHeaders = 0;
  /** Trailers behind it. */
  skipTrailers = 0;
  /** Why the last walk could not go deeper where something wanted it to: 0, or what {@link problemName} names. */
  problem = 0;

  readonly #protocols: Protocols;
  readonly #layouts: Layouts;
  readonly #parser: Parser;
  readonly #edges = new EdgeTable();

  // By node. `#tags` and `#children` are read while walking only where a flag says that there are any.
  #flags = new Uint8Array(64);
  readonly #tags: number[][] = [];
  readonly #children: number[][] = [];
  readonly #above: number[] = [];
  readonly #edgeTo: number[] = [];
  readonly #freeNodes: number[] = [];
  /** How many stacks begin above a network header. */
  #fromAbove = 0;

  // The state of a walk, by node: the part where the accepted stack begins; who accepted before; in which walk it
  // accepted; at which header it was last put in the set. Then the set itself: nodes, and where their stacks begin.
  #acceptedBase = new Int32Array(64);
  #acceptedBefore = new Int32Array(64);
  #acceptedIn = new Int32Array(64);
  #pushedAt = new Int32Array(64);
  #set = new Int32Array(64);
  #nextSet = new Int32Array(64);
  #bases = new Int32Array(64);
  #nextBases = new Int32Array(64);
  /** Where each node of the set goes with the header at hand, or -1. */
  #found = new Int32Array(64);
  #setSize = 0;
  #nextSize = 0;
  #walk = 0;
  #tick = 0;
  #deepest = NONE;
  #lastFrames: Frames | undefined;
  #lastRow = 0;

  constructor(protocols: Protocols, wanted: readonly { readonly stack: Stack; readonly tag: number }[] = []) {
    this.#protocols = protocols;
    this.#layouts = Layouts.of(protocols);
    this.#parser = new Parser(protocols);
    this.#newNode(NONE, 0);
    this.#newNode(NONE, 0);
    for (const { stack, tag } of wanted) this.add(stack, tag);
  }

  /**
   * Wants a stack from now on. An open step accepts nothing: the stacks with the ports that fill it are added besides.
   *
   * @throws FunnelError FT_PROTOCOL_FULL when the stack has numbers for which no protocol number is left
   */
  add(stack: Stack, tag: number): void {
    this.#eachWay(stack, (origin, edges) => {
      let node = origin;
      for (const edge of edges) {
        let child = this.#edges.get(node, edge);
        if (child < 0) {
          child = this.#newNode(node, edge);
          this.#edges.set(node, edge, child);
          this.#children[node]!.push(child);
          this.#flags[node]! |= edgeFlag(edge);
          if (isPort(edge)) this.#flags[child]! |= IS_PORT;
        }
        node = child;
      }
      this.#tags[node]!.push(tag);
      this.#flags[node]! |= HAS_TAGS;
      if (origin === ABOVE) this.#fromAbove++;
    });
    this.#layouts.refresh();
  }

  /** Takes back what one `add` with the same stack and tag has added. Nothing when there was none. */
  remove(stack: Stack, tag: number): void {
    this.#eachWay(stack, (origin, edges) => {
      let node = origin;
      for (const edge of edges) {
        node = this.#edges.get(node, edge);
        if (node < 0) return;
      }
      const tags = this.#tags[node]!;
      const at = tags.indexOf(tag);
      if (at < 0) return;
      tags.splice(at, 1);
      if (tags.length === 0) this.#flags[node]! &= ~HAS_TAGS;
      if (origin === ABOVE) this.#fromAbove--;
      this.#prune(node);
    });
  }

  /**
   * Finds what wants a frame, and parses the frame so far. `towardUp`: the frame travels up, so that its destination is
   * the local end.
   *
   * @returns the deepest node that accepts it, or -1. Nodes at the same header are in order of how much they say: a local
   * port before a remote one, before one of either end; a longer stack before a shorter one.
   */
  walk(frames: Frames, row: number, towardUp: boolean): number {
    this.#beginWalk(frames, row);
    const words = frames.partWords;
    const first = row * MAX_PARTS * PART_WORDS;
    const namesSpaces = ((this.#flags[ROOT]! | this.#flags[ABOVE]!) & HAS_NAME_SPACES) !== 0;
    for (let part = 0; part < frames.partCount[row]! && this.#setSize > 0; part++) {
      const at = first + part * PART_WORDS;
      const kind = words[at]!;
      const role = (kind >>> 16) & 0xff;
      let protocol = kind & 0xffff;
      if (role > 1) break;
      const isPayload = role === 1;
      if (isPayload && protocol === 0 && part > 0) protocol = this.#parser.next(frames, row, part - 1);
      if (namesSpaces)
        this.#acceptNameSpaces(protocol, part, part > 0 ? words[at - PART_WORDS]! : PAYLOAD_KIND);
      let isHeader = true;
      if (isPayload && protocol === 0) {
        protocol = this.#deepenBehindPort(frames, row, part);
        if (protocol === 0) break;
        this.#find(protocol);
      } else {
        const isWanted = this.#find(protocol);
        if (isPayload) {
          if (!isWanted) break;
          isHeader = (this.#layouts.data[protocol * STRIDE + FLAGS]! & HAS_HEADER) !== 0;
          if (isHeader) {
            this.problem = this.#parser.deepen(frames, row, part, protocol);
            if (this.problem !== 0) break;
          }
        }
      }
      this.#step(frames, at, protocol, part, towardUp, isHeader);
      if (!isHeader) break;
    }
    const node = this.#deepest;
    if (node < 0) return NONE;
    this.skipHeaders = this.#acceptedBase[node]!;
    this.skipTrailers = this.skipTrailersOf(node);
    return node;
  }

  /** The tags of the stacks that end at a node. */
  accepts(node: number): readonly number[] {
    return this.#tags[node] ?? [];
  }

  /** The node that comes after `node` among those that accepted the frame of the last walk: shallower, or less specific; or -1. */
  parent(node: number): number {
    return this.#acceptedIn[node] === this.#walk ? this.#acceptedBefore[node]! : NONE;
  }

  /** As {@link skipHeaders}, for any node that accepted the frame of the last walk. */
  skipHeadersOf(node: number): number {
    return this.#acceptedBase[node]!;
  }

  /** As {@link skipTrailers}, for any node that accepted the frame of the last walk. */
  skipTrailersOf(node: number): number {
    return this.#lastFrames === undefined
      ? 0
      : trailersOutside(this.#lastFrames, this.#lastRow, this.#acceptedBase[node]!);
  }

  /** The name to count a problem under, such as `ipv6-truncated`. */
  problemName(problem: number): string {
    return this.#parser.problemName(problem);
  }

  #beginWalk(frames: Frames, row: number): void {
    if (this.#tick > LAST_TICK) {
      this.#tick = 0;
      this.#walk = 0;
      this.#pushedAt.fill(0);
      this.#acceptedIn.fill(0);
    }
    this.#layouts.refresh();
    this.#walk++;
    this.#tick++;
    this.problem = 0;
    this.skipHeaders = 0;
    this.skipTrailers = 0;
    this.#deepest = NONE;
    this.#lastFrames = frames;
    this.#lastRow = row;
    this.#set[0] = ROOT;
    this.#setSize = (this.#flags[ROOT]! | this.#flags[ABOVE]!) === 0 ? 0 : 1;
  }

  /** One header, already parsed: each node of the set goes on, accepts, or falls away. */
  #step(
    frames: Frames,
    at: number,
    protocol: number,
    part: number,
    towardUp: boolean,
    isHeader: boolean,
  ): void {
    const flags = this.#layouts.data[protocol * STRIDE + FLAGS] ?? 0;
    this.#tick++;
    this.#nextSize = 0;
    const passes = (flags & (IS_LINK | IS_NETWORK | IS_TRANSPARENT)) !== 0;
    for (let i = 0; passes && i < this.#setSize; i++) {
      const node = this.#set[i]!;
      if (node === ROOT) {
        if ((flags & IS_LINK) !== 0) this.#push(ROOT, 0);
        if ((flags & IS_NETWORK) !== 0 && this.#fromAbove > 0) this.#push(ABOVE, 0);
      } else if ((flags & IS_TRANSPARENT) !== 0) {
        this.#push(node, this.#bases[i]!);
      }
    }
    for (let i = 0; i < this.#setSize; i++) {
      const node = this.#set[i]!;
      const child = this.#found[i]!;
      // What is already in the next set (it stands at a transparent header like itself) began further out.
      if (child < 0 || this.#pushedAt[child] === this.#tick) continue;
      const base = node <= ABOVE ? part : this.#bases[i]!;
      this.#reach(child, base);
      if (isHeader && (this.#flags[child]! & HAS_PORTS) !== 0)
        this.#reachPorts(frames, at, child, base, towardUp);
    }
    const set = this.#set;
    this.#set = this.#nextSet;
    this.#nextSet = set;
    const bases = this.#bases;
    this.#bases = this.#nextBases;
    this.#nextBases = bases;
    this.#setSize = this.#nextSize;
  }

  #reachPorts(frames: Frames, at: number, node: number, base: number, towardUp: boolean): void {
    const { data } = this.#layouts;
    const layout = this.#edgeTo[node]! * STRIDE;
    const sourceAt = data[layout + SOURCE_PORT_AT]!;
    // A header of a piece's making may be shorter than its protocol says.
    if (sourceAt < 0 || frames.partWords[at + 2]! < data[layout + MINIMUM]!) return;
    const { bytes } = frames;
    const address = frames.partWords[at + 1]!;
    const source = (bytes[address + sourceAt]! << 8) | bytes[address + sourceAt + 1]!;
    const destinationAt = address + data[layout + DESTINATION_PORT_AT]!;
    const destination = (bytes[destinationAt]! << 8) | bytes[destinationAt + 1]!;
    const local = towardUp ? destination : source;
    const remote = towardUp ? source : destination;
    const flags = this.#flags[node]!;
    if ((flags & HAS_EITHER) !== 0) {
      this.#reachPort(node, EITHER_PORT | remote, base);
      if (local !== remote) this.#reachPort(node, EITHER_PORT | local, base);
    }
    if ((flags & HAS_REMOTE) !== 0) this.#reachPort(node, REMOTE_PORT | remote, base);
    if ((flags & HAS_LOCAL) !== 0) this.#reachPort(node, LOCAL_PORT | local, base);
  }

  #reachPort(node: number, edge: number, base: number): void {
    const child = this.#edges.get(node, edge);
    if (child >= 0) this.#reach(child, base);
  }

  #reach(node: number, base: number): void {
    const flags = this.#flags[node]!;
    if ((flags & HAS_TAGS) !== 0) this.#accept(node, base);
    if ((flags & HAS_PROTOCOLS) !== 0) this.#push(node, base);
  }

  /** The outermost place where a stack is met is the one that counts. */
  #accept(node: number, base: number): void {
    if (this.#acceptedIn[node] === this.#walk) return;
    this.#acceptedIn[node] = this.#walk;
    this.#acceptedBefore[node] = this.#deepest;
    this.#acceptedBase[node] = base;
    this.#deepest = node;
  }

  #push(node: number, base: number): void {
    if (this.#pushedAt[node] === this.#tick) return;
    this.#pushedAt[node] = this.#tick;
    this.#nextBases[this.#nextSize] = base;
    this.#nextSet[this.#nextSize++] = node;
  }

  /** Looks up where each stack of the set goes with this protocol. Whether any does, or looks through it. */
  #find(protocol: number): boolean {
    const flags = this.#layouts.data[protocol * STRIDE + FLAGS]!;
    const set = this.#set;
    const found = this.#found;
    let isWanted = false;
    for (let i = 0; i < this.#setSize; i++) {
      const node = set[i]!;
      const child = this.#edges.get(node, protocol);
      found[i] = child;
      if (child >= 0) isWanted = true;
      else if (node !== ROOT) isWanted ||= (flags & IS_TRANSPARENT) !== 0;
      else isWanted ||= (flags & IS_LINK) !== 0 || ((flags & IS_NETWORK) !== 0 && this.#fromAbove > 0);
    }
    return isWanted;
  }

  /** Stacks of a Name Space alone accept what stands in it, be it known or not. `before` is the kind of the part in front. */
  #acceptNameSpaces(protocol: number, part: number, before: number): void {
    for (let i = 0; i < this.#setSize; i++) {
      const node = this.#set[i]!;
      if (node > ABOVE || (this.#flags[node]! & HAS_NAME_SPACES) === 0) continue;
      const { tables, data } = this.#layouts;
      const memberships = this.#protocols.memberships(protocol);
      for (let m = 0; m < memberships.length; m++) this.#acceptNameSpace(node, memberships[m]!, part);
      // A header tells the Name Space of what it contains, also when nobody knows the identifier.
      if ((before & ROLE) !== 0) continue;
      const nameSpace = data[(before & 0xffff) * STRIDE + NEXT_SPACE] ?? NONE;
      if (nameSpace >= 0 && nameSpace < tables.length) this.#acceptNameSpace(node, nameSpace, part);
    }
  }

  #acceptNameSpace(node: number, nameSpace: number, part: number): void {
    const child = this.#edges.get(node, NAME_SPACE | nameSpace);
    if (child >= 0 && (this.#flags[child]! & HAS_TAGS) !== 0) this.#accept(child, part);
  }

  /** A port step followed by protocols says what the port carries: the first that can be parsed. Its number, or 0. */
  #deepenBehindPort(frames: Frames, row: number, part: number): number {
    for (let i = this.#setSize - 1; i >= 0; i--) {
      const node = this.#set[i]!;
      if ((this.#flags[node]! & IS_PORT) === 0) continue;
      const children = this.#children[node]!;
      for (let c = 0; c < children.length; c++) {
        const protocol = this.#edgeTo[children[c]!]!;
        const problem = this.#parser.deepen(frames, row, part, protocol);
        if (problem === 0) {
          this.problem = 0;
          return protocol;
        }
        this.problem = problem;
      }
    }
    return 0;
  }

  /** All ways through a stack's sets, as the edges of the trie. */
  #eachWay(stack: Stack, way: (origin: number, edges: readonly number[]) => void): void {
    this.#waysFrom(ROOT, stack, way);
    const above = partAboveNetwork(stack, this.#protocols);
    if (above !== undefined) this.#waysFrom(ABOVE, above, way);
  }

  #waysFrom(origin: number, stack: Stack, way: (origin: number, edges: readonly number[]) => void): void {
    if (stack.steps.length === 0) {
      way(origin, [NAME_SPACE | this.#protocols.nameSpaceNumber(stack.nameSpace ?? '')]);
      return;
    }
    const layers = stack.steps.map((step) => this.#edgesOf(step));
    const continueWith = (edges: readonly number[]): void => {
      const layer = layers[edges.length];
      if (layer === undefined) way(origin, edges);
      else for (const edge of layer) continueWith([...edges, edge]);
    };
    continueWith([]);
  }

  #edgesOf(step: Step): readonly number[] {
    if (step.kind === 'ports') return step.ports.flatMap(portEdge);
    return step.protocols.map((name) => this.#protocols.numberInStack(name)).filter((number) => number !== 0);
  }

  #newNode(above: number, edge: number): number {
    const node = this.#freeNodes.pop() ?? this.#tags.length;
    if (node === this.#tags.length && node === this.#flags.length) this.#grow();
    this.#tags[node] = [];
    this.#children[node] = [];
    this.#above[node] = above;
    this.#edgeTo[node] = edge;
    this.#flags[node] = 0;
    this.#acceptedIn[node] = 0;
    this.#pushedAt[node] = 0;
    return node;
  }

  /** Takes away what leads nowhere, from a node up. */
  #prune(leaf: number): void {
    let node = leaf;
    while (node > ABOVE && this.#tags[node]!.length === 0 && this.#children[node]!.length === 0) {
      const above = this.#above[node]!;
      const edge = this.#edgeTo[node]!;
      this.#edges.delete(above, edge);
      const siblings = this.#children[above]!;
      siblings.splice(siblings.indexOf(node), 1);
      const flag = edgeFlag(edge);
      if (!siblings.some((sibling) => edgeFlag(this.#edgeTo[sibling]!) === flag))
        this.#flags[above]! &= ~flag;
      this.#freeNodes.push(node);
      node = above;
    }
  }

  #grow(): void {
    const capacity = this.#flags.length * 2;
    const flags = new Uint8Array(capacity);
    flags.set(this.#flags);
    this.#flags = flags;
    const grown = (old: Int32Array) => {
      const array = new Int32Array(capacity);
      array.set(old);
      return array;
    };
    this.#acceptedBase = grown(this.#acceptedBase);
    this.#acceptedBefore = grown(this.#acceptedBefore);
    this.#acceptedIn = grown(this.#acceptedIn);
    this.#pushedAt = grown(this.#pushedAt);
    this.#set = grown(this.#set);
    this.#nextSet = grown(this.#nextSet);
    this.#bases = grown(this.#bases);
    this.#nextBases = grown(this.#nextBases);
    this.#found = grown(this.#found);
  }
}

const NONE = -1;
/** Where stacks begin at a frame's first header, or above links. */
const ROOT = 0;
/** Where stacks begin above one network header. */
const ABOVE = 1;

/** Kinds of edges, above 16 bits of value; 0 is a protocol. */
const NAME_SPACE = 1 << 16;
const EITHER_PORT = 2 << 16;
const REMOTE_PORT = 3 << 16;
const LOCAL_PORT = 4 << 16;

/** What a node has. */
const HAS_TAGS = 1;
const HAS_PROTOCOLS = 2;
const HAS_NAME_SPACES = 4;
const HAS_EITHER = 8;
const HAS_REMOTE = 16;
const HAS_LOCAL = 32;
const HAS_PORTS = HAS_EITHER | HAS_REMOTE | HAS_LOCAL;
const IS_PORT = 64;
const EDGE_FLAGS = [HAS_PROTOCOLS, HAS_NAME_SPACES, HAS_EITHER, HAS_REMOTE, HAS_LOCAL];

const ROLE = 0xff0000;
const PAYLOAD_KIND = 1 << 16;
/** A walk takes at most one tick a part, so none overflows 31 bits. */
const LAST_TICK = 0x7fffff00;

function edgeFlag(edge: number): number {
  return EDGE_FLAGS[edge >>> 16]!;
}

function isPort(edge: number): boolean {
  return edge >= EITHER_PORT;
}

function portEdge({ end, port }: Port): number[] {
  if (port === 'open') return [];
  if (end === 'local') return [LOCAL_PORT | port];
  return [(end === 'remote' ? REMOTE_PORT : EITHER_PORT) | port];
}
