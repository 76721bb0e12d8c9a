import type { Frame, Outcome, Part, Piece } from '../../abi/host/contract.ts';
import { LIMITS, PartMarks } from '../../abi/host/contract.ts';

/** The facts from earlier calls that the rules need. */
export interface Ledger {
  readonly description: Piece;
  /** Numbers of joined Edges, and which described Edge each is. */
  readonly edges: ReadonlyMap<number, number>;
  /** Numbers of Shapes that `listen` gave, by Edge. */
  readonly listened: ReadonlyMap<number, ReadonlySet<number>>;
  /** Tickets that are open. */
  readonly open: Map<number, Held>;
}

/** The frames that a piece holds. */
export interface Held {
  /** Withheld parts that it may still pass on. */
  withheld: readonly Part[];
  /** It comes in fragments. */
  readonly isInFragments: boolean;
}

/** Puts the tickets of frames that go in on the ledger. */
export function enter(ledger: Ledger, frames: readonly Frame[], parts: readonly Part[]): void {
  for (const frame of frames) {
    const own = parts.slice(frame.firstPart, frame.firstPart + frame.partCount);
    const withheld = own.filter((part) => (part.marks & PartMarks.withheld) !== 0);
    const isContinued = ((own[0]?.marks ?? 0) & PartMarks.continued) !== 0;
    const before = isContinued ? (ledger.open.get(frame.ticket)?.withheld ?? []) : [];
    ledger.open.set(frame.ticket, {
      withheld: [...before, ...withheld],
      isInFragments: isContinued || hasMore(own),
    });
  }
}

/**
 * The rules of the contract that an outcome breaks, each in a sentence; and takes off the ledger what goes on
 * or ends.
 */
export function brokenRules(ledger: Ledger, now: number, outcome: Outcome): string[] {
  const broken: string[] = [];
  const { frames, parts, arena, ends, paused, wakeAt } = outcome;
  if (!(wakeAt >= now)) broken.push(`wake-at ${wakeAt} is before ${now}, or not a number`);
  if (frames.length > LIMITS.maxFramesOut) broken.push(`${frames.length} frames`);
  if (parts.length > LIMITS.maxPartsOut) broken.push(`${parts.length} parts`);
  if (ends.length > LIMITS.maxEndsOut) broken.push(`${ends.length} ends`);
  for (const edge of paused)
    if (!ledger.edges.has(edge)) broken.push(`Edge ${edge} is paused and not joined`);

  const gone = new Set<number>();
  const passed = new Map<Held, Part[]>();
  let bytes = 0;
  for (const [i, frame] of frames.entries()) {
    const where = `frame ${i}`;
    const described = ledger.edges.get(frame.edge);
    if (described === undefined) {
      broken.push(`${where} goes to Edge ${frame.edge}, which is not joined`);
    } else if (
      frame.shape >= ledger.description.edges[described]!.shapes.length &&
      ledger.listened.get(frame.edge)?.has(frame.shape) !== true
    ) {
      broken.push(`${where} goes to Shape ${frame.shape}, which Edge ${frame.edge} does not have`);
    }
    if (frame.ticket !== 0 && !ledger.open.has(frame.ticket))
      broken.push(`${where} continues ticket ${frame.ticket}, which is not open`);
    const own = parts.slice(frame.firstPart, frame.firstPart + frame.partCount);
    // The last frame of a ticket decides whether it lives on.
    if (hasMore(own)) gone.delete(frame.ticket);
    else if (frame.ticket !== 0) gone.add(frame.ticket);
    if (frame.partCount > LIMITS.maxFrameParts || frame.firstPart + frame.partCount > parts.length) {
      broken.push(`${where} has parts ${frame.firstPart} and ${frame.partCount} more, of ${parts.length}`);
      continue;
    }
    if (frame.skipHeaders + frame.skipTrailers > frame.partCount)
      broken.push(`${where} skips more parts than it has`);
    let length = 0;
    for (const part of own) {
      length += part.length;
      const isWithheld = (part.marks & PartMarks.withheld) !== 0;
      const owner = isWithheld ? ownerOf(ledger, part) : undefined;
      if (owner?.held.isInFragments) passed.set(owner.held, [...(passed.get(owner.held) ?? []), owner.part]);
      if (isWithheld ? owner === undefined : part.offset + part.length > arena.length) {
        broken.push(
          `${where} has ${part.length} ${isWithheld ? 'withheld ' : ''}bytes at ${part.offset}, which are not there`,
        );
      }
    }
    if (length > LIMITS.maxFrameBytes) broken.push(`${where} has ${length} bytes`);
    bytes += length;
  }
  if (bytes > LIMITS.maxBytesOut) broken.push(`${bytes} bytes in all frames`);

  const ended = new Set<number>();
  for (const { ticket, reason } of ends) {
    if (!ledger.open.has(ticket)) broken.push(`ticket ${ticket} ends and is not open`);
    if (gone.has(ticket)) broken.push(`ticket ${ticket} ends and goes on`);
    if (ended.has(ticket)) broken.push(`ticket ${ticket} ends twice`);
    if (reason >= ledger.description.reasons.length)
      broken.push(`ticket ${ticket} ends for reason ${reason}, which is not described`);
    ended.add(ticket);
  }
  for (const ticket of [...gone, ...ended]) ledger.open.delete(ticket);
  for (const [held, parts] of passed) held.withheld = held.withheld.filter((part) => !parts.includes(part));
  return broken;
}

function hasMore(own: readonly Part[]): boolean {
  return ((own.at(-1)?.marks ?? 0) & PartMarks.more) !== 0;
}

/** The open ticket, and the withheld part of it, in which this part lies. */
function ownerOf(ledger: Ledger, part: Part): { readonly held: Held; readonly part: Part } | undefined {
  for (const held of ledger.open.values()) {
    for (const own of held.withheld) {
      if (part.offset >= own.offset && part.offset + part.length <= own.offset + own.length)
        return { held, part: own };
    }
  }
  return undefined;
}
