import { genericDefinitions, nameSpaceDefinitions, portNames, protocolDefinitions } from './builtin.ts';
import type { GenericDefinition, NameSpaceDefinition, PortName, ProtocolDefinition } from './definition.ts';
import { FunnelError } from './funnel-error.ts';

/**
 * The Name Spaces and Protocols that a lane knows, with the numbers by which its frames name them.
 *
 * A number is given once and never to another protocol, so a part that was marked long ago is never misread. An
 * identifier without a protocol of its own can be given one (`intern`): it is then recognised but not parsed.
 */
export class Protocols {
  readonly #byName = new Map<string, number>();
  readonly #names: string[] = [''];
  readonly #definitions: (ProtocolDefinition | undefined)[] = [undefined];
  readonly #nameSpaceNumbers = new Map<string, number>();
  readonly #nameSpaces: NameSpaceDefinition[] = [];
  /** For each Name Space, protocol numbers by identifier. */
  readonly #tables: Uint16Array[] = [];
  /** For each protocol, the numbers of the Name Spaces that it has an identifier in. */
  readonly #memberships: number[][] = [[]];
  readonly #generics = new Map<string, GenericDefinition>();
  readonly #portNumbers = new Map<string, PortName>();

  /** With the protocols that come with the Funnel, which have the same numbers in each registry. */
  constructor() {
    for (const nameSpace of nameSpaceDefinitions) this.defineNameSpace(nameSpace);
    for (const definition of protocolDefinitions) this.define(definition);
    for (const generic of genericDefinitions) this.#generics.set(generic.name, generic);
    for (const port of portNames) this.#portNumbers.set(port.name, port);
  }

  /** How many numbers have been given, 0 included. */
  get count(): number {
    return this.#names.length;
  }

  /** The number of a protocol, or 0. An interned identifier is named `name-space:number`. */
  number(name: string): number {
    return this.#byName.get(name) ?? 0;
  }

  /** The name of a protocol, or the empty string for a number that was never given. */
  name(number: number): string {
    return this.#names[number] ?? '';
  }

  definition(number: number): ProtocolDefinition | undefined {
    return this.#definitions[number];
  }

  /** The protocol that has this identifier, or 0. Live: it is no copy, and what is defined later appears in it. */
  identify(nameSpace: number, id: number): number {
    return this.#tables[nameSpace]?.[id] ?? 0;
  }

  /** All protocol numbers of a Name Space by identifier, live, for those who look up often. */
  table(nameSpace: number): Uint16Array {
    const table = this.#tables[nameSpace];
    if (table === undefined) throw new RangeError(`there is no name space ${nameSpace}`);
    return table;
  }

  /** The number of a Name Space, from 0, or -1. Of another kind than the numbers of protocols. */
  nameSpaceNumber(name: string): number {
    return this.#nameSpaceNumbers.get(name) ?? -1;
  }

  nameSpace(name: string): NameSpaceDefinition | undefined {
    return this.#nameSpaces[this.nameSpaceNumber(name)];
  }

  get nameSpaceNames(): readonly string[] {
    return this.#nameSpaces.map(({ name }) => name);
  }

  /** The Name Spaces, by number, in which a protocol has an identifier. */
  memberships(number: number): readonly number[] {
    return this.#memberships[number] ?? [];
  }

  /** Whether a protocol has an identifier in a Name Space. */
  isMember(number: number, nameSpace: number): boolean {
    return this.memberships(number).includes(nameSpace);
  }

  /** The protocols that a Generic Carrier stands for. */
  generic(name: string): readonly string[] | undefined {
    return this.#generics.get(name)?.members;
  }

