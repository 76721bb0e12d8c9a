import type { HeaderDefinition, NextIdentifier } from '../stack/definition.ts';
import type { IdentifierTable } from '../stack/identifier-table.ts';
import type { Protocols } from '../stack/protocols.ts';
import type { ParseFunction } from './parse-function.ts';
import { parseFunction } from './parse-functions.ts';
import { TextTable } from './text-table.ts';

/**
 * The protocols' definitions as one flat array of integers, which the frame path reads instead of objects:
 * {@link STRIDE} words for each protocol number, and five for each length term. All users of one registry
 * share one instance.
 */
export class Layouts {
  readonly protocols: Protocols;
  /**
   * The fields of protocol p, from `p * STRIDE` on. The array is replaced when it grows, so read it anew for
   * each frame.
   */
  data = new Int32Array(0);
  /** The words of a length term: at, bytes, mask, shift, unit. */
  terms = new Int32Array(0);
  /** Protocol numbers by identifier, for each Name Space of up to 16 bits. */
  tables: Uint16Array[] = [];
  /** The table of each Name Space, by its number. */
  identifiers: IdentifierTable[] = [];
  /** For each textual Name Space, by its number. */
  texts: (TextTable | undefined)[] = [];
  /** Parse functions, by protocol number. */
  functions: (ParseFunction | undefined)[] = [];
  #count = 0;

  static of(protocols: Protocols): Layouts {
    let layouts = shared.get(protocols);
    if (layouts === undefined) {
      layouts = new Layouts(protocols);
      shared.set(protocols, layouts);
    }
    layouts.refresh();
    return layouts;
  }

  private constructor(protocols: Protocols) {
    this.protocols = protocols;
  }

  /** Compiles the protocols that were defined since the last call. */
  refresh(): void {
    const { protocols } = this;
    if (this.#count === protocols.count) return;
    this.identifiers = protocols.nameSpaceNames.map((name) =>
      protocols.table(protocols.nameSpaceNumber(name)),
    );
    this.tables = this.identifiers.map(({ direct }) => direct);
    this.texts = protocols.nameSpaceNames.map((name, number) =>
      protocols.nameSpace(name)?.bits === 0 ? new TextTable(this.identifiers[number]!.texts) : undefined,
    );
    if (this.data.length < protocols.count * STRIDE) {
      const data = new Int32Array(Math.max(64, protocols.count * 2) * STRIDE);
      data.set(this.data);
      this.data = data;
    }
    const terms = [...this.terms];
    for (let number = Math.max(1, this.#count); number < protocols.count; number++)
      this.#compile(number, terms);
    this.terms = Int32Array.from(terms);
    this.#count = protocols.count;
  }

  #compile(number: number, terms: number[]): void {
    const { data, protocols } = this;
    const definition = protocols.definition(number);
    const at = number * STRIDE;
    for (const field of ABSENT) data[at + field] = -1;
    let flags = 0;
    if (definition?.layer === 'link') flags |= IS_LINK;
    if (definition?.layer === 'network') flags |= IS_NETWORK;
    if (definition?.transparent) flags |= IS_TRANSPARENT;
    if (definition?.header !== undefined) {
      flags |= HAS_HEADER;
      if (definition.header.leaf) flags |= IS_LEAF;
      if (definition.header.agreed) flags |= IS_AGREED;
      if (definition.header.item !== undefined) flags |= IS_ITEM;
      if (definition.header.checksum?.zeroIsNone) flags |= ZERO_IS_NONE;
      const parse = definition.header.parse;
      if (parse !== undefined) {
        flags |= IS_PARSED;
        this.functions[number] = parseFunction(parse);
      }
      this.#compileHeader(at, definition.header, terms);
    }
    if (protocols.isBrought(number)) {
      flags |= IS_BROUGHT;
      // Identifiers are numbered before the protocol that is brought for them.
      for (const identity of protocols.identities(number)) data[identity * STRIDE + FLAGS]! |= HAS_BROUGHT;
    }
    data[at + FLAGS] = flags;
    data[at + IP_NUMBER] = Number(
      definition?.identifiers.find(({ nameSpace }) => nameSpace === 'ip-protocol')?.id ?? 0,
    );
  }

  #compileHeader(at: number, header: HeaderDefinition, terms: number[]): void {
    const { data, protocols } = this;
    data[at + MINIMUM] = header.minimum;
    data[at + BASE] = header.base;
    data[at + TERMS_FROM] = terms.length;
    for (const { at: field, bytes = 1, mask, shift, unit } of header.terms ?? [])
      terms.push(field, bytes, mask, shift, unit);
    data[at + TERMS_TO] = terms.length;
    if (header.version !== undefined) {
      data[at + VERSION_AT] = header.version.at;
      data[at + VERSION_MASK] = header.version.mask;
      data[at + VERSION_VALUE] = header.version.value;
    }
    const { next, length, checksum, fragment, addresses, item } = header;
    if (next !== undefined) {
      data[at + NEXT_SPACE] = protocols.nameSpaceNumber(next.nameSpace);
      if ('source' in next) {
        data[at + SOURCE_PORT_AT] = next.source;
        data[at + DESTINATION_PORT_AT] = next.destination;
        if (next.contents !== undefined) this.#compileNext(at, next.contents);
      } else if (!('parsed' in next)) {
        this.#compileNext(at, next);
      }
    }
    if (item !== undefined) {
      data[at + ITEM_SPACE] = protocols.nameSpaceNumber(item.nameSpace);
      data[at + ITEM_AT] = item.at ?? -1;
      data[at + ITEM_BYTES] = item.bytes ?? 1;
      data[at + ITEM_ALIGN] = item.align ?? 1;
    }
    if (length !== undefined) {
      data[at + LENGTH_AT] = length.at;
      data[at + LENGTH_BYTES] = length.bytes ?? 2;
      data[at + LENGTH_IS_TOTAL] = length.counts === 'total' ? 1 : 0;
    }
    if (checksum !== undefined) {
      data[at + CHECKSUM_AT] = checksum.at;
      data[at + CHECKSUM_KIND] = CHECKSUM_KINDS.indexOf(checksum.kind);
      data[at + COVERAGE_AT] = checksum.coverage ?? -1;
      if (checksum.when !== undefined) {
        data[at + CHECKSUM_IF_AT] = checksum.when.at;
        data[at + CHECKSUM_IF_MASK] = checksum.when.mask;
      }
    }
    if (fragment !== undefined) {
      data[at + FRAGMENT_AT] = fragment.at;
      data[at + FRAGMENT_MASK] = fragment.mask;
      data[at + FRAGMENT_WHOLE] = fragment.whole ?? 0;
    }
    if (addresses !== undefined) {
      data[at + SOURCE_AT] = addresses.source;
      data[at + DESTINATION_AT] = addresses.destination;
      data[at + ADDRESS_BYTES] = addresses.bytes;
    }
  }

  #compileNext(at: number, next: NextIdentifier): void {
    const { data, protocols } = this;
    const mask = (next.mask ?? 2 ** (8 * next.bytes) - 1) | 0;
    data[at + NEXT_SPACE] = protocols.nameSpaceNumber(next.nameSpace);
    data[at + NEXT_AT] = next.at;
    data[at + NEXT_BYTES] = next.bytes;
    data[at + NEXT_MASK] = mask;
    data[at + NEXT_SHIFT] = 31 - Math.clz32(mask & -mask);
  }
}

