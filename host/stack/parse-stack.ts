import type { NameSpaceDefinition } from './definition.ts';
import { isIdentifierText } from './identifier-table.ts';
import { nearestName } from './nearest-name.ts';
import { internedName, type Protocols, standardProtocols } from './protocols.ts';
import {
  comparePorts,
  type End,
  type Port,
  type PortStep,
  type ProtocolStep,
  type Stack,
  type Step,
} from './stack.ts';
import { StackError } from './stack-error.ts';

/**
 * Reads a stack: `ethertype:ipv4/udp/5060`, `ip/{udp,tcp}/sip`, `ppp:ipv6`, `ip/udp/local:5060`,
 * `ipv4/udp/*\/ipv6`, `ethertype:`. The text is untrusted.
 *
 * @throws StackError with the column, and what to write instead
 */
export function parseStack(text: string, protocols: Protocols = standardProtocols): Stack {
  return new StackParser(text, protocols).parse();
}

/** The longest text of a stack, in characters. */
export const MAX_STACK_TEXT = 512;
/** The most steps of a stack; a frame has no more parts than twice this. */
export const MAX_STACK_STEPS = 16;
/** The most combinations of the sets of a stack, each of which a classifier holds. */
export const MAX_STACK_WAYS = 1024;

interface Token {
  readonly text: string;
  /** From 1. */
  readonly column: number;
}

class StackParser {
  readonly #text: string;
  readonly #protocols: Protocols;
  #tokens: Token[] = [];
  #at = 0;
  #ways = 1;
  /** Whether the previous step is the port of a stream. */
  #isStream = false;

  constructor(text: string, protocols: Protocols) {
    this.#text = text;
    this.#protocols = protocols;
  }

