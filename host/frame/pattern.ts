import { FunnelError } from '../stack/funnel-error.ts';
import type { Protocols } from '../stack/protocols.ts';
import type { Port, Stack } from '../stack/stack.ts';
import type { Frames } from './frames.ts';
import * as framesConstants from './frames.ts';
import * as layoutsConstants from './layouts.ts';
import { Layouts } from './layouts.ts';
import { Parser } from './parser.ts';
import { itemTrailer } from './scope.ts';

// The engine folds a module's own constants into the machine code; imported ones it loads and tests at each
// use.
const { MAX_PARTS, PART_WORDS } = framesConstants;
const {
  DESTINATION_PORT_AT,
  FLAGS,
  HAS_BROUGHT,
  HAS_HEADER,
  IS_AGREED,
  IS_BROUGHT,
  IS_ITEM,
  IS_LEAF,
  IS_TRANSPARENT,
  MINIMUM,
  NEXT_SPACE,
  SOURCE_PORT_AT,
  STRIDE,
} = layoutsConstants;

/**
 * Compares the parts of a frame with the stack of a Shape: the check of each frame that a piece sends.
 *
 * Each step must be present as a header, or as a payload that can be parsed as that header (then it is
 * parsed). Transparent headers may occur between them. Ports are read from the header. An open step accepts
 * any port.
 */
export class Pattern {
  readonly #layouts: Layouts;
  readonly #parser: Parser;
  /** The index in `#options` at which each step begins, and one more for the end. */
  readonly #from: Int32Array;
  /** Protocol numbers; or ports, each with its end, or {@link ANY_PORT}. */
  readonly #options: Int32Array;
  /** 1 for a step of ports. */
  readonly #isPorts: Uint8Array;
  readonly #steps: number;
  /** For a Name Space alone: its number. */
  readonly #nameSpace: number;
  /** The last matched item of a list, and its step. */
  #item = NO_PART;
  #itemStep = 0;
  /**
   * Two words for each step, which serve for nearly all frames, whose headers follow one another. A step of
   * one or two protocols (`ip` has two) has their kinds; a step of ports has {@link PORTS}. Empty if a step
   * has more. The first two words, once more as fields.
   */
  readonly #straight: Int32Array;
  /**
   * The same array if no step is of ports: a frame with these headers, one behind the other, matches. Empty
   * otherwise.
   */
  readonly headers: Int32Array;
  readonly #first: number;
  readonly #orFirst: number;

  constructor(protocols: Protocols, stack: Stack) {
    this.#nameSpace = stack.steps.length > 0 ? -1 : protocols.nameSpaceNumber(stack.nameSpace ?? '');
    const options: number[] = [];
    const from = [0];
    for (const step of stack.steps) {
      if (step.kind === 'ports') options.push(...step.ports.map(portOption));
      else options.push(...step.protocols.map((name) => protocols.numberInStack(name)));
      from.push(options.length);
    }
    if (options.includes(0)) {
      throw new FunnelError(
        'FT_STACK_UNKNOWN',
        'the stack names a protocol that this lane does not know; define it first',
      );
    }
    this.#options = Int32Array.from(options);
    this.#from = Int32Array.from(from);
    this.#isPorts = Uint8Array.from(stack.steps, ({ kind }) => (kind === 'ports' ? 1 : 0));
    this.#steps = stack.steps.length;
    this.#straight = straightSteps(options, from, this.#isPorts);
    this.headers = this.#straight.includes(PORTS) ? new Int32Array(0) : this.#straight;
    // Stryker disable next-line LogicalOperator: without the first step, a frame goes the longer way.
    this.#first = this.#straight[0] ?? PORTS;
    // Stryker disable next-line LogicalOperator: the same
    this.#orFirst = this.#straight[1] ?? PORTS;
    this.#layouts = Layouts.of(protocols);
    this.#parser = new Parser(protocols);
  }

