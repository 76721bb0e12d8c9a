import { FRAME, OUTCOME, PART, PartMarks, Role } from '../../abi/host/contract.ts';
import { type WatPiece, watPiece } from '../../host/engine/testing/wat-piece.ts';

/**
 * The address of the results of a hostile piece in WebAssembly text; in front of it is room for arguments.
 */
export const OUT = 0x10_0000;
export const FRAMES_AT = OUT + 0x1000;
const PARTS_AT = OUT + 0x8000;
const ENDS_AT = OUT + 0x2_0000;
const PAUSED_AT = OUT + 0x3_0000;
/** The arena of its outcomes, at the start of which stands {@link OWN_PACKET}. */
export const ARENA_AT = OUT + 0x4_0000;
export const ARENA_BYTES = 0x1_0000;
const PAGES = 40;
export const MEMORY_BYTES = PAGES * 65_536;

/** A number, or instructions that compute one from the arguments of `process`. */
type Word = number | string;

/** An outcome; only its odd fields need to be given. */
export interface OutcomeText {
  readonly frames?: readonly FrameText[];
  readonly parts?: readonly PartText[];
  readonly ends?: readonly (readonly [ticket: Word, reason: Word])[];
  readonly paused?: readonly Word[];
  readonly wakeAt?: string;
  /** Replaces the lists: address and count. */
  readonly lists?: Partial<
    Record<'frames' | 'parts' | 'arena' | 'ends' | 'paused', readonly [at: Word, count: Word]>
  >;
  /** The claimed address of the outcome. */
  readonly at?: Word;
}

export interface FrameText {
  readonly edge?: Word;
  readonly shape?: Word;
  readonly first?: Word;
  readonly count?: Word;
  readonly skipHeaders?: Word;
  readonly skipTrailers?: Word;
  readonly ticket?: Word;
  readonly roomOffset?: Word;
  readonly roomLength?: Word;
}

export interface PartText {
  readonly protocol?: Word;
  readonly role?: Word;
  readonly marks?: Word;
  readonly offset?: Word;
  readonly length?: Word;
}

/** An IPv6 packet without contents, which the piece sends as its own. */
export const OWN_PACKET = Uint8Array.from([
  0x60,
  0,
  0,
  0,
  0,
  0,
  59,
  64,
  ...Array(15).fill(0xab),
  1,
  ...Array(15).fill(0xcd),
  2,
]);

/** The host gives the number of IPv6 in `start`; it is kept here. */
const IPV6_AT = 512;

/** Fields of the first frame that came, and of its last part. */
export const TICKET = `(i32.load offset=${FRAME.ticket} (local.get 1))`;
export const LAST_PART = `(i32.add (local.get 3) (i32.mul (i32.sub (i32.add (i32.load offset=${FRAME.firstPart} (local.get 1)) (i32.load16_u offset=${FRAME.partCount} (local.get 1))) (i32.const 1)) (i32.const ${PART.size})))`;
export const BODY_AT = `(i32.load offset=${PART.offset} ${LAST_PART})`;
export const BODY_LENGTH = `(i32.load offset=${PART.length} ${LAST_PART})`;
export const WITHHELD = { role: Role.payload, marks: PartMarks.withheld } as const;
export const IPV6 = `(i32.load16_u (i32.const ${IPV6_AT}))`;

/** The part of a frame of its own: a whole IPv6 header. */
export const OWN_PART: PartText = {
  protocol: IPV6,
  role: Role.header,
  marks: 0,
  offset: 0,
  length: OWN_PACKET.length,
};
/** A frame of its own, by Edge 1. */
export const OWN_FRAME: FrameText = { edge: 1, ticket: 0 };

/** Instructions that write an outcome and return its address. */
export function outcomeText(outcome: OutcomeText): string {
  const { frames = [], parts = [OWN_PART], ends = [], paused = [], lists = {} } = outcome;
  const code: string[] = [];
  const store = (width: 8 | 16 | 32, at: number, value: Word) => {
    code.push(`(i32.store${width === 32 ? '' : width} (i32.const ${at}) ${word(value)})`);
  };
  frames.forEach((frame, n) => {
    const at = FRAMES_AT + n * FRAME.size;
    store(16, at + FRAME.edge, frame.edge ?? 1);
    store(16, at + FRAME.shape, frame.shape ?? 0);
    store(32, at + FRAME.firstPart, frame.first ?? 0);
    store(16, at + FRAME.partCount, frame.count ?? parts.length);
    store(8, at + FRAME.skipHeaders, frame.skipHeaders ?? 0);
    store(8, at + FRAME.skipTrailers, frame.skipTrailers ?? 0);
    store(32, at + FRAME.ticket, frame.ticket ?? TICKET);
    store(32, at + FRAME.roomOffset, frame.roomOffset ?? 0);
    store(32, at + FRAME.roomLength, frame.roomLength ?? 0);
  });
  parts.forEach((part, n) => {
    const at = PARTS_AT + n * PART.size;
    store(16, at + PART.protocol, part.protocol ?? 0);
    store(8, at + PART.role, part.role ?? Role.payload);
    store(8, at + PART.marks, part.marks ?? 0);
    store(32, at + PART.offset, part.offset ?? 0);
    store(32, at + PART.length, part.length ?? 0);
  });
  ends.forEach(([ticket, reason], n) => {
    store(32, ENDS_AT + n * 8, ticket);
    store(32, ENDS_AT + n * 8 + 4, reason);
  });
  paused.forEach((edge, n) => {
    store(16, PAUSED_AT + n * 2, edge);
  });
  const all = {
    frames: [FRAMES_AT, frames.length],
    parts: [PARTS_AT, parts.length],
    arena: [ARENA_AT, ARENA_BYTES],
    ends: [ENDS_AT, ends.length],
    paused: [PAUSED_AT, paused.length],
    ...lists,
  } as const;
  for (const name of ['frames', 'parts', 'arena', 'ends', 'paused'] as const) {
    store(32, OUT + OUTCOME[name], all[name][0]);
    store(32, OUT + OUTCOME[name] + 4, all[name][1]);
  }
  code.push(`(f64.store (i32.const ${OUT + OUTCOME.wakeAt}) ${outcome.wakeAt ?? '(f64.const inf)'})`);
  code.push(word(outcome.at ?? OUT));
  return code.join('\n');
}

function word(value: Word): string {
  return typeof value === 'number' ? `(i32.const ${value | 0})` : value;
}

/** A hostile piece does its deed with the first frame that comes. Until then it does nothing. */
export function whenFramesCome(instructions: string): string {
  return `(if (i32.eqz (local.get 2)) (then ${outcomeText({})} (return))) ${instructions}`;
}

/** A component whose `process` has these instructions; everything else in it is right, unless given. */
export function hostilePiece(
  process: string,
  { bodies = {}, fields = '', ...rest }: WatPiece = {},
): Promise<Uint8Array> {
  return watPiece({
    memory: String(PAGES),
    ...rest,
    fields: `(data (i32.const ${ARENA_AT}) "${escaped(OWN_PACKET)}") ${fields}`,
    bodies: {
      start: `(i32.store16 (i32.const ${IPV6_AT}) (i32.load16_u (local.get 3))) (i32.const 1024)`,
      process,
      // The arguments of a call are not needed after it.
      process_post: '(global.set $heap (i32.const 4096))',
      ...bodies,
    },
  });
}

/** Bytes in the syntax of WebAssembly text. */
export function escaped(bytes: Uint8Array): string {
  return [...bytes].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('');
}