  parse(): Stack {
    if (this.#text.length > MAX_STACK_TEXT) {
      throw new StackError(
        'FT_STACK_TOO_LONG',
        `the stack has ${this.#text.length} characters, but the limit is ${MAX_STACK_TEXT}`,
        MAX_STACK_TEXT + 1,
      );
    }
    if (this.#text.trim() === '') {
      throw new StackError('FT_STACK_EMPTY', 'the stack is empty; write one such as ip/udp', 1);
    }
    this.#tokens = this.#tokenize();
    const nameSpace = this.#leadingNameSpace();
    const steps: Step[] = [];
    if (nameSpace === undefined || this.#peek() !== undefined) {
      do {
        if (steps.length === MAX_STACK_STEPS) {
          throw this.#error(
            'FT_STACK_TOO_LONG',
            `the stack has more than ${MAX_STACK_STEPS} steps; leave out some of them`,
          );
        }
        steps.push(this.#step(steps.at(-1), nameSpace));
      } while (this.#goesOn(steps));
      if (this.#peek() !== undefined)
        throw this.#error('FT_STACK_SYNTAX', `${this.#found()}; write "/" before the next step`);
    }
    return nameSpace === undefined ? { steps } : { nameSpace: nameSpace.name, steps };
  }

  /**
   * Whether another step follows. If so, a number in the step before stands for the protocol that a piece
   * brought for it, because nothing else defines the contents of the number.
   */
  #goesOn(steps: Step[]): boolean {
    const before = steps.at(-1)!;
    const column = this.#column();
    if (!this.#takeIf('/')) return false;
    if (before.kind === 'ports') return true;
    const named = before.protocols.flatMap((name) => {
      const brought = this.#protocols.broughtFor(this.#protocols.number(name));
      if (brought.length > 1) {
        const names = brought.map((number) => this.#protocols.name(number)).join(', ');
        throw new StackError(
          'FT_STACK_NUMBER',
          `column ${column}: ${this.#display(name)} stands for several protocols here (${names}); name one of them`,
          column,
        );
      }
      return brought.length === 0 ? [name] : brought.map((number) => this.#protocols.name(number));
    });
    if (named.some((name) => !before.protocols.includes(name)))
      steps[steps.length - 1] = { kind: 'protocols', protocols: [...new Set(named)].sort() };
    return true;
  }

  #tokenize(): Token[] {
    const tokens: Token[] = [];
    const pattern = /[A-Za-z0-9.-]+|[/{},:*]|"[^"]*"/y;
    let at = 0;
    while (at < this.#text.length) {
      pattern.lastIndex = at;
      const match = pattern.exec(this.#text);
      if (match === null) {
        const character = JSON.stringify(String.fromCodePoint(this.#text.codePointAt(at)!));
        throw new StackError(
          'FT_STACK_SYNTAX',
          `column ${at + 1}: ${character} cannot stand in a stack; use names, numbers, "/", ":", "*", "{,}" and text in quotes`,
          at + 1,
        );
      }
      tokens.push({ text: match[0], column: at + 1 });
      at = pattern.lastIndex;
    }
    return tokens;
  }

  #leadingNameSpace(): NameSpaceDefinition | undefined {
    const first = this.#tokens[0]!;
    if (this.#tokens[1]?.text !== ':') return undefined;
    const nameSpace = this.#protocols.nameSpace(first.text);
    if (nameSpace === undefined) {
      if (first.text === 'local' || first.text === 'remote') {
        throw this.#error(
          'FT_STACK_SYNTAX',
          `"${first.text}:" stands before a port; name the protocol of the port first, as in ip/udp/${first.text}:5060`,
        );
      }
      throw this.#error(
        'FT_STACK_UNKNOWN',
        `no name space is called ${first.text}; there are ${this.#protocols.nameSpaceNames.join(', ')}`,
      );
    }
    if (nameSpace.ports) {
      throw this.#error(
        'FT_STACK_SYNTAX',
        `${first.text} holds ports; name the protocol of the port first, as in ip/${first.text.replace(/-port$/, '')}/5060`,
      );
    }
    this.#at = 2;
    return nameSpace;
  }

  #step(before: Step | undefined, leading: NameSpaceDefinition | undefined): Step {
    const nameSpaces = this.#contained(before, leading);
    const column = this.#column();
    const step = nameSpaces?.some((each) => each.ports)
      ? this.#portStep(nameSpaces)
      : this.#protocolStep(before, nameSpaces);
    this.#isStream = step.kind === 'ports' && nameSpaces?.some(({ stream }) => stream) === true;
    this.#ways *= step.kind === 'ports' ? step.ports.length : step.protocols.length;
    if (this.#ways > MAX_STACK_WAYS) {
      throw new StackError(
        'FT_STACK_TOO_LONG',
        `column ${column}: the sets up to here have ${this.#ways} combinations, but the limit is ${MAX_STACK_WAYS}; write several stacks`,
        column,
      );
    }
    return step;
  }

  /**
   * Returns the Name Spaces of the next step; undefined if any protocol may follow, as behind a port.
   */
  #contained(
    before: Step | undefined,
    leading: NameSpaceDefinition | undefined,
  ): NameSpaceDefinition[] | undefined {
    if (before === undefined) return leading && [leading];
    if (before.kind === 'ports') return undefined;
    const found = new Map<string, NameSpaceDefinition>();
    let ports = 0;
    for (const name of before.protocols) {
      const next = this.#protocols.definition(this.#protocols.number(name))?.header?.next;
      const nameSpace = next && this.#protocols.nameSpace(next.nameSpace);
      if (nameSpace === undefined && this.#isAgreed(before)) continue;
      if (nameSpace === undefined) {
        throw this.#error(
          'FT_STACK_NOT_CARRIED',
          `${this.#display(name)} does not identify its contents; end the stack there`,
        );
      }
      if (nameSpace.ports) ports++;
      found.set(nameSpace.name, nameSpace);
    }
    if (ports > 0 && ports < before.protocols.length) {
      throw this.#error(
        'FT_STACK_NOT_CARRIED',
        'only some protocols of the previous step have ports; write several stacks',
      );
    }
    return found.size === 0 ? undefined : [...found.values()];
  }

  #protocolStep(before: Step | undefined, nameSpaces: NameSpaceDefinition[] | undefined): ProtocolStep {
    const names = new Set<string>();
    this.#elements(() => {
      for (const name of this.#protocolElement(before, nameSpaces)) names.add(name);
    });
    return { kind: 'protocols', protocols: [...names].sort() };
  }

  #protocolElement(before: Step | undefined, nameSpaces: NameSpaceDefinition[] | undefined): string[] {
    const token = this.#word();
    if (token.text === '*') {
      throw this.#errorAt(
        token,
        'FT_STACK_SYNTAX',
        '"*" stands for a port; write it behind a protocol with ports, as in ip/udp/*',
      );
    }
    if (this.#peek() === ':') {
      throw this.#errorAt(
        token,
        'FT_STACK_SYNTAX',
        `"${token.text}:" cannot stand here; "local:" and "remote:" go before a port, a name space before the whole stack`,
      );
    }
    if (token.text.startsWith('"')) return this.#quoted(token, nameSpaces);
    const number = asNumber(token.text);
    if (number !== undefined) return this.#numbered(token, number, nameSpaces);
    const registered = this.#registered(token.text, nameSpaces);
    const members = this.#protocols.generic(token.text) ?? [token.text];
    if (members.some((name) => this.#protocols.definition(this.#protocols.number(name)) === undefined))
      return registered ?? this.#throwUnknown(token);
    if (nameSpaces === undefined || this.#isAgreed(before)) {
      this.#mustFitStream(token, members);
      return [...members];
    }
    const carried = members.filter((name) =>
      nameSpaces.some((each) =>
        this.#protocols.isMember(this.#protocols.number(name), this.#protocols.nameSpaceNumber(each.name)),
      ),
    );
    if (carried.length === 0 && registered !== undefined) return registered;
    if (carried.length === 0) {
      const where = nameSpaces.map(({ name }) => name).join(' or ');
      const what = before === undefined ? 'leave out the name space' : 'name the protocols between them';
      throw this.#errorAt(
        token,
        'FT_STACK_NOT_CARRIED',
        `${token.text} has no identifier in ${where}; ${what}`,
      );
    }
    return carried;
  }

  /** @throws StackError if the messages of one of these protocols have a length in front at this place. */
  #mustFitStream(token: Token, members: readonly string[]): void {
    const filling = members.some(
      (name) => this.#protocols.definition(this.#protocols.number(name))?.fillsDatagram === true,
    );
    if (!this.#isStream || !filling) return;
    throw this.#errorAt(
      token,
      'FT_STACK_NOT_CARRIED',
      `on a stream, a length stands in front of ${token.text}; write length-prefix/${token.text} here`,
    );
  }

  /** Returns the identifier with this registered name, if no protocol has that name there. */
  #registered(name: string, nameSpaces: NameSpaceDefinition[] | undefined): string[] | undefined {
    const found = (nameSpaces ?? []).flatMap((each) => {
      const id = this.#protocols.registered(each.name, name);
      return id === undefined ? [] : [this.#protocolOf(each.name, id)];
    });
    return found.length > 0 ? found : undefined;
  }

  #protocolOf(nameSpace: string, id: number | string): string {
    const protocol = this.#protocols.identify(this.#protocols.nameSpaceNumber(nameSpace), id);
    return protocol === 0 ? internedName(nameSpace, id) : this.#protocols.name(protocol);
  }

  /** Whether the contents of the previous step may be agreed outside of it. */
  #isAgreed(before: Step | undefined): boolean {
    return (
      before?.kind === 'protocols' &&
      before.protocols.some(
        (name) => this.#protocols.definition(this.#protocols.number(name))?.header?.agreed === true,
      )
    );
  }

  /** An identifier in a textual Name Space. */
  #quoted(token: Token, nameSpaces: NameSpaceDefinition[] | undefined): string[] {
    const text = token.text.slice(1, -1).toLowerCase();
    if (!isIdentifierText(text)) {
      throw this.#errorAt(
        token,
        'FT_STACK_SYNTAX',
        `${token.text} is not an identifier; write up to 127 visible characters of ASCII`,
      );
    }
    const textual = (nameSpaces ?? []).filter(({ bits }) => bits === 0);
    if (textual.length === 0) {
      throw this.#errorAt(
        token,
        'FT_STACK_NOT_CARRIED',
        `${token.text} is text, and no textual name space is in use here; write a name or a number`,
      );
    }
    return textual.map(({ name }) => this.#protocolOf(name, text));
  }

  #numbered(token: Token, number: number, nameSpaces: NameSpaceDefinition[] | undefined): string[] {
    if (nameSpaces === undefined) {
      throw this.#errorAt(
        token,
        'FT_STACK_NUMBER',
        `in which name space is ${token.text}? Write a name here, or the name space in front, as in ethertype:0x0800`,
      );
    }
    const fitting = nameSpaces.filter(({ bits }) => bits > 0 && number < 2 ** bits);
    if (nameSpaces.every(({ bits }) => bits === 0)) {
      throw this.#errorAt(
        token,
        'FT_STACK_NUMBER',
        `${nameSpaces[0]!.name} holds text; write it in quotes, or the name of a protocol`,
      );
    }
    if (fitting.length === 0) {
      throw this.#errorAt(
        token,
        'FT_STACK_NUMBER',
        `${token.text} is too large; ${nameSpaces[0]!.name} goes up to ${2 ** nameSpaces[0]!.bits - 1}`,
      );
    }
    return fitting.map(({ name }) => this.#protocolOf(name, number));
  }

  #portStep(nameSpaces: NameSpaceDefinition[]): PortStep {
    const ports = new Map<string, Port>();
    const one = (end: End) => {
      const port = this.#portElement(nameSpaces);
      ports.set(`${end}:${port}`, { end, port });
    };
    this.#elements(() => {
      const end = this.#end();
      if (end === 'either' || this.#peek() !== '{') one(end);
      else this.#elements(() => one(end));
    });
    return { kind: 'ports', ports: [...ports.values()].sort(comparePorts) };
  }

  #end(): End {
    const text = this.#peek();
    if ((text !== 'local' && text !== 'remote') || this.#tokens[this.#at + 1]?.text !== ':') return 'either';
    this.#at += 2;
    return text;
  }

  #portElement(nameSpaces: NameSpaceDefinition[]): number | 'open' {
    const token = this.#word();
    if (token.text === '*') return 'open';
    const number = asNumber(token.text);
    if (number !== undefined) {
      if (number > 0xffff)
        throw this.#errorAt(token, 'FT_STACK_NUMBER', `${token.text} is not a port; ports go up to 65535`);
      return number;
    }
    for (const { name } of nameSpaces) {
      const port = this.#protocols.port(name, token.text);
      if (port !== undefined) return port;
    }
    if (this.#protocols.number(token.text) !== 0 || this.#protocols.generic(token.text) !== undefined) {
      throw this.#errorAt(
        token,
        'FT_STACK_NOT_CARRIED',
        `${token.text} follows a port; write the port, or "*/${token.text}" for an open port`,
      );
    }
    throw this.#unknown(token);
  }

  /** Reads one element, or several in braces. */
  #elements(element: () => void): void {
    if (!this.#takeIf('{')) {
      element();
      return;
    }
    do element();
    while (this.#takeIf(','));
    if (!this.#takeIf('}')) throw this.#error('FT_STACK_SYNTAX', `${this.#found()}; write "," or "}"`);
  }

  #word(): Token {
    const token = this.#tokens[this.#at];
    if (token === undefined || /^[/{},:]$/.test(token.text)) {
      throw this.#error('FT_STACK_SYNTAX', `${this.#found()}; write a name or a number`);
    }
    this.#at++;
    return token;
  }

  #peek(): string | undefined {
    return this.#tokens[this.#at]?.text;
  }

  #takeIf(text: string): boolean {
    if (this.#peek() !== text) return false;
    this.#at++;
    return true;
  }

  #column(): number {
    return this.#tokens[this.#at]?.column ?? this.#text.length + 1;
  }

  #found(): string {
    const text = this.#peek();
    return text === undefined ? 'the stack ends too early' : `"${text}" cannot stand here`;
  }

  #display(name: string): string {
    return name.slice(name.indexOf(':') + 1);
  }

  #throwUnknown(token: Token): never {
    throw this.#unknown(token);
  }

  #unknown(token: Token): StackError {
    const text = token.text.toLowerCase();
    if (this.#protocols.nameSpace(text) !== undefined) {
      return this.#errorAt(
        token,
        'FT_STACK_UNKNOWN',
        `${token.text} is a name space, which only the first step can have; write "${text}:" in front`,
      );
    }
    const [registeredIn] = this.#protocols.registeredIn(token.text);
    if (registeredIn !== undefined) {
      return this.#errorAt(
        token,
        'FT_STACK_NOT_CARRIED',
        `${token.text} is an identifier in ${registeredIn}; write it behind a protocol that carries it, or behind "${registeredIn}:" at the start of the stack`,
      );
    }
    const names = this.#protocols.allNames;
    if (names.includes(token.text)) {
      return this.#errorAt(
        token,
        'FT_STACK_NOT_CARRIED',
        `${token.text} is a port; write it behind a protocol with ports, as in ip/udp/${token.text}`,
      );
    }
    const near = nearestName(text, names);
    const hint =
      near === undefined ? 'use a number, or the name of a known protocol' : `did you mean ${near}?`;
    return this.#errorAt(token, 'FT_STACK_UNKNOWN', `${token.text} is not known here; ${hint}`);
  }

  #error(code: ConstructorParameters<typeof StackError>[0], message: string): StackError {
    return new StackError(code, `column ${this.#column()}: ${message}`, this.#column());
  }

  #errorAt(token: Token, code: ConstructorParameters<typeof StackError>[0], message: string): StackError {
    return new StackError(code, `column ${token.column}: ${message}`, token.column);
  }
}

function asNumber(text: string): number | undefined {
  return /^([0-9]{1,10}|0[xX][0-9a-fA-F]{1,8})$/.test(text) ? Number(text) : undefined;
}
