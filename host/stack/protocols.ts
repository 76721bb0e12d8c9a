import { genericDefinitions, nameSpaceDefinitions, protocolDefinitions } from './builtin.ts';
import { checkName, definitionMistake } from './check-definition.ts';
import type { GenericDefinition, NameSpaceDefinition, ProtocolDefinition } from './definition.ts';
import { FunnelError } from './funnel-error.ts';
import { IdentifierTable } from './identifier-table.ts';
import { nameRegistry, registeredNameSpaces, registeredNames } from './name-registry.ts';
import { parseDefinition } from './parse-definition.ts';

/**
 * The Name Spaces and Protocols that a lane knows, with the numbers by which its frames name them.
 *
 * A number is never given to another protocol, so a part that was marked long ago is never misread.
 * An identifier without a protocol of its own can be given one (`intern`): it is then recognised but not
 * parsed.
 */
export class Protocols {
  readonly #byName = new Map<string, number>();
  readonly #names: string[] = [''];
  readonly #definitions: (ProtocolDefinition | undefined)[] = [undefined];
  readonly #nameSpaceNumbers = new Map<string, number>();
  readonly #nameSpaces: NameSpaceDefinition[] = [];
  /** For each Name Space, protocol numbers by identifier. */
  readonly #tables: IdentifierTable[] = [];
  /** For each protocol, the numbers of the Name Spaces that it has an identifier in. */
  readonly #memberships: number[][] = [[]];
  readonly #generics = new Map<string, GenericDefinition>();
  /** Definitions that came as text, by name: to compare another text with them. */
  readonly #brought = new Map<string, string>();
  /** For each protocol that was brought, the numbers of its identifiers. */
  readonly #identities: (readonly number[] | undefined)[] = [];
  /** For the number of an identifier, the protocols that were brought for it. */
  readonly #broughtFor: number[][] = [];
  /** For each protocol that was brought, who brought it. */
  readonly #bringers: string[][] = [];
  #broughtIdentifiers = 0;
  /** The last number of the protocols that come with the Funnel. */
  readonly #lastOwn: number;
  readonly #ownNameSpaces: number;

  #version = 0;

  /** With the protocols that come with the Funnel, which have the same numbers in each registry. */
  constructor() {
    for (const nameSpace of nameSpaceDefinitions) this.defineNameSpace(nameSpace);
    for (const definition of protocolDefinitions) this.define(definition);
    for (const generic of genericDefinitions) this.#generics.set(generic.name, generic);
    this.#lastOwn = this.#names.length - 1;
    this.#ownNameSpaces = this.#nameSpaces.length;
  }

  /** How many numbers have been given, 0 included. */
  get count(): number {
    return this.#names.length;
  }

