import type { HeaderDefinition, NameSpaceDefinition, NextIdentifier } from './definition.ts';
import { FunnelError } from './funnel-error.ts';

/**
 * Returns what is wrong with a header's definition, or undefined. The parser can use each definition that
 * passes: every field lies inside the bytes that are present, and the parser can hold every number.
 */
export function definitionMistake(
  header: HeaderDefinition,
  nameSpace: (name: string) => NameSpaceDefinition | undefined,
): string | undefined {
  const { minimum, base, terms = [], version, next, length, checksum, fragment, addresses, item } = header;
  if (!isCount(minimum, 1, LARGEST_MINIMUM))
    return `minimum is ${minimum}; it must be 1 to ${LARGEST_MINIMUM} bytes`;
  if (!isCount(base, 0, 0xffff)) return `base is ${base} bytes`;
  if (terms.length === 0 && base < minimum && header.parse === undefined)
    return 'a fixed header is shorter than its minimum';
  if (terms.length > MOST_TERMS) return `the length has more than ${MOST_TERMS} terms`;
  const fields: [name: string, at: number, bytes: number][] = [];
  for (const { at, bytes = 1, mask, shift, unit } of terms) {
    fields.push(['a length term', at, bytes]);
    if (
      !(bytes === 1 || bytes === 2) ||
      !isCount(mask, 0, 2 ** (8 * bytes) - 1) ||
      !isCount(shift, 0, 8 * bytes - 1) ||
      !isCount(unit, 0, 255)
    )
      return 'a length term is out of range';
  }
  if (version !== undefined) {
    fields.push(['version', version.at, 1]);
    if (
      !isCount(version.mask, 0, 255) ||
      !isCount(version.value, 0, 255) ||
      (version.value & ~version.mask) !== 0
    )
      return 'version is out of range';
  }
  if (next !== undefined) {
    const space = nameSpace(next.nameSpace);
    if (space === undefined) return `the name space ${next.nameSpace} is not defined`;
    if ((space.ports === true) !== 'source' in next)
      return `${next.nameSpace} does not fit these next fields`;
    if ('parsed' in next) {
      if (header.parse === undefined) return 'without a parse function nothing finds the next identifier';
    } else if ('source' in next) {
      fields.push(['source', next.source, 2], ['destination', next.destination, 2]);
      if (next.contents !== undefined) {
        const { at, bytes } = next.contents;
        if (!isCount(at, 0, LARGEST_MINIMUM)) return 'the field in the contents lies out of reach';
        const mistake = nextMistake(next.contents, nameSpace(next.contents.nameSpace));
        if (mistake !== undefined) return mistake;
        if (at < minimum) fields.push(['contents', at, bytes]);
      }
    } else {
      fields.push(['next', next.at, next.bytes]);
      const mistake = nextMistake(next, space);
      if (mistake !== undefined) return mistake;
    }
  }
  if (length !== undefined) {
    fields.push(['length', length.at, length.bytes ?? 2]);
    if (![undefined, 1, 2, 4].includes(length.bytes)) return 'length must have 1, 2 or 4 bytes';
    if (header.leaf) return 'a leaf has no other length than that of its header';
  }
  if (item !== undefined) {
    const space = nameSpace(item.nameSpace);
    if (space === undefined) return `the name space ${item.nameSpace} is not defined`;
    if (header.parse === undefined) {
      const { at = -1, bytes = 1, align = 1 } = item;
      if (!isCount(align, 1, 64)) return 'align must be 1 to 64 bytes';
      if (
        !(bytes === 1 || bytes === 2) ||
        !isCount(at, 0, minimum - bytes) ||
        space.bits > 8 * bytes ||
        space.bits === 0
      )
        return 'the identifier of the next item is out of range';
      if (!header.leaf && length === undefined) return 'an item must have a length, or be a leaf';
    }
  }
  if (checksum !== undefined) {
    const { at, kind, when, coverage } = checksum;
    const bytes = kind === 'crc32c' ? 4 : 2;
    if (when === undefined) fields.push(['checksum', at, bytes]);
    else {
      fields.push(['checksum', when.at, 1]);
      if (!isCount(at, 0, LARGEST_MINIMUM) || !isCount(when.mask, 1, 255) || kind === 'header')
        return 'the checksum is out of range';
    }
    if (kind !== 'crc32c' && at % 2 !== 0) return 'the checksum must have an even offset';
    if (coverage !== undefined) fields.push(['coverage', coverage, 2]);
  }
  if (fragment !== undefined) {
    fields.push(['fragment', fragment.at, 2]);
    const { mask, whole = 0 } = fragment;
    if (!isCount(mask, 1, 0xffff) || !isCount(whole, 0, 0xffff) || (whole & ~mask) !== 0)
      return 'fragment is out of range';
  }
  if (addresses !== undefined) {
    if (!isCount(addresses.bytes, 1, 16)) return 'addresses must have 1 to 16 bytes';
    fields.push(
      ['source', addresses.source, addresses.bytes],
      ['destination', addresses.destination, addresses.bytes],
    );
  }
  for (const [field, at, bytes] of fields) {
    if (!isCount(at, 0, minimum - bytes)) return `${field} does not lie within the first ${minimum} bytes`;
  }
  return undefined;
}

/** @throws FunnelError FT_PROTOCOL_INVALID for a name that would be ambiguous in a stack. */
export function checkName(name: string): void {
  if (
    !/^[a-z0-9][a-z0-9.-]{0,62}$/.test(name) ||
    /^([0-9]+|0x[0-9a-f]+)$/.test(name) ||
    name === 'local' ||
    name === 'remote'
  ) {
    throw new FunnelError(
      'FT_PROTOCOL_INVALID',
      `"${name}" is not a valid name: use lower case letters, digits, "-" and ".", and not only digits`,
    );
  }
}

function nextMistake(next: NextIdentifier, space: NameSpaceDefinition | undefined): string | undefined {
  if (space === undefined) return `the name space ${next.nameSpace} is not defined`;
  const { bytes, mask } = next;
  if (![1, 2, 4].includes(bytes) || (mask !== undefined && !isCount(mask, 1, 2 ** (8 * bytes) - 1)))
    return 'next is out of range';
  if (space.bits === 0) return `${space.name} holds text, which only a parse function finds`;
  const largest = mask === undefined ? 2 ** (8 * bytes) - 1 : mask / ((mask & -mask) >>> 0);
  return largest >= 2 ** space.bits ? `next holds more bits than the name space ${space.name}` : undefined;
}

function isCount(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

/** In bytes. It keeps the fields of any definition within the size of one part. */
const LARGEST_MINIMUM = 256;
/** No real header has as many. */
const MOST_TERMS = 8;