/** Words for each protocol. */
export const STRIDE = 40;

export const FLAGS = 0;
export const MINIMUM = 1;
export const BASE = 2;
export const TERMS_FROM = 3;
export const TERMS_TO = 4;
/** -1 for none, as in every field whose name ends in `_AT`, and in NEXT_SPACE. */
export const VERSION_AT = 5;
export const VERSION_MASK = 6;
export const VERSION_VALUE = 7;
export const NEXT_AT = 8;
export const NEXT_BYTES = 9;
export const NEXT_SPACE = 10;
export const SOURCE_PORT_AT = 11;
export const DESTINATION_PORT_AT = 12;
export const LENGTH_AT = 13;
export const LENGTH_IS_TOTAL = 14;
export const CHECKSUM_AT = 15;
export const CHECKSUM_KIND = 16;
export const FRAGMENT_AT = 17;
export const FRAGMENT_MASK = 18;
export const SOURCE_AT = 19;
export const DESTINATION_AT = 20;
export const ADDRESS_BYTES = 21;
export const IP_NUMBER = 22;
export const NEXT_MASK = 23;
export const NEXT_SHIFT = 24;
export const LENGTH_BYTES = 25;
export const FRAGMENT_WHOLE = 26;
/** The Name Space of the items of a list; -1 for a protocol that is no item. */
export const ITEM_SPACE = 27;
/** -1 when the parse function finds out whether another item follows. */
export const ITEM_AT = 28;
export const ITEM_BYTES = 29;
export const ITEM_ALIGN = 30;
export const COVERAGE_AT = 31;
export const CHECKSUM_IF_AT = 32;
export const CHECKSUM_IF_MASK = 33;

/** Words for each length term. */
export const TERM_WORDS = 5;

/** Bits of FLAGS. */
export const HAS_HEADER = 1;
export const IS_LINK = 2;
export const IS_NETWORK = 4;
export const IS_TRANSPARENT = 8;
export const IS_LEAF = 16;
export const ZERO_IS_NONE = 32;
export const IS_ITEM = 64;
/** The contents may be agreed outside of the header. */
export const IS_AGREED = 128;
/** The protocol has a parse function. */
export const IS_PARSED = 256;

/** A piece brought the protocol, so that it holds only for stacks that name it. */
export const IS_BROUGHT = 512;
/** An identifier for which pieces have brought protocols. */
export const HAS_BROUGHT = 1024;

/** Values of CHECKSUM_KIND. */
export const CHECKSUM_HEADER = 0;
export const CHECKSUM_CONTENTS = 1;
export const CHECKSUM_PSEUDO = 2;
export const CHECKSUM_CRC32C = 3;

const CHECKSUM_KINDS = ['header', 'contents', 'pseudo', 'crc32c'];
const ABSENT = [
  VERSION_AT,
  NEXT_AT,
  NEXT_SPACE,
  SOURCE_PORT_AT,
  DESTINATION_PORT_AT,
  LENGTH_AT,
  CHECKSUM_AT,
  FRAGMENT_AT,
  SOURCE_AT,
  DESTINATION_AT,
  ITEM_SPACE,
  ITEM_AT,
  COVERAGE_AT,
  CHECKSUM_IF_AT,
];
const shared = new WeakMap<Protocols, Layouts>();
