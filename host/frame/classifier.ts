import type { Protocols } from '../stack/protocols.ts';
import type { Stack } from '../stack/stack.ts';
import type { Frames } from './frames.ts';
import * as framesConstants from './frames.ts';
import * as layoutsConstants from './layouts.ts';
import { Layouts } from './layouts.ts';
import { Parser } from './parser.ts';
import { trailersOutside } from './scope.ts';
import * as trieConstants from './stack-trie.ts';
import { StackTrie } from './stack-trie.ts';

// The engine folds a module's own constants into the machine code; imported ones it loads and tests at each
// use.
const { MAX_PARTS, PART_WORDS } = framesConstants;
const {
  DESTINATION_PORT_AT,
  FLAGS,
  HAS_BROUGHT,
  HAS_HEADER,
  IS_BROUGHT,
  IS_ITEM,
  IS_LEAF,
  IS_LINK,
  IS_NETWORK,
  IS_TRANSPARENT,
  MINIMUM,
  NEXT_SPACE,
  SOURCE_PORT_AT,
  STRIDE,
} = layoutsConstants;
const {
  ABOVE,
  EITHER_PORT,
  HAS_EITHER,
  HAS_LOCAL,
  HAS_NAME_SPACES,
  HAS_PROTOCOLS,
  HAS_REMOTE,
  HAS_TAGS,
  IS_OPEN,
  LOCAL_PORT,
  NAME_SPACE,
  NONE,
  REMOTE_PORT,
  ROOT,
} = trieConstants;
const HAS_PORTS = HAS_EITHER | HAS_REMOTE | HAS_LOCAL;

/**
 * The stacks that one direction of a Joint wants, as a trie. Walking it over a frame parses exactly as deep
 * as a stack wants, and finds the stacks that accept the frame.
 *
 * A walk holds a small set of trie nodes, since a stack may begin at the outermost header, above links, or
 * (when it begins with what IP carries) above one IP header; and since stacks may want each of a header's two
 * ports. In a list of items, such as the chunks of SCTP, each item begins with the set with which the first
 * began. A walk allocates nothing.
 *
 * This file is long on purpose: all methods run for each frame on the state of one walk, which private fields
 * and constants of this module keep cheap to read. The trie and its edges are in `stack-trie.ts` and
 * `edge-table.ts`, which change only when pieces join or listen.
 */
export class Classifier {
  /** Parts in front of the stack that the last walk found. */
  skipHeaders = 0;
  /** Trailers behind it. */
  skipTrailers = 0;
  /**
   * The reason why the last walk could not go as deep as a stack wanted: 0, or a problem that
   * {@link problemName} names.
   */
  problem = 0;

  readonly #protocols: Protocols;
  readonly #layouts: Layouts;
  readonly #parser: Parser;
  readonly #trie: StackTrie;

  // The state of a walk, by node: the part where the accepted stack begins; the node that accepted before;
  // the walk in which it accepted; the header at which it was last put in the set. Then the set: nodes, and
  // where their stacks begin.
  #acceptedBase = new Int32Array(64);
  #acceptedBefore = new Int32Array(64);
  #acceptedIn = new Int32Array(64);
  #pushedAt = new Int32Array(64);
  #set = new Int32Array(64);
  #nextSet = new Int32Array(64);
  #bases = new Int32Array(64);
  #nextBases = new Int32Array(64);
  /** The child of each node of the set for the current header, or -1. */
  #found = new Int32Array(64);
  #setSize = 0;
  #nextSize = 0;
  // The sets with which open items began, one behind the other; then, by depth, the item and the end of its
  // set.
  #kept = new Int32Array(0);
  #keptBases = new Int32Array(0);
  readonly #openItems = new Int32Array(MAX_OPEN_ITEMS);
  readonly #keptEnd = new Int32Array(MAX_OPEN_ITEMS);
  #openCount = 0;
  #walk = 0;
  #tick = 0;
  #deepest = NONE;
  #lastFrames: Frames | undefined;
  #lastRow = 0;
  /**
   * Whether the current walk has read only the kinds of parts, so that it ends alike for other frames with
   * the same kinds.
   */
  #isByKinds = false;
  // The kinds of all parts of the last frame, if its walk read only kinds; otherwise the count is NONE. Then
  // the number of protocols at that time. The direction of travel matters to ports only, and those are read
  // from bytes.
  readonly #lastKinds = new Uint32Array(MAX_PARTS);
  #lastCount = NONE;
  #lastProtocols = 0;