  /**
   * Grows with each definition and each new number: results that were computed from stacks may be outdated.
   */
  get version(): number {
    return this.#version;
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

  /**
   * The protocol that has this identifier, or 0.
   */
  identify(nameSpace: number, id: number | string): number {
    const table = this.#tables[nameSpace];
    if (table === undefined) return 0;
    return typeof id === 'number' ? table.get(id) : table.getText(id);
  }

  /**
   * All protocol numbers of a Name Space by identifier, for frequent look-ups. Later definitions appear in
   * it.
   */
  table(nameSpace: number): IdentifierTable {
    const table = this.#tables[nameSpace];
    if (table === undefined) throw new RangeError(`there is no name space ${nameSpace}`);
    return table;
  }

  /** The number of a Name Space, from 0, or -1. Name Spaces and protocols are numbered separately. */
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

  /**
   * The numbers of the identifiers of a protocol that was brought; none for any other. A frame says only the
   * identifier, and so does a stack with a number, so a stack that names one of these takes the protocol too.
   */
  identities(number: number): readonly number[] {
    return this.#identities[number] ?? NONE;
  }

  isBrought(number: number): boolean {
    return this.#identities[number] !== undefined;
  }

  /** The protocols that were brought for the number of an identifier, in the order in which they came. */
  broughtFor(number: number): readonly number[] {
    return this.#broughtFor[number] ?? NONE;
  }

  /** Whether one piece has brought both protocols. */
  areBroughtTogether(one: number, other: number): boolean {
    const bringers = this.#bringers[one];
    const others = this.#bringers[other];
    if (bringers === undefined || others === undefined) return false;
    for (let n = 0; n < bringers.length; n++) if (others.includes(bringers[n]!)) return true;
    return false;
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
    return this.nameSpace(nameSpace)?.ports ? nameRegistry(nameSpace).number(name) : undefined;
  }

  /** The identifier that a registry gives this name in a Name Space; it may have no protocol. */
  registered(nameSpace: string, name: string): number | undefined {
    return nameRegistry(nameSpace).number(name);
  }

  /** The Name Spaces, other than of ports, in which a registry knows a name: for hints. */
  registeredIn(name: string): readonly string[] {
    return registeredNameSpaces().filter(
      (each) => !this.nameSpace(each)?.ports && nameRegistry(each).number(name) !== undefined,
    );
  }

  /**
   * The name for an identifier without a protocol in a stack, where the name is read back as this identifier.
   */
  registeredName(nameSpace: string, id: number): string | undefined {
    const name = nameRegistry(nameSpace).name(id);
    return name === undefined || this.number(name) !== 0 || this.#generics.has(name) ? undefined : name;
  }

  /** Names of everything that can be named in a stack: for hints on what was misspelt. */
  get allNames(): readonly string[] {
    return [...this.#byName.keys(), ...this.#generics.keys(), ...registeredNames()];
  }

  /** @throws FunnelError FT_PROTOCOL_TWICE, FT_PROTOCOL_INVALID */
  defineNameSpace(definition: NameSpaceDefinition): number {
    checkName(definition.name);
    const { bits } = definition;
    if (!Number.isInteger(bits) || bits < 0 || bits > 32 || (definition.ports && bits !== 16)) {
      throw new FunnelError(
        'FT_PROTOCOL_INVALID',
        `the name space ${definition.name} has ${bits} bits; it can have 1 to 32, or 0 for text, and 16 for ports`,
      );
    }
    if (this.#nameSpaceNumbers.has(definition.name)) {
      throw new FunnelError(
        'FT_PROTOCOL_TWICE',
        `the name space ${definition.name} is defined already; give the new one another name`,
      );
    }
    const number = this.#nameSpaces.length;
    this.#version++;
    this.#nameSpaces.push(definition);
    this.#nameSpaceNumbers.set(definition.name, number);
    this.#tables.push(new IdentifierTable(definition.bits));
    return number;
  }

  /**
   * Adds a protocol. It may define a header for identifiers that were interned before, but not take one from
   * another protocol. Nothing has changed when this throws.
   *
   * @returns its number
   * @throws FunnelError FT_PROTOCOL_TWICE, FT_PROTOCOL_IDENTIFIER, FT_PROTOCOL_INVALID, FT_PROTOCOL_FULL
   */
  define(definition: ProtocolDefinition): number {
    this.#check(definition);
    this.#version++;
    const number = this.#give(definition.name, definition);
    for (const { nameSpace, id } of definition.identifiers) {
      const ns = this.nameSpaceNumber(nameSpace);
      this.#tables[ns]!.set(id, number);
      if (!this.#memberships[number]!.includes(ns)) this.#memberships[number]!.push(ns);
    }
    return number;
  }

  /**
   * Adds a protocol that a piece brings as text, with its Name Spaces. The Funnel's own definition of a
   * protocol precedes. A definition that was brought before must be exactly the same. Nothing has changed
   * when this throws.
   *
   * The piece that brings a protocol is not trusted, so its definition holds only for stacks that name it:
   * its identifiers keep numbers of their own, by which all other stacks and frames know them.
   *
   * @param bringer identifies who brings it, for {@link areBroughtTogether}
   * @returns its number
   * @throws FunnelError as {@link define} does, FT_PROTOCOL_DIFFERS; DefinitionError FT_PROTOCOL_SYNTAX,
   * FT_PROTOCOL_TOO_LONG
   */
  defineFromText(name: string, text: string, bringer = ''): number {
    const known = this.number(name);
    if (known > 0 && known <= this.#lastOwn) return known;
    const read = parseDefinition(name, text);
    const meaning = JSON.stringify(read);
    const before = this.#brought.get(name);
    if (before !== undefined) {
      if (before === meaning) {
        const bringers = this.#bringers[known]!;
        if (bringers.length < MOST_BRINGERS && !bringers.includes(bringer)) bringers.push(bringer);
        return known;
      }
      throw new FunnelError(
        'FT_PROTOCOL_DIFFERS',
        `the protocol ${name} was defined before, and otherwise; let both definitions say the same, or give one another name`,
      );
    }
    if (
      this.#brought.size === MOST_BROUGHT ||
      this.#nameSpaces.length - this.#ownNameSpaces + read.nameSpaces.length > MOST_BROUGHT_NAME_SPACES
    ) {
      throw new FunnelError(
        'FT_PROTOCOL_FULL',
        `pieces may bring ${MOST_BROUGHT} protocols and ${MOST_BROUGHT_NAME_SPACES} name spaces, and they have`,
      );
    }
    const spaces = this.#nameSpaces.length;
    try {
      for (const nameSpace of read.nameSpaces) this.defineNameSpace(nameSpace);
      const number = this.#defineBrought(read.definition, bringer);
      this.#brought.set(name, meaning);
      return number;
    } catch (error) {
      this.#forgetNameSpaces(spaces);
      throw error;
    }
  }

  #defineBrought(definition: ProtocolDefinition, bringer: string): number {
    this.#check(definition);
    const { name, identifiers } = definition;
    const registered = this.registeredIn(name);
    if (registered.length > 0) {
      throw new FunnelError(
        'FT_PROTOCOL_TWICE',
        `${name} is a registered name in ${registered.join(' and ')}; give the protocol another name`,
      );
    }
    // The identifiers and the protocol itself take numbers, and nothing may fail between them.
    const fresh = identifiers.filter(
      ({ nameSpace, id }) => this.identify(this.nameSpaceNumber(nameSpace), id) === 0,
    ).length;
    if (this.#broughtIdentifiers + fresh > MOST_BROUGHT_IDENTIFIERS) {
      throw new FunnelError(
        'FT_PROTOCOL_FULL',
        `pieces may bring protocols for ${MOST_BROUGHT_IDENTIFIERS} identifiers, and they have`,
      );
    }
    if (this.count + fresh > LARGEST_NUMBER) throw noNumberLeft();
    this.#broughtIdentifiers += fresh;
    const identities = [...new Set(identifiers.map(({ nameSpace, id }) => this.intern(nameSpace, id)))];
    this.#version++;
    const number = this.#give(name, definition);
    this.#identities[number] = identities;
    this.#bringers[number] = [bringer];
    for (const identity of identities) {
      this.#broughtFor[identity] ??= [];
      this.#broughtFor[identity].push(number);
      for (const ns of this.#memberships[identity]!)
        if (!this.#memberships[number]!.includes(ns)) this.#memberships[number]!.push(ns);
    }
    return number;
  }

  #forgetNameSpaces(count: number): void {
    this.#version++;
    for (const { name } of this.#nameSpaces.splice(count)) this.#nameSpaceNumbers.delete(name);
    this.#tables.length = count;
  }

  /**
   * The protocol of an identifier. An identifier without a definition gets a number, and is recognised but
   * not parsed.
   *
   * @throws FunnelError FT_PROTOCOL_FULL, FT_PROTOCOL_IDENTIFIER
   */
  intern(nameSpace: string, id: number | string): number {
    const ns = this.nameSpaceNumber(nameSpace);
    const table = this.#tables[ns];
    if (table === undefined || !table.fits(id)) {
      throw new FunnelError('FT_PROTOCOL_IDENTIFIER', `${id} is no identifier in a name space ${nameSpace}`);
    }
    const known = this.identify(ns, id);
    if (known !== 0) return known;
    this.#version++;
    const number = this.#give(internedName(nameSpace, id), undefined);
    table.set(id, number);
    this.#memberships[number]!.push(ns);
    return number;
  }

  /** The number of a protocol as a stack names it, interned when need be; 0 when there can be none. */
  numberInStack(name: string): number {
    const known = this.number(name);
    if (known !== 0) return known;
    const colon = name.indexOf(':');
    if (colon < 0) return 0;
    const nameSpace = name.slice(0, colon);
    const id = name.slice(colon + 1);
    return this.intern(nameSpace, this.nameSpace(nameSpace)?.bits === 0 ? id : Number(id));
  }

  #give(name: string, definition: ProtocolDefinition | undefined): number {
    const number = this.#names.length;
    if (number > LARGEST_NUMBER) throw noNumberLeft();
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
      const ns = this.nameSpaceNumber(nameSpace);
      if (ns < 0) {
        throw new FunnelError(
          'FT_PROTOCOL_IDENTIFIER',
          `${name} names the name space ${nameSpace}, which is not defined`,
        );
      }
      if (this.nameSpace(nameSpace)?.ports || !this.#tables[ns]!.fits(id)) {
        throw new FunnelError(
          'FT_PROTOCOL_IDENTIFIER',
          `${name} cannot have the identifier ${id} in ${nameSpace}`,
        );
      }
      const holder = this.identify(ns, id);
      if (holder !== 0 && this.definition(holder) !== undefined) {
        throw new FunnelError(
          'FT_PROTOCOL_IDENTIFIER',
          `${name} cannot have ${id} in ${nameSpace}: it belongs to ${this.name(holder)}`,
        );
      }
    }
    const mistake = header && definitionMistake(header, (each) => this.nameSpace(each));
    if (mistake !== undefined)
      throw new FunnelError('FT_PROTOCOL_INVALID', `the definition of ${name} is wrong: ${mistake}`);
  }
}

function noNumberLeft(): FunnelError {
  return new FunnelError(
    'FT_PROTOCOL_FULL',
    `${LARGEST_NUMBER} protocols have been numbered, and there are no more numbers`,
  );
}

/** The name of an identifier without a protocol of its own. */
export function internedName(nameSpace: string, id: number | string): string {
  return `${nameSpace}:${id}`;
}

/**
 * Limits of what pieces may add to one lane, so that none can take all numbers, or the memory for their
 * tables.
 */
const MOST_BROUGHT = 1024;
const MOST_BROUGHT_NAME_SPACES = 64;
const MOST_BROUGHT_IDENTIFIERS = 4096;
/** Those who brought the same definition later are not kept. */
const MOST_BRINGERS = 64;
const NONE: readonly number[] = [];
/** Parts hold a protocol in 16 bits. */
const LARGEST_NUMBER = 0xffff;
/**
 * The protocols that come with the Funnel, for callers that add none. Nothing may be added to this registry.
 */
export const standardProtocols = new Protocols();
