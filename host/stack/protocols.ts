import { genericDefinitions, nameSpaceDefinitions, protocolDefinitions } from './builtin.ts';
import { checkName, definitionMistake } from './check-definition.ts';
import type { GenericDefinition, NameSpaceDefinition, ProtocolDefinition } from './definition.ts';
import { FunnelError } from './funnel-error.ts';
import { IdentifierTable } from './identifier-table.ts';
import { nameRegistry, registeredNameSpaces, registeredNames } from './name-registry.ts';
import { parseDefinition } from './parse-definition.ts';

/**
 * The Name Spaces and Protocols of a lane, with the numbers that mark them in its frames.
 *
 * A number is never reused for another protocol, so a part that was marked long ago is never misread. An
 * identifier without a protocol can get a number (`intern`): it is then recognised but not parsed.
 */
export class Protocols {
  readonly #byName = new Map<string, number>();
  readonly #names: string[] = [''];
  readonly #definitions: (ProtocolDefinition | undefined)[] = [undefined];
  readonly #nameSpaceNumbers = new Map<string, number>();
  readonly #nameSpaces: NameSpaceDefinition[] = [];
  /** By Name Space: its protocol numbers by identifier. */
  readonly #tables: IdentifierTable[] = [];
  /** By protocol: the numbers of the Name Spaces in which it has an identifier. */
  readonly #memberships: number[][] = [[]];
  readonly #generics = new Map<string, GenericDefinition>();
  /** Definitions that came as text, by name, to compare another text with them. */
  readonly #brought = new Map<string, string>();
  /** By protocol that a piece brought: the numbers of its identifiers. */
  readonly #identities: (readonly number[] | undefined)[] = [];
  /** By number of an identifier: the protocols that pieces brought for it. */
  readonly #broughtFor: number[][] = [];
  /** By protocol that a piece brought: its bringer. */
  readonly #bringers: string[][] = [];
  #broughtIdentifiers = 0;
  /** The last number of the built-in protocols. */
  readonly #lastOwn: number;
  readonly #ownNameSpaces: number;

  #version = 0;

  /** Starts with the built-in protocols, which have the same numbers in each registry. */
  constructor() {
    for (const nameSpace of nameSpaceDefinitions) this.defineNameSpace(nameSpace);
    for (const definition of protocolDefinitions) this.define(definition);
    for (const generic of genericDefinitions) this.#generics.set(generic.name, generic);
    this.#lastOwn = this.#names.length - 1;
    this.#ownNameSpaces = this.#nameSpaces.length;
  }

  /** The number of assigned numbers, including 0. */
  get count(): number {
    return this.#names.length;
  }

  /**
   * Grows with each definition and each new number: results computed from stacks before may be outdated.
   */
  get version(): number {
    return this.#version;
  }

  /** The number of a protocol, or 0. An interned identifier is named `name-space:number`. */
  number(name: string): number {
    return this.#byName.get(name) ?? 0;
  }

  /** The name of a protocol, or the empty string for a number that was never assigned. */
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
   * The numbers of the identifiers of a protocol that a piece brought; none for any other. A frame contains
   * only the identifier, and so does a stack with a number, so a stack that names one of these accepts the
   * protocol too.
   */
  identities(number: number): readonly number[] {
    return this.#identities[number] ?? NONE;
  }

  isBrought(number: number): boolean {
    return this.#identities[number] !== undefined;
  }

  /** The protocols that pieces brought for the number of an identifier, in the order of their arrival. */
  broughtFor(number: number): readonly number[] {
    return this.#broughtFor[number] ?? NONE;
  }

  /** Whether one piece brought both protocols. */
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

  /** The port with this name in a Name Space of ports. */
  port(nameSpace: string, name: string): number | undefined {
    return this.nameSpace(nameSpace)?.ports ? nameRegistry(nameSpace).number(name) : undefined;
  }

  /** The identifier with this registered name in a Name Space; it may have no protocol. */
  registered(nameSpace: string, name: string): number | undefined {
    return nameRegistry(nameSpace).number(name);
  }