  /**
   * Whether a frame matches. `skipHeaders` parts are in front of the stack; with `towardUp` the frame travels
   * up.
   */
  matches(frames: Frames, row: number, skipHeaders: number, towardUp: boolean): boolean {
    const at = (row * MAX_PARTS + skipHeaders) * PART_WORDS;
    const kind = skipHeaders < frames.partCount[row]! ? frames.partWords[at]! & KIND : PORTS;
    // The protocols of these steps were compiled when the pattern was made.
    if (
      (kind === this.#first || kind === this.#orFirst) &&
      kind !== PORTS &&
      (this.#steps === 1 || this.#goesStraight(frames, row, at, towardUp))
    )
      return true;
    this.#layouts.refresh();
    if (this.#steps === 0) return this.#inNameSpace(frames, row, skipHeaders);
    this.#item = NO_PART;
    if (this.#meets(frames, row, skipHeaders, 0, skipHeaders, towardUp)) return true;
    // Any item of a list, such as the chunks of SCTP, may match.
    while (this.#item !== NO_PART) {
      const next = this.#nextItem(frames, row, this.#item);
      if (next < 0) return false;
      this.#item = NO_PART;
      if (this.#meets(frames, row, next, this.#itemStep, skipHeaders, towardUp)) return true;
    }
    return false;
  }

  /**
   * Whether each step behind the first is a parsed header, directly behind the one before. Other frames may
   * still match.
   */
  #goesStraight(frames: Frames, row: number, first: number, towardUp: boolean): boolean {
    const straight = this.#straight;
    const words = frames.partWords;
    const end = (row * MAX_PARTS + frames.partCount[row]!) * PART_WORDS;
    let at = first;
    for (let i = 2; i < straight.length; i += 2) {
      const protocol = straight[i]!;
      if (protocol === PORTS) {
        if (!this.#hasPort(frames, at, i >> 1, towardUp)) return false;
        continue;
      }
      at += PART_WORDS;
      if (at >= end) return false;
      const kind = words[at]! & KIND;
      if (kind !== protocol && kind !== straight[i + 1]) return false;
    }
    return true;
  }

  /** Whether the stack continues from one of its steps at a part. */
  #meets(
    frames: Frames,
    row: number,
    fromPart: number,
    fromStep: number,
    skipHeaders: number,
    towardUp: boolean,
  ): boolean {
    const words = frames.partWords;
    const first = row * MAX_PARTS * PART_WORDS;
    let part = fromPart;
    for (let step = fromStep; step < this.#steps; step++) {
      if (this.#isPorts[step] === 1) {
        if (!this.#hasPort(frames, first + (part - 1) * PART_WORDS, step, towardUp)) return false;
        continue;
      }
      for (; ; part++) {
        if (part >= frames.partCount[row]!) return false;
        const kind = words[first + part * PART_WORDS]!;
        if ((kind & ROLE) !== 0) {
          if ((kind & ROLE) !== PAYLOAD || !this.#isPayload(frames, row, part, step)) return false;
          // A protocol that is recognised but not parsed has no header from which the match could continue.
          if ((words[first + part * PART_WORDS]! & ROLE) !== 0) return step === this.#steps - 1;
        }
        const protocol = words[first + part * PART_WORDS]! & 0xffff;
        const flags = this.#layouts.data[protocol * STRIDE + FLAGS]!;
        if ((flags & IS_ITEM) !== 0) {
          this.#item = part;
          this.#itemStep = step;
        }
        if (this.#has(step, protocol)) break;
        if (part === skipHeaders || (flags & IS_TRANSPARENT) === 0) return false;
      }
      part++;
    }
    return true;
  }

  #has(step: number, option: number): boolean {
    const to = this.#from[step + 1]!;
    for (let at = this.#from[step]!; at < to; at++) {
      if (this.#options[at] === option) return true;
    }
    if ((this.#layouts.data[option * STRIDE + FLAGS]! & IS_BROUGHT) === 0) return false;
    const identities = this.#layouts.protocols.identities(option);
    for (let n = 0; n < identities.length; n++) if (this.#hasOption(step, identities[n]!)) return true;
    return false;
  }

  #hasOption(step: number, option: number): boolean {
    const to = this.#from[step + 1]!;
    for (let at = this.#from[step]!; at < to; at++) if (this.#options[at] === option) return true;
    return false;
  }

  /** Parses a payload as this step, or as a transparent header. Returns false if it is neither, or wrong. */
  #isPayload(frames: Frames, row: number, part: number, step: number): boolean {
    let protocol = frames.partWords[(row * MAX_PARTS + part) * PART_WORDS]! & 0xffff;
    if (protocol === 0 && part > 0) protocol = this.#parser.next(frames, row, part - 1);
    if (protocol === 0)
      return this.#isOpen(frames, row, part, step) && this.#deepenAsStep(frames, row, part, step);
    if (
      (this.#layouts.data[protocol * STRIDE + FLAGS]! & HAS_BROUGHT) !== 0 &&
      this.#isPayloadAsNamed(frames, row, part, step, protocol)
    )
      return true;
    const isStep = this.#has(step, protocol);
    const flags = this.#layouts.data[protocol * STRIDE + FLAGS] ?? 0;
    if (!isStep && (flags & (IS_TRANSPARENT | IS_ITEM)) === 0) return false;
    if ((flags & HAS_HEADER) === 0) return isStep;
    return this.#parser.deepen(frames, row, part, protocol) === 0;
  }

  /**
   * Parses a payload with an identifier as a protocol that a piece brought for it: as this step, or as a
   * header that the stack skips because it comes from the piece that brought the header in front. Returns
   * false if none is named or fits.
   */
  #isPayloadAsNamed(frames: Frames, row: number, part: number, step: number, identifier: number): boolean {
    const { data, protocols } = this.#layouts;
    const brought = protocols.broughtFor(identifier);
    const front = part > 0 ? frames.partWords[(row * MAX_PARTS + part - 1) * PART_WORDS]! & 0xffff : 0;
    for (let n = 0; n < brought.length; n++) {
      const each = brought[n]!;
      const flags = data[each * STRIDE + FLAGS]!;
      const isPassed =
        (flags & (IS_TRANSPARENT | IS_ITEM)) !== 0 && protocols.areBroughtTogether(front, each);
      if ((flags & HAS_HEADER) === 0 || (!isPassed && !this.#hasOption(step, each))) continue;
      if (this.#parser.deepen(frames, row, part, each) === 0) return true;
    }
    return false;
  }

  /**
   * Whether the stack determines the protocol of a part: behind a port, or behind a header whose contents are
   * agreed.
   */
  #isOpen(frames: Frames, row: number, part: number, step: number): boolean {
    if (step === 0 || part === 0) return false;
    if (this.#isPorts[step - 1] === 1) return true;
    const front = frames.partWords[(row * MAX_PARTS + part - 1) * PART_WORDS]! & 0xffff;
    return (
      (this.#layouts.data[front * STRIDE + FLAGS]! & IS_AGREED) !== 0 &&
      !this.#parser.isFragment(frames, row, part - 1)
    );
  }

  /** The item behind a parsed item, or -1. */
  #nextItem(frames: Frames, row: number, item: number): number {
    const words = frames.partWords;
    const first = row * MAX_PARTS * PART_WORDS;
    const kind = words[first + item * PART_WORDS]!;
    if ((kind & ROLE) !== 0) return -1;
    const { data } = this.#layouts;
    let next = item + 1;
    if ((data[(kind & 0xffff) * STRIDE + FLAGS]! & IS_LEAF) === 0) {
      const closing = itemTrailer(frames, row, item);
      if (closing < 0) return -1;
      next = closing + 1;
    } else if (next < frames.partCount[row]! && (words[first + next * PART_WORDS]! & ROLE) === TRAILER) {
      next++;
    }
    if (next >= frames.partCount[row]!) return -1;
    const following = words[first + next * PART_WORDS]!;
    const isItem = (data[(following & 0xffff) * STRIDE + FLAGS]! & IS_ITEM) !== 0;
    return isItem && (following & ROLE) !== TRAILER ? next : -1;
  }

  #deepenAsStep(frames: Frames, row: number, part: number, step: number): boolean {
    const to = this.#from[step + 1]!;
    for (let at = this.#from[step]!; at < to; at++) {
      if (this.#parser.deepen(frames, row, part, this.#options[at]!) === 0) return true;
    }
    return false;
  }

  #hasPort(frames: Frames, at: number, step: number, towardUp: boolean): boolean {
    const { data } = this.#layouts;
    const layout = (frames.partWords[at]! & 0xffff) * STRIDE;
    const sourceAt = data[layout + SOURCE_PORT_AT]!;
    if (frames.partWords[at + 2]! < data[layout + MINIMUM]!) return false;
    const { bytes } = frames;
    const address = frames.partWords[at + 1]!;
    const source = (bytes[address + sourceAt]! << 8) | bytes[address + sourceAt + 1]!;
    const destinationAt = address + data[layout + DESTINATION_PORT_AT]!;
    const destination = (bytes[destinationAt]! << 8) | bytes[destinationAt + 1]!;
    const local = LOCAL | (towardUp ? destination : source);
    const remote = REMOTE | (towardUp ? source : destination);
    const to = this.#from[step + 1]!;
    for (let i = this.#from[step]!; i < to; i++) {
      const option = this.#options[i]!;
      if (option === ANY_PORT || option === local || option === remote) return true;
      if (option >= EITHER && ((option & 0xffff) === source || (option & 0xffff) === destination))
        return true;
    }
    return false;
  }

  #inNameSpace(frames: Frames, row: number, part: number): boolean {
    if (part >= frames.partCount[row]!) return false;
    const at = (row * MAX_PARTS + part) * PART_WORDS;
    const words = frames.partWords;
    if (part > 0 && (words[at - PART_WORDS]! & ROLE) === 0) {
      const before = (words[at - PART_WORDS]! & 0xffff) * STRIDE;
      if (this.#layouts.data[before + NEXT_SPACE] === this.#nameSpace) return true;
    }
    const memberships = this.#layouts.protocols.memberships(words[at]! & 0xffff);
    for (let i = 0; i < memberships.length; i++) {
      if (memberships[i] === this.#nameSpace) return true;
    }
    return false;
  }
}

/** In a part's first word: protocol and role. */
const KIND = 0xff_ffff;
const ROLE = 0xff0000;
const PAYLOAD = 1 << 16;
const TRAILER = 2 << 16;
const NO_PART = -1;
/** Options of a port step: the end above 16 bits of port. */
const LOCAL = 1 << 16;
const REMOTE = 2 << 16;
const EITHER = 3 << 16;
const ANY_PORT = -1;
/** This value differs from every kind of part. */
const PORTS = -1;

function straightSteps(options: readonly number[], from: readonly number[], isPorts: Uint8Array): Int32Array {
  const steps = Array.from(isPorts, (ports, step) =>
    ports === 1 ? [PORTS, PORTS] : options.slice(from[step], from[step + 1]),
  );
  if (steps.some(({ length }) => length > 2)) return new Int32Array(0);
  return Int32Array.from(steps.flatMap((step) => [step[0]!, step.at(-1)!]));
}

function portOption({ end, port }: Port): number {
  if (port === 'open') return ANY_PORT;
  if (end === 'local') return LOCAL | port;
  return (end === 'remote' ? REMOTE : EITHER) | port;
}