  constructor(protocols: Protocols, wanted: readonly { readonly stack: Stack; readonly tag: number }[] = []) {
    this.#protocols = protocols;
    this.#layouts = Layouts.of(protocols);
    this.#parser = new Parser(protocols);
    this.#trie = new StackTrie(protocols);
    for (const { stack, tag } of wanted) this.add(stack, tag);
  }

  /**
   * Adds a stack. An open step accepts nothing: stacks with the ports that fill it are added separately.
   *
   * @param isBeside whether {@link accepts} returns a tag next to the new one
   * @throws FunnelError FT_PROTOCOL_FULL when the stack has numbers for which no protocol number is left
   */
  add(stack: Stack, tag: number, isBeside?: (other: number) => boolean): void {
    this.#lastCount = NONE;
    this.#trie.add(stack, tag, isBeside);
    this.#layouts.refresh();
    if (this.#trie.flags.length > this.#set.length) this.#grow(this.#trie.flags.length);
  }

  /** Undoes one `add` with the same stack and tag. Without such an `add` it does nothing. */
  remove(stack: Stack, tag: number): void {
    this.#lastCount = NONE;
    this.#trie.remove(stack, tag);
  }

  /**
   * Finds the stacks that accept a frame, and parses the frame as deep as they want. With `towardUp` the
   * frame travels up, so its destination is the local end.
   *
   * @returns the deepest node that accepts the frame, or -1. Nodes at the same header are in order of
   * precision: a local port before a remote one, before one of either end; a longer stack before a shorter
   * one.
   */
  walk(frames: Frames, row: number, towardUp: boolean): number {
    if (this.#isAsLast(frames, row)) {
      // All results of the last walk hold for this frame as well.
      this.#lastFrames = frames;
      this.#lastRow = row;
      return this.#deepest;
    }
    this.#beginWalk(frames, row);
    const node = this.#walkParts(frames, row, towardUp);
    if (this.#isByKinds) this.#remember(frames, row);
    return node;
  }

  /**
   * Whether a frame's parts have the same kinds as those of the last frame: frames of one flow follow one
   * another.
   */
  #isAsLast(frames: Frames, row: number): boolean {
    const count = this.#lastCount;
    if (frames.partCount[row] !== count || this.#protocols.count !== this.#lastProtocols) return false;
    const kinds = this.#lastKinds;
    const words = frames.partWords;
    for (let part = 0, at = row * MAX_PARTS * PART_WORDS; part < count; part++, at += PART_WORDS) {
      if (words[at] !== kinds[part]) return false;
    }
    return true;
  }

  #remember(frames: Frames, row: number): void {
    const count = frames.partCount[row]!;
    const words = frames.partWords;
    for (let part = 0, at = row * MAX_PARTS * PART_WORDS; part < count; part++, at += PART_WORDS)
      this.#lastKinds[part] = words[at]!;
    this.#lastCount = count;
    this.#lastProtocols = this.#protocols.count;
  }

  #walkParts(frames: Frames, row: number, towardUp: boolean): number {
    const words = frames.partWords;
    const { data } = this.#layouts;
    const { flags: nodeFlags } = this.#trie;
    const first = row * MAX_PARTS * PART_WORDS;
    const namesSpaces = ((nodeFlags[ROOT]! | nodeFlags[ABOVE]!) & HAS_NAME_SPACES) !== 0;
    for (let part = 0; part < frames.partCount[row]! && (this.#setSize > 0 || this.#openCount > 0); part++) {
      const at = first + part * PART_WORDS;
      const kind = words[at]!;
      const role = (kind >>> 16) & 0xff;
      let protocol = kind & 0xffff;
      if (role > 1) {
        // Inside an item, trailers of other headers appear as well.
        if (!this.#closeItem(protocol) && this.#openCount === 0) break;
        continue;
      }
      const isPayload = role === 1;
      // A payload is identified by the bytes in front of it, and parsed.
      // Stryker disable next-line ConditionalExpression: equal frames are only walked anew.
      if (isPayload) this.#isByKinds = false;
      if (isPayload && protocol === 0 && part > 0) protocol = this.#parser.next(frames, row, part - 1);
      if (isPayload && (data[protocol * STRIDE + FLAGS]! & (HAS_BROUGHT | IS_BROUGHT)) !== 0)
        protocol = this.#asNamed(frames, row, part, protocol);
      const isItem = (data[protocol * STRIDE + FLAGS]! & IS_ITEM) !== 0;
      if (isItem && !this.#openItem(protocol)) break;
      if (namesSpaces)
        this.#acceptNameSpaces(protocol, part, part > 0 ? words[at - PART_WORDS]! : PAYLOAD_KIND);
      let isHeader = true;
      if (isPayload && protocol === 0) {
        protocol = this.#deepenOpen(frames, row, part);
        if (protocol === 0) {
          if (this.#leaveBody()) continue;
          break;
        }
        // The contents of a port may be an item of a list.
        if ((data[protocol * STRIDE + FLAGS]! & IS_ITEM) !== 0 && !this.#openItem(protocol)) break;
        this.#find(protocol);
      } else {
        const isWanted = this.#find(protocol);
        if (isPayload) {
          // Each item of a list is parsed, because each item determines where the next one starts.
          if (!isWanted && !isItem) {
            if (this.#leaveBody()) continue;
            break;
          }
          isHeader = (data[protocol * STRIDE + FLAGS]! & HAS_HEADER) !== 0;
          if (isHeader && (words[at]! & ROLE) !== 0) {
            const problem = this.#parser.deepen(frames, row, part, protocol);
            if (problem !== 0) {
              this.problem = problem;
              if (!isItem && this.#leaveBody()) continue;
              break;
            }
          }
        }
      }
      this.#step(frames, at, protocol, part, towardUp, isHeader);
      if (this.#openCount > 0) this.#closeLeaf(protocol);
      if (!isHeader && !this.#leaveBody()) break;
    }
    const node = this.#deepest;
    if (node < 0) return NONE;
    this.skipHeaders = this.#acceptedBase[node]!;
    this.skipTrailers = this.skipTrailersOf(node);
    return node;
  }

  /** The tags of the stacks that end at a node. */
  accepts(node: number): readonly number[] {
    return this.#trie.tags[node] ?? [];
  }

  /**
   * The next node after `node` that accepted the frame of the last walk: shallower, or less specific; or -1.
   */
  parent(node: number): number {
    return this.#acceptedIn[node] === this.#walk ? this.#acceptedBefore[node]! : NONE;
  }

  /** Like {@link skipHeaders}, for any node that accepted the frame of the last walk. */
  skipHeadersOf(node: number): number {
    return this.#acceptedBase[node]!;
  }

  /** Like {@link skipTrailers}, for any node that accepted the frame of the last walk. */
  skipTrailersOf(node: number): number {
    return this.#lastFrames === undefined
      ? 0
      : trailersOutside(this.#layouts, this.#lastFrames, this.#lastRow, this.#acceptedBase[node]!);
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
    // Stryker disable next-line BooleanLiteral: equal frames are only walked anew.
    this.#isByKinds = true;
    this.#lastCount = NONE;
    this.#set[0] = ROOT;
    const { flags } = this.#trie;
    this.#setSize = (flags[ROOT]! | flags[ABOVE]!) === 0 ? 0 : 1;
    this.#openCount = 0;
  }

  /** Takes one parsed header: each node of the set moves on, accepts, or leaves the set. */
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
    const isBrought = (flags & IS_BROUGHT) !== 0;
    for (let i = 0; passes && i < this.#setSize; i++) {
      const node = this.#set[i]!;
      if (isBrought && !this.#passesBrought(node, protocol, part)) continue;
      if (node === ROOT) {
        if ((flags & IS_LINK) !== 0) this.#push(ROOT, 0);
        if ((flags & IS_NETWORK) !== 0 && this.#trie.fromAbove > 0) this.#push(ABOVE, 0);
      } else if ((flags & IS_TRANSPARENT) !== 0) {
        this.#push(node, this.#bases[i]!);
      }
    }
    if (isBrought) this.#acceptIdentities(protocol, part);
    for (let i = 0; i < this.#setSize; i++) {
      const node = this.#set[i]!;
      const child = this.#found[i]!;
      // A node that is in the next set already (behind a transparent header of the same protocol) began
      // further out.
      if (child < 0 || this.#pushedAt[child] === this.#tick) continue;
      const base = node <= ABOVE ? part : this.#bases[i]!;
      this.#reach(child, base);
      if (isHeader && (this.#trie.flags[child]! & HAS_PORTS) !== 0)
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
    this.#isByKinds = false;
    const { data } = this.#layouts;
    const layout = this.#trie.edgeTo[node]! * STRIDE;
    const sourceAt = data[layout + SOURCE_PORT_AT]!;
    // A header that a piece made may be shorter than its protocol requires.
    if (sourceAt < 0 || frames.partWords[at + 2]! < data[layout + MINIMUM]!) return;
    const { bytes } = frames;
    const address = frames.partWords[at + 1]!;
    const source = (bytes[address + sourceAt]! << 8) | bytes[address + sourceAt + 1]!;
    const destinationAt = address + data[layout + DESTINATION_PORT_AT]!;
    const destination = (bytes[destinationAt]! << 8) | bytes[destinationAt + 1]!;
    const local = towardUp ? destination : source;
    const remote = towardUp ? source : destination;
    const flags = this.#trie.flags[node]!;
    if ((flags & HAS_EITHER) !== 0) {
      this.#reachPort(node, EITHER_PORT | remote, base);
      if (local !== remote) this.#reachPort(node, EITHER_PORT | local, base);
    }
    if ((flags & HAS_REMOTE) !== 0) this.#reachPort(node, REMOTE_PORT | remote, base);
    if ((flags & HAS_LOCAL) !== 0) this.#reachPort(node, LOCAL_PORT | local, base);
  }

  #reachPort(node: number, edge: number, base: number): void {
    const child = this.#trie.edges.get(node, edge);
    if (child >= 0) this.#reach(child, base);
  }

  #reach(node: number, base: number): void {
    const flags = this.#trie.flags[node]!;
    if ((flags & HAS_TAGS) !== 0) this.#accept(node, base);
    if ((flags & HAS_PROTOCOLS) !== 0) this.#push(node, base);
  }

  /** Records that the frame has a stack. Only its outermost occurrence counts. */
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

  /**
   * Looks up the child of each node of the set for a protocol. Returns whether one exists, or a node skips
   * the protocol as transparent.
   */
  #find(protocol: number): boolean {
    const flags = this.#layouts.data[protocol * STRIDE + FLAGS]!;
    const set = this.#set;
    const found = this.#found;
    let isWanted = false;
    for (let i = 0; i < this.#setSize; i++) {
      const node = set[i]!;
      const child = this.#trie.edges.get(node, protocol);
      found[i] = child;
      if (child >= 0 || ((flags & IS_BROUGHT) !== 0 && this.#wantsIdentity(node, protocol))) isWanted = true;
      else if (node !== ROOT) isWanted ||= (flags & IS_TRANSPARENT) !== 0;
      else isWanted ||= (flags & IS_LINK) !== 0 || ((flags & IS_NETWORK) !== 0 && this.#trie.fromAbove > 0);
    }
    return isWanted;
  }

  /**
   * Parses a payload with an identifier for which pieces have brought protocols, as the first of them that a
   * stack names here and that fits. Otherwise no definition holds, and the payload keeps the kind of its
   * identifier.
   */
  #asNamed(frames: Frames, row: number, part: number, protocol: number): number {
    const identities = this.#protocols.identities(protocol);
    const isBrought = identities.length > 0;
    const brought = this.#protocols.broughtFor(protocol);
    const count = isBrought ? 1 : brought.length;
    for (let n = 0; n < count; n++) {
      const each = isBrought ? protocol : brought[n]!;
      const flags = this.#layouts.data[each * STRIDE + FLAGS]!;
      if ((flags & HAS_HEADER) === 0 || !this.#isNamed(each, flags)) continue;
      const problem = this.#parser.deepen(frames, row, part, each);
      if (problem === 0) {
        this.problem = 0;
        return each;
      }
      this.problem = problem;
    }
    return isBrought ? identities[0]! : protocol;
  }

  /**
   * Whether a stack continues with a brought protocol; or continues behind it, because the protocol is
   * transparent or an item of a list, and comes from the piece that brought the header in front.
   */
  #isNamed(protocol: number, flags: number): boolean {
    for (let i = 0; i < this.#setSize; i++) {
      const node = this.#set[i]!;
      if (this.#trie.edges.get(node, protocol) >= 0) return true;
      if (node <= ABOVE || (flags & (IS_TRANSPARENT | IS_ITEM)) === 0) continue;
      if (this.#protocols.areBroughtTogether(this.#trie.edgeTo[node]!, protocol)) return true;
    }
    return false;
  }

  /**
   * Whether a stack skips a header that a piece has brought: one with which a frame was sent, or one behind
   * another header of that piece. Stacks that do not name the header must not get a frame because of it.
   */
  #passesBrought(node: number, protocol: number, part: number): boolean {
    if (node <= ABOVE) return part === 0;
    return this.#protocols.areBroughtTogether(this.#trie.edgeTo[node]!, protocol);
  }

  /** Whether a stack continues with an identifier of a brought protocol. */
  #wantsIdentity(node: number, protocol: number): boolean {
    const identities = this.#protocols.identities(protocol);
    for (let n = 0; n < identities.length; n++)
      if (this.#trie.edges.get(node, identities[n]!) >= 0) return true;
    return false;
  }

  /** Stacks that end with an identifier accept each protocol that pieces brought for it. */
  #acceptIdentities(protocol: number, part: number): void {
    const identities = this.#protocols.identities(protocol);
    for (let i = 0; i < this.#setSize; i++) {
      const node = this.#set[i]!;
      for (let n = 0; n < identities.length; n++) {
        const child = this.#trie.edges.get(node, identities[n]!);
        if (child >= 0) this.#reach(child, node <= ABOVE ? part : this.#bases[i]!);
      }
    }
  }

  /**
   * A stack that is only a Name Space accepts every protocol in it, known or not. `before` is the kind of the
   * part in front.
   */
  #acceptNameSpaces(protocol: number, part: number, before: number): void {
    for (let i = 0; i < this.#setSize; i++) {
      const node = this.#set[i]!;
      if (node > ABOVE || (this.#trie.flags[node]! & HAS_NAME_SPACES) === 0) continue;
      const { tables, data } = this.#layouts;
      const memberships = this.#protocols.memberships(protocol);
      for (let m = 0; m < memberships.length; m++) this.#acceptNameSpace(node, memberships[m]!, part);
      // A header determines the Name Space of its contents, even when the identifier is unknown.
      if ((before & ROLE) !== 0) continue;
      const nameSpace = data[(before & 0xffff) * STRIDE + NEXT_SPACE] ?? NONE;
      if (nameSpace >= 0 && nameSpace < tables.length) this.#acceptNameSpace(node, nameSpace, part);
    }
  }

  #acceptNameSpace(node: number, nameSpace: number, part: number): void {
    const child = this.#trie.edges.get(node, NAME_SPACE | nameSpace);
    if (child >= 0 && (this.#trie.flags[child]! & HAS_TAGS) !== 0) this.#accept(child, part);
  }

  /**
   * Tries the protocols that follow a port step, or another step whose contents are open. Returns the number
   * of the first that can be parsed, or 0.
   */
  #deepenOpen(frames: Frames, row: number, part: number): number {
    if (part > 0 && this.#parser.isFragment(frames, row, part - 1)) return 0;
    for (let i = this.#setSize - 1; i >= 0; i--) {
      const node = this.#set[i]!;
      if ((this.#trie.flags[node]! & IS_OPEN) === 0) continue;
      const children = this.#trie.children[node]!;
      for (let c = 0; c < children.length; c++) {
        const protocol = this.#trie.edgeTo[children[c]!]!;
        if ((this.#layouts.data[protocol * STRIDE + FLAGS]! & HAS_HEADER) === 0) continue;
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

  /**
   * Keeps the set with which an item begins, for the items that follow. Returns false if too many lists are
   * open.
   */
  #openItem(protocol: number): boolean {
    const depth = this.#openCount;
    if (depth === MAX_OPEN_ITEMS) return false;
    const from = depth === 0 ? 0 : this.#keptEnd[depth - 1]!;
    const end = from + this.#setSize;
    if (end > this.#kept.length) {
      // Allocated once for the deepest list, not for each frame.
      this.#kept = widened(this.#kept, end * 2);
      this.#keptBases = widened(this.#keptBases, end * 2);
    }
    const isBrought = (this.#layouts.data[protocol * STRIDE + FLAGS]! & IS_BROUGHT) !== 0;
    let to = from;
    for (let i = 0; i < this.#setSize; i++) {
      const node = this.#set[i]!;
      // Another item follows only in a list of the same piece.
      if (isBrought && !this.#protocols.areBroughtTogether(this.#trie.edgeTo[node]!, protocol)) continue;
      this.#kept[to] = node;
      this.#keptBases[to] = this.#bases[i]!;
      to++;
    }
    this.#openItems[depth] = protocol;
    this.#keptEnd[depth] = to;
    this.#openCount = depth + 1;
    return true;
  }

  /**
   * Closes the item of a trailer, with all items inside; the next item begins with the same set. Returns
   * false for any other trailer.
   */
  #closeItem(protocol: number): boolean {
    const flags = this.#layouts.data[protocol * STRIDE + FLAGS]!;
    if ((flags & IS_ITEM) === 0) return false;
    if ((flags & IS_LEAF) !== 0) return true;
    let depth = this.#openCount - 1;
    while (depth >= 0 && this.#openItems[depth] !== protocol) depth--;
    if (depth < 0) return false;
    this.#reopen(depth);
    return true;
  }

  /** Closes an item that consists of a header only. */
  #closeLeaf(protocol: number): void {
    const flags = this.#layouts.data[protocol * STRIDE + FLAGS]!;
    if ((flags & IS_ITEM) !== 0 && (flags & IS_LEAF) !== 0) this.#reopen(this.#openCount - 1);
  }

  #reopen(depth: number): void {
    const from = depth === 0 ? 0 : this.#keptEnd[depth - 1]!;
    this.#setSize = this.#keptEnd[depth]! - from;
    for (let i = 0; i < this.#setSize; i++) {
      this.#set[i] = this.#kept[from + i]!;
      this.#bases[i] = this.#keptBases[from + i]!;
    }
    this.#openCount = depth;
  }

  /**
   * Skips the rest of a body, which no stack wants. Returns whether another body may follow, behind the
   * trailer of an item.
   */
  #leaveBody(): boolean {
    this.#setSize = 0;
    return this.#openCount > 0;
  }

  #grow(capacity: number): void {
    this.#acceptedBase = widened(this.#acceptedBase, capacity);
    this.#acceptedBefore = widened(this.#acceptedBefore, capacity);
    this.#acceptedIn = widened(this.#acceptedIn, capacity);
    this.#pushedAt = widened(this.#pushedAt, capacity);
    this.#set = widened(this.#set, capacity);
    this.#nextSet = widened(this.#nextSet, capacity);
    this.#bases = widened(this.#bases, capacity);
    this.#nextBases = widened(this.#nextBases, capacity);
    this.#found = widened(this.#found, capacity);
  }
}

/**
 * The depth of nested item lists that a walk follows, such as a packet of SCTP inside a chunk of another
 * packet.
 */
const MAX_OPEN_ITEMS = 4;
const ROLE = 0xff0000;
const PAYLOAD_KIND = 1 << 16;
/** A walk takes at most one tick for each part, so ticks never exceed 31 bits. */
const LAST_TICK = 0x7fffff00;

function widened(old: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const array = new Int32Array(length);
  array.set(old);
  return array;
}
