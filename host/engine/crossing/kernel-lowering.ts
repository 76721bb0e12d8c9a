import { FRAME, LIMITS, PART } from '../../../abi/host/contract.ts';
import type { Frames } from '../../frame/frames.ts';
import type { Inbox } from '../../piece/inbox.ts';
import type { Ledger } from '../../piece/ledger.ts';
import type { Guest } from '../instance/guest.ts';
import { copyBlock } from './copy-block.ts';
import type { FrameKernel } from './frame-kernel.ts';
import * as kernelConstants from './frame-kernel.ts';
import type { GuestWords } from './guest-words.ts';
import { Lowering } from './lowering.ts';
import type { Outlets } from './outlets.ts';

/**
 * Does the work of {@link Lowering} with the frame kernel. The kernel writes an image of the three lists in
 * the lane's memory, and this class copies the image into the guest's memory in blocks. `Lowering` takes a
 * batch that starts with a fragment.
 */
export class KernelLowering implements Pick<Lowering, keyof Lowering> {
  framesAt = 0;
  partsAt = 0;
  parts = 0;
  arenaAt = 0;
  arena = 0;
  hops = 0;

  readonly #kernel: FrameKernel;
  readonly #frames: Frames;
  readonly #ledger: Ledger;
  readonly #outlets: Outlets;
  readonly #plain: Lowering;

  constructor(kernel: FrameKernel, frames: Frames, ledger: Ledger, outlets: Outlets) {
    this.#kernel = kernel;
    this.#frames = frames;
    this.#ledger = ledger;
    this.#outlets = outlets;
    this.#plain = new Lowering(frames, ledger, outlets);
  }

  lower(guest: Guest, words: GuestWords, inbox: Inbox, most: number): number {
    const kernel = this.#kernel;
    const ledger = this.#ledger;
    if (this.#frames.hasFragments && most > 0 && this.#frames.messageIds[inbox.rows[inbox.at(0)]!] !== 0)
      return this.#lowerPlainly(guest, words, inbox, most);
    this.#list(inbox, Math.min(most, MOST_FRAMES));
    const count = kernel.lower(Math.min(most, MOST_FRAMES), ledger.at);
    kernel.sentBy = ledger;
    kernel.sent = count;
    const { results, memory, imageAt } = kernel;
    const parts = results[PARTS]!;
    const arena = results[ARENA]!;
    const partsImageAt = results[PARTS_AT]!;
    const arenaImageAt = results[ARENA_AT]!;
    this.parts = parts;
    this.arena = arena;
    this.hops = results[HOPS]!;
    let framesAt: number;
    let partsAt: number;
    let arenaAt: number;
    try {
      // All three before any view is taken: each may grow the memory.
      framesAt = guest.realloc(FRAME_ALIGN, count * FRAME_SIZE);
      partsAt = guest.realloc(PART_ALIGN, parts * PART_SIZE);
      arenaAt = guest.realloc(1, arena);
    } catch (error) {
      kernel.sent = 0;
      ledger.withdraw(count);
      throw error;
    }
    words.refresh();
    this.framesAt = framesAt;
    this.partsAt = partsAt;
    this.arenaAt = arenaAt;
    // Guests that allocate one region for all lists of a call get the lists as one block.
    const framesEnd = count * FRAME_SIZE;
    const partsEnd = parts * PART_SIZE;
    const isTableOne = partsAt - framesAt === framesEnd && partsImageAt - imageAt === framesEnd;
    const isAllOne = isTableOne && arenaAt - partsAt === partsEnd && arenaImageAt - partsImageAt === partsEnd;
    if (isAllOne) {
      copyBlock(words, framesAt, memory, imageAt, framesEnd + partsEnd + arena);
    } else {
      if (isTableOne) {
        copyBlock(words, framesAt, memory, imageAt, framesEnd + partsEnd);
      } else {
        copyBlock(words, framesAt, memory, imageAt, framesEnd);
        copyBlock(words, partsAt, memory, partsImageAt, partsEnd);
      }
      copyBlock(words, arenaAt, memory, arenaImageAt, arena);
    }
    inbox.take(count);
    return count;
  }

  #lowerPlainly(guest: Guest, words: GuestWords, inbox: Inbox, most: number): number {
    const plain = this.#plain;
    this.#kernel.sent = 0;
    const count = plain.lower(guest, words, inbox, most);
    this.framesAt = plain.framesAt;
    this.partsAt = plain.partsAt;
    this.parts = plain.parts;
    this.arenaAt = plain.arenaAt;
    this.arena = plain.arena;
    this.hops = plain.hops;
    return count;
  }

  /**
   * Writes the list of waiting frames for the kernel. It looks up once for each Edge and Shape whether
   * payloads are withheld.
   */
  #list(inbox: Inbox, most: number): void {
    const { waiting } = this.#kernel;
    inbox.listTo(waiting, most);
    let known = -1;
    let withheld = 0;
    for (let to = 0, end = most * WAITING_STRIDE; to < end; to += WAITING_STRIDE) {
      const edgeShape = waiting[to + 1]!;
      if (edgeShape !== known) {
        withheld = this.#outlets.withholdsAt(edgeShape) ? WITHHELD : 0;
        known = edgeShape;
      }
      if (withheld !== 0) waiting[to + 2]! |= withheld;
    }
  }
}

// The engine folds a module's own constants into the machine code; imported ones it loads and tests at each
// use.
const { PARTS_AT, ARENA_AT, PARTS, ARENA, HOPS } = kernelConstants;
const WAITING_STRIDE = kernelConstants.WAITING_WORDS;
const MOST_FRAMES = LIMITS.maxFramesIn;
const FRAME_SIZE = FRAME.size;
const FRAME_ALIGN = FRAME.align;
const PART_SIZE = PART.size;
const PART_ALIGN = PART.align;
const WITHHELD = 1 << 16;