  /** The Name Spaces, other than those of ports, in which a name is registered, for hints. */
  registeredIn(name: string): readonly string[] {
    return registeredNameSpaces().filter(
      (each) => !this.nameSpace(each)?.ports && nameRegistry(each).number(name) !== undefined,
    );
  }

  /**
   * The name for an identifier without a protocol in a stack, if reading the name returns this identifier.
   */
  registeredName(nameSpace: string, id: number): string | undefined {
    const name = nameRegistry(nameSpace).name(id);
    return name === undefined || this.number(name) !== 0 || this.#generics.has(name) ? undefined : name;
  }

  /** All names that a stack can contain, for hints about misspelt ones. */
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
        `the name space ${definition.name} has ${bits} bits; it must have 1 to 32, 0 for text, or 16 for ports`,
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
   * Adds a protocol. It may define a header for identifiers that were interned before, but cannot take one
   * from another protocol. If this throws, nothing has changed.
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
   * Adds a protocol that a piece brings as text, with its Name Spaces. A built-in definition of the protocol
   * takes precedence. If a piece brought it before, the definitions must be equal. If this throws, nothing
   * has changed.
   *
   * The piece that brings a protocol is not trusted, so its definition holds only for stacks that name it:
   * its identifiers keep their own numbers, which all other stacks and frames use.
   *
   * @param bringer identifies the piece that brings it, for {@link areBroughtTogether}
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
        `the protocol ${name} has a different definition already; make both definitions equal, or give one another name`,
      );
    }
    if (
      this.#brought.size === MOST_BROUGHT ||
      this.#nameSpaces.length - this.#ownNameSpaces + read.nameSpaces.length > MOST_BROUGHT_NAME_SPACES
    ) {
      throw new FunnelError(
        'FT_PROTOCOL_FULL',
        `pieces have brought the most that a lane holds, ${MOST_BROUGHT} protocols or ${MOST_BROUGHT_NAME_SPACES} name spaces; use fewer such pieces`,
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
        `${name} is a registered name in ${registered[0]}; give the protocol another name`,
      );
    }
    // The identifiers and the protocol itself take numbers, and nothing may fail between them.
    const fresh = identifiers.filter(
      ({ nameSpace, id }) => this.identify(this.nameSpaceNumber(nameSpace), id) === 0,
    ).length;
    if (this.#broughtIdentifiers + fresh > MOST_BROUGHT_IDENTIFIERS) {
      throw new FunnelError(
        'FT_PROTOCOL_FULL',
        `pieces have brought protocols for the most identifiers that a lane holds, ${MOST_BROUGHT_IDENTIFIERS}; use fewer such pieces`,
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
   * Returns the protocol of an identifier. An identifier without a definition gets a number, and is
   * recognised but not parsed.
   *
   * @throws FunnelError FT_PROTOCOL_FULL, FT_PROTOCOL_IDENTIFIER
   */
  intern(nameSpace: string, id: number | string): number {
    const ns = this.nameSpaceNumber(nameSpace);
    const table = this.#tables[ns];
    if (table === undefined || !table.fits(id)) {
      throw new FunnelError(
        'FT_PROTOCOL_IDENTIFIER',
        `${id} is not an identifier in the name space ${nameSpace}`,
      );
    }
    const known = this.identify(ns, id);
    if (known !== 0) return known;
    this.#version++;
    const number = this.#give(internedName(nameSpace, id), undefined);
    table.set(id, number);
    this.#memberships[number]!.push(ns);
    return number;
  }

  /** The number of a protocol by its name in a stack, interned if necessary; 0 if there can be none. */
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
    `all ${LARGEST_NUMBER} protocol numbers of the lane are in use; use fewer pieces that bring protocols`,
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
/** Only the first bringer of a definition is kept. */
const MOST_BRINGERS = 64;
const NONE: readonly number[] = [];
/** Parts hold a protocol in 16 bits. */
const LARGEST_NUMBER = 0xffff;
/**
 * The built-in protocols, for callers that add none. Callers must not add to this registry.
 */
export const standardProtocols = new Protocols();