  get generics(): readonly GenericDefinition[] {
    return [...this.#generics.values()];
  }

  /** The port that a name stands for in a Name Space of ports. */
  port(nameSpace: string, name: string): number | undefined {
    const port = this.#portNumbers.get(name);
    return port?.nameSpaces.includes(nameSpace) ? port.port : undefined;
  }

  /** Names of everything that can be named in a stack: for hints on what was misspelt. */
  get allNames(): readonly string[] {
    return [...this.#byName.keys(), ...this.#generics.keys(), ...this.#portNumbers.keys()];
  }

  defineNameSpace(definition: NameSpaceDefinition): number {
    checkName(definition.name);
    if (this.#nameSpaceNumbers.has(definition.name)) {
      throw new FunnelError(
        'FT_PROTOCOL_TWICE',
        `the name space ${definition.name} is defined already; give the new one another name`,
      );
    }
    const number = this.#nameSpaces.length;
    this.#nameSpaces.push(definition);
    this.#nameSpaceNumbers.set(definition.name, number);
    this.#tables.push(new Uint16Array(2 ** definition.bits));
    return number;
  }

  /**
   * Adds a protocol. It may define a header for identifiers that were interned before, but not take one from another
   * protocol. Nothing has changed when this throws.
   *
   * @returns its number
   * @throws FunnelError FT_PROTOCOL_TWICE, FT_PROTOCOL_IDENTIFIER, FT_PROTOCOL_INVALID, FT_PROTOCOL_FULL
   */
  define(definition: ProtocolDefinition): number {
    this.#check(definition);
    const number = this.#give(definition.name, definition);
    for (const { nameSpace, id } of definition.identifiers) {
      const ns = this.nameSpaceNumber(nameSpace);
      this.#tables[ns]![id] = number;
      if (!this.#memberships[number]!.includes(ns)) this.#memberships[number]!.push(ns);
    }
    return number;
  }

  /**
   * The protocol of an identifier; one that is recognised but not parsed when nobody has defined it.
   *
   * @throws FunnelError FT_PROTOCOL_FULL, FT_PROTOCOL_IDENTIFIER
   */
  intern(nameSpace: string, id: number): number {
    const ns = this.nameSpaceNumber(nameSpace);
    const table = this.#tables[ns];
    if (table === undefined || !Number.isInteger(id) || id < 0 || id >= table.length) {
      throw new FunnelError('FT_PROTOCOL_IDENTIFIER', `${id} is no identifier in a name space ${nameSpace}`);
    }
    const known = table[id]!;
    if (known !== 0) return known;
    const number = this.#give(internedName(nameSpace, id), undefined);
    table[id] = number;
    this.#memberships[number]!.push(ns);
    return number;
  }

  /** The number of a protocol as a stack names it, interned when need be; 0 when there can be none. */
  numberInStack(name: string): number {
    const known = this.number(name);
    if (known !== 0) return known;
    const colon = name.indexOf(':');
    return colon < 0 ? 0 : this.intern(name.slice(0, colon), Number(name.slice(colon + 1)));
  }

  #give(name: string, definition: ProtocolDefinition | undefined): number {
    const number = this.#names.length;
    if (number > LARGEST_NUMBER) {
      throw new FunnelError(
        'FT_PROTOCOL_FULL',
        `${LARGEST_NUMBER} protocols have been numbered, and there are no more numbers`,
      );
    }
    this.#names.push(name);
    this.#definitions.push(definition);
    this.#memberships.push([]);
    this.#byName.set(name, number);
    return number;
  }

  #check(definition: ProtocolDefinition): void {
    const { name, identifiers, header } = definition;
    checkName(name);
    if (this.#byName.has(name) || this.#generics.has(name)) {
      throw new FunnelError(
        'FT_PROTOCOL_TWICE',
        `the protocol ${name} is defined already; give the new one another name`,
      );
    }
    for (const { nameSpace, id } of identifiers) {
      const known = this.nameSpace(nameSpace);
      if (known === undefined) {
        throw new FunnelError(
          'FT_PROTOCOL_IDENTIFIER',
          `${name} names the name space ${nameSpace}, which is not defined`,
        );
      }
      if (known.ports || !Number.isInteger(id) || id < 0 || id >= 2 ** known.bits) {
        throw new FunnelError(
          'FT_PROTOCOL_IDENTIFIER',
          `${name} cannot have the identifier ${id} in ${nameSpace}`,
        );
      }
      const holder = this.identify(this.nameSpaceNumber(nameSpace), id);
      if (holder !== 0 && this.definition(holder) !== undefined) {
        throw new FunnelError(
          'FT_PROTOCOL_IDENTIFIER',
          `${name} cannot have ${id} in ${nameSpace}: it belongs to ${this.name(holder)}`,
        );
      }
    }
    if (header !== undefined) this.#checkHeader(name, header);
  }

  #checkHeader(name: string, header: NonNullable<ProtocolDefinition['header']>): void {
    const { minimum, base, terms = [], version, next, length, checksum, fragment, addresses } = header;
    const invalid = (what: string) =>
      new FunnelError('FT_PROTOCOL_INVALID', `the definition of ${name} is wrong: ${what}`);
    if (!Number.isInteger(minimum) || minimum < 1 || minimum > LARGEST_MINIMUM)
      throw invalid(`minimum is ${minimum}; it is from 1 to ${LARGEST_MINIMUM} bytes`);
    if (!Number.isInteger(base) || base < 0 || base > 0xffff) throw invalid(`base is ${base} bytes`);
    if (terms.length === 0 && base < minimum) throw invalid('a fixed header is shorter than its minimum');
    const fields: [string, number, number][] = terms.map((term): [string, number, number] => [
      'a length term',
      term.at,
      1,
    ]);
    for (const { mask, shift, unit } of terms) {
      if (
        !isByte(mask) ||
        !(shift >= 0 && shift < 8) ||
        !(Number.isInteger(unit) && unit >= 0 && unit <= 255)
      )
        throw invalid('a length term is out of range');
    }
    if (version !== undefined) fields.push(['version', version.at, 1]);
    if (next !== undefined) {
      const nameSpace = this.nameSpace(next.nameSpace);
      if (nameSpace === undefined) throw invalid(`the name space ${next.nameSpace} is not defined`);
      if ((nameSpace.ports === true) !== 'source' in next)
        throw invalid(`${next.nameSpace} does not go with these next fields`);
      if ('source' in next) fields.push(['source', next.source, 2], ['destination', next.destination, 2]);
      else fields.push(['next', next.at, next.bytes]);
    }
    if (length !== undefined) fields.push(['length', length.at, 2]);
    if (checksum !== undefined) fields.push(['checksum', checksum.at, checksum.kind === 'crc32c' ? 4 : 2]);
    if (fragment !== undefined) fields.push(['fragment', fragment.at, 2]);
    if (addresses !== undefined)
      fields.push(
        ['source', addresses.source, addresses.bytes],
        ['destination', addresses.destination, addresses.bytes],
      );
    for (const [field, at, bytes] of fields) {
      if (!Number.isInteger(at) || at < 0 || at + bytes > minimum)
        throw invalid(`${field} does not stand inside the first ${minimum} bytes`);
    }
    if (checksum !== undefined && checksum.kind !== 'crc32c' && checksum.at % 2 !== 0)
      throw invalid('a checksum stands at an even offset');
  }
}

/** What an identifier without a protocol of its own is called. */
export function internedName(nameSpace: string, id: number): string {
  return `${nameSpace}:${id}`;
}

/** Parts hold a protocol in 16 bits. */
const LARGEST_NUMBER = 0xffff;
/** Bytes; keeps the fields of any definition within what one part can hold. */
const LARGEST_MINIMUM = 256;

function checkName(name: string): void {
  if (
    !/^[a-z0-9][a-z0-9.-]{0,62}$/.test(name) ||
    /^([0-9]+|0x[0-9a-f]+)$/.test(name) ||
    name === 'local' ||
    name === 'remote'
  ) {
    throw new FunnelError(
      'FT_PROTOCOL_INVALID',
      `"${name}" is no name: use lower case letters, digits, "-" and ".", and not only digits`,
    );
  }
}

function isByte(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 255;
}

/** For those who need no protocols of their own: stacks that name what comes with the Funnel. Never added to. */
export const standardProtocols = new Protocols();
