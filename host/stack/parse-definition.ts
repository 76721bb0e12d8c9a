import type {
  Addresses,
  Checksum,
  HeaderDefinition,
  Identifier,
  Item,
  LengthField,
  LengthTerm,
  NameSpaceDefinition,
  NextIdentifier,
  NextPorts,
  ProtocolDefinition,
  Version,
} from './definition.ts';
import { DefinitionError, type DefinitionErrorCode } from './definition-error.ts';
import { nearestName } from './nearest-name.ts';

/** A protocol, with the Name Spaces that it brings. */
export interface TextDefinition {
  readonly definition: ProtocolDefinition;
  readonly nameSpaces: readonly NameSpaceDefinition[];
}

/**
 * Reads a protocol's definition from the text that a piece brings; README.md of this folder has the grammar.
 * The text is untrusted. `Protocols` checks the result against the Name Spaces and protocols that are
 * defined.
 *
 * @throws DefinitionError with line and column, and what to write instead
 */
export function parseDefinition(name: string, text: string): TextDefinition {
  return new DefinitionParser(name, text).parse();
}

/** The longest text of a definition, in characters. */
export const MAX_DEFINITION_TEXT = 4096;
/** The most identifiers of one protocol. */
export const MAX_IDENTIFIERS = 64;
/** The most Name Spaces that one definition brings. */
export const MAX_OWN_NAME_SPACES = 4;

interface Token {
  /** The value is `;` for the end of a line too. */
  readonly text: string;
  readonly kind: 'word' | 'number' | 'text' | 'sign' | 'end';
  readonly line: number;
  readonly column: number;
}

/** A field of a header: some bits of some bytes. */
interface Field {
  readonly at: number;
  readonly bytes: 1 | 2 | 4;
  readonly mask: number | undefined;
  readonly token: Token;
}

class DefinitionParser {
  readonly #name: string;
  readonly #text: string;
  #tokens: Token[] = [];
  #at = 0;
  /** The offset behind the last byte of all fields, which must be present. */
  #reach = 0;

  #summary = '';
  readonly #identifiers: Identifier[] = [];
  readonly #nameSpaces: NameSpaceDefinition[] = [];
  #isLink = false;
  #isTransparent = false;
  #fillsDatagram = false;
  #base: number | undefined;
  #terms: LengthTerm[] = [];
  #least: number | undefined;
  readonly #parts: {
    version?: Version;
    next?: NextIdentifier | NextPorts;
    agreed?: true;
    leaf?: true;
    length?: LengthField;
    checksum?: Checksum;
    fragment?: NonNullable<HeaderDefinition['fragment']>;
    addresses?: Addresses;
    item?: Item;
  } = {};

  readonly #clauses: Readonly<Record<string, (keyword: Token) => void>> = {
    summary: () => {
      this.#summary = this.#string();
    },
    in: () => this.#identifiersIn(),
    space: (keyword) => this.#space(keyword),
    link: () => {
      this.#isLink = true;
    },
    transparent: () => {
      this.#isTransparent = true;
    },
    datagram: () => {
      this.#fillsDatagram = true;
    },
    header: () => this.#header(),
    least: () => {
      this.#least = this.#number();
    },
    check: () => this.#check(),
    next: () => {
      this.#parts.next = { nameSpace: this.#word(), ...this.#nextField() };
    },
    ports: () => {
      const nameSpace = this.#word();
      this.#parts.next = { nameSpace, source: this.#plain('u16'), destination: this.#plain('u16') };
    },
    agreed: () => {
      this.#parts.agreed = true;
    },
    leaf: () => {
      this.#parts.leaf = true;
    },
    length: () => {
      const { at, bytes } = this.#whole(this.#field());
      const counts = this.#oneOf('total', 'contents') === 'total' ? 'total' : 'payload';
      this.#parts.length = { at, bytes, counts };
    },
    checksum: () => this.#checksum(),
    fragment: () => {
      const field = this.#field('u16');
      const whole = this.#takeSign('=') ? { whole: this.#number() } : {};
      this.#parts.fragment = { at: field.at, mask: field.mask ?? 0xffff, ...whole };
    },
    addresses: () => {
      const source = this.#number();
      const destination = this.#number();
      this.#keyword('of');
      const bytes = this.#number();
      this.#reach = Math.max(this.#reach, source + bytes, destination + bytes);
      this.#parts.addresses = { source, destination, bytes };
    },
    item: () => this.#item(),
  };

  constructor(name: string, text: string) {
    this.#name = name;
    this.#text = text;
  }

  parse(): TextDefinition {
    if (this.#text.length > MAX_DEFINITION_TEXT) {
      throw new DefinitionError(
        'FT_PROTOCOL_TOO_LONG',
        `the definition of ${this.#name} has ${this.#text.length} characters, but the limit is ${MAX_DEFINITION_TEXT}`,
        1,
        1,
      );
    }
    this.#tokens = this.#tokenize();
    const seen = new Set<string>();
    while (this.#peek().text !== '') {
      if (this.#takeSign(';')) continue;
      this.#clause(seen);
    }
    return { definition: this.#definition(), nameSpaces: this.#nameSpaces };
  }

  #clause(seen: Set<string>): void {
    const keyword = this.#peek();
    const read = keyword.kind === 'word' ? this.#clauses[keyword.text] : undefined;
    if (read === undefined || !Object.hasOwn(this.#clauses, keyword.text)) {
      const near = nearestName(keyword.text, Object.keys(this.#clauses));
      const hint =
        near === undefined ? `there are ${Object.keys(this.#clauses).join(', ')}` : `did you mean ${near}?`;
      throw this.#error(keyword, `no clause begins with "${keyword.text}"; ${hint}`);
    }
    if (seen.has(keyword.text) && keyword.text !== 'in' && keyword.text !== 'space')
      throw this.#error(keyword, `there is a clause "${keyword.text}" already; leave out one of them`);
    seen.add(keyword.text);
    this.#at++;
    read(keyword);
    if (this.#peek().text !== '' && !this.#takeSign(';'))
      throw this.#error(
        this.#peek(),
        `"${this.#peek().text}" cannot stand here; write ";" or a new line before the next clause`,
      );
  }

  #definition(): ProtocolDefinition {
    const header = this.#headerDefinition();
    return {
      name: this.#name,
      summary: this.#summary,
      identifiers: this.#identifiers,
      ...(this.#isLink ? { layer: 'link' as const } : {}),
      ...(this.#isTransparent ? { transparent: true } : {}),
      ...(this.#fillsDatagram ? { fillsDatagram: true } : {}),
      ...(header === undefined ? {} : { header }),
    };
  }

  #headerDefinition(): HeaderDefinition | undefined {
    if (this.#base === undefined) {
      if (Object.keys(this.#parts).length === 0 && this.#least === undefined) return undefined;
      throw this.#error(this.#peek(), 'there are fields but no header; write its length, such as "header 8"');
    }
    const isFixed = this.#terms.length === 0;
    return {
      // Without a clause "least": a fixed header needs all its bytes, any other the fields that are read.
      minimum: this.#least ?? Math.max(1, this.#base, isFixed ? 0 : this.#reach),
      base: this.#base,
      ...(isFixed ? {} : { terms: this.#terms }),
      ...this.#parts,
    };
  }

  #identifiersIn(): void {
    const nameSpace = this.#word();
    do {
      const token = this.#peek();
      if (this.#identifiers.length === MAX_IDENTIFIERS)
        throw this.#error(token, `more than ${MAX_IDENTIFIERS} identifiers`, 'FT_PROTOCOL_TOO_LONG');
      const id = token.kind === 'text' ? this.#string().toLowerCase() : this.#number();
      this.#identifiers.push({ nameSpace, id });
    } while (this.#takeSign(','));
  }

  #space(keyword: Token): void {
    if (this.#nameSpaces.length === MAX_OWN_NAME_SPACES)
      throw this.#error(keyword, `more than ${MAX_OWN_NAME_SPACES} name spaces`, 'FT_PROTOCOL_TOO_LONG');
    const name = this.#word();
    let kind = {};
    let bits = 0;
    if (this.#peek().text === 'text') this.#at++;
    else {
      bits = this.#number();
      this.#keyword('bits');
      if (this.#peek().text === 'hexadecimal') {
        this.#at++;
        kind = { hexadecimal: true };
      }
    }
    const summary = this.#peek().kind === 'text' ? this.#string() : `what ${this.#name} contains`;
    this.#nameSpaces.push({ name, summary, bits, ...kind });
  }

  #header(): void {
    this.#base = 0;
    do {
      if (this.#peek().kind === 'number') {
        this.#base += this.#number();
        continue;
      }
      const { at, bytes, mask, token } = this.#field();
      if (bytes === 4) throw this.#error(token, 'a length is in a u8 or a u16; write such a field');
      const unit = this.#takeSign('*') ? this.#number() : 1;
      const bits = mask ?? 2 ** (8 * bytes) - 1;
      this.#terms.push({ at, bytes, mask: bits, shift: lowestBit(bits), unit });
    } while (this.#takeSign('+'));
  }

  #check(): void {
    const { at, mask = 0xff } = this.#field('u8');
    this.#sign('=');
    this.#parts.version = { at, mask, value: this.#number() };
  }

  #checksum(): void {
    const kind = this.#oneOf('header', 'contents', 'pseudo', 'crc32c');
    const { at } = this.#whole(this.#field(kind === 'crc32c' ? 'u32' : 'u16'));
    const zeroIsNone = this.#peek().text === 'zero-is-none' ? { zeroIsNone: true } : {};
    if (this.#peek().text === 'zero-is-none') this.#at++;
    this.#parts.checksum = { at, kind, ...zeroIsNone };
  }

  #item(): void {
    const nameSpace = this.#word();
    const { at, bytes, token } = this.#whole(this.#field());
    if (bytes === 4)
      throw this.#error(token, 'an item has its identifier in a u8 or a u16; write such a field');
    let align = {};
    if (this.#peek().text === 'align') {
      this.#at++;
      align = { align: this.#number() };
    }
    this.#parts.item = { nameSpace, at, bytes, ...align };
  }

  #nextField(): { at: number; bytes: 1 | 2 | 4; mask?: number } {
    const { at, bytes, mask } = this.#field();
    return { at, bytes, ...(mask === undefined ? {} : { mask }) };
  }

  /** `u16[2]`, `u8[0] & 0x0f`. */
  #field(only?: string): Field {
    const token = this.#peek();
    const bytes = ({ u8: 1, u16: 2, u32: 4 } as const)[token.text as 'u8' | 'u16' | 'u32'];
    if (token.kind !== 'word' || bytes === undefined || !/^u(8|16|32)$/.test(token.text))
      throw this.#error(token, `${this.#found(token)}; write a field, such as u8[0], u16[2] or u8[0] & 0x0f`);
    if (only !== undefined && token.text !== only) throw this.#error(token, `this field must be a ${only}`);
    this.#at++;
    this.#sign('[');
    const at = this.#number();
    this.#sign(']');
    this.#reach = Math.max(this.#reach, at + bytes);
    const mask = this.#takeSign('&') ? this.#number() : undefined;
    if (mask !== undefined && (mask === 0 || mask >= 2 ** (8 * bytes)))
      throw this.#error(
        token,
        `the mask of a ${token.text} has ${8 * bytes} bits, and at least one of them is 1`,
      );
    return { at, bytes, mask, token };
  }

  #whole(field: Field): Field {
    if (field.mask !== undefined)
      throw this.#error(field.token, 'this field cannot have a mask; leave the mask out');
    return field;
  }

  #plain(type: string): number {
    return this.#whole(this.#field(type)).at;
  }

  #tokenize(): Token[] {
    const tokens: Token[] = [];
    const pattern =
      /(?<blank>[ \t\r]+|#[^\n]*)|(?<end>[\n;])|(?<text>"[^"\n]*")|(?<number>0x[0-9a-f]+|[0-9]+)(?![a-z0-9.-])|(?<word>[a-z0-9][a-z0-9.-]*)|(?<sign>[[\]&*+=,])/iy;
    let line = 1;
    let lineAt = 0;
    let at = 0;
    while (at < this.#text.length) {
      pattern.lastIndex = at;
      const groups = pattern.exec(this.#text)?.groups;
      const column = at - lineAt + 1;
      if (groups === undefined) {
        const character = JSON.stringify(String.fromCodePoint(this.#text.codePointAt(at)!));
        throw new DefinitionError(
          'FT_PROTOCOL_SYNTAX',
          `${character} cannot stand in a definition; write text in quotes`,
          line,
          column,
        );
      }
      at = pattern.lastIndex;
      if (groups.blank !== undefined) continue;
      const { end, text, number, word, sign } = groups;
      if (end !== undefined) tokens.push({ text: ';', kind: 'sign', line, column });
      else if (text !== undefined) tokens.push({ text, kind: 'text', line, column });
      else if (number !== undefined) tokens.push({ text: number, kind: 'number', line, column });
      else if (word !== undefined) tokens.push({ text: word, kind: 'word', line, column });
      else tokens.push({ text: sign!, kind: 'sign', line, column });
      if (end === '\n') {
        line++;
        lineAt = at;
      }
    }
    tokens.push({ text: '', kind: 'end', line, column: at - lineAt + 1 });
    return tokens;
  }

  #peek(): Token {
    return this.#tokens[this.#at]!;
  }

  #word(): string {
    const token = this.#peek();
    if (token.kind !== 'word') throw this.#error(token, `${this.#found(token)}; write a name`);
    this.#at++;
    return token.text;
  }

  #keyword(word: string): void {
    const token = this.#peek();
    if (token.kind !== 'word' || token.text !== word)
      throw this.#error(token, `${this.#found(token)}; write "${word}"`);
    this.#at++;
  }

  #oneOf<Words extends string>(...words: readonly Words[]): Words {
    const token = this.#peek();
    const found = words.find((word) => word === token.text);
    if (found === undefined) throw this.#error(token, `${this.#found(token)}; write ${words.join(' or ')}`);
    this.#at++;
    return found;
  }

  #number(): number {
    const token = this.#peek();
    const number = Number(token.text);
    if (token.kind !== 'number') throw this.#error(token, `${this.#found(token)}; write a number`);
    if (number > 0xffffffff)
      throw this.#error(token, `${token.text} is too large for any field; write a smaller number`);
    this.#at++;
    return number;
  }

  #string(): string {
    const token = this.#peek();
    if (token.kind !== 'text') throw this.#error(token, `${this.#found(token)}; write text in quotes`);
    this.#at++;
    return token.text.slice(1, -1);
  }

  #sign(sign: string): void {
    const token = this.#peek();
    if (!this.#takeSign(sign)) throw this.#error(token, `${this.#found(token)}; write "${sign}"`);
  }

  #takeSign(sign: string): boolean {
    const token = this.#peek();
    if (token.kind !== 'sign' || token.text !== sign) return false;
    this.#at++;
    return true;
  }

  #found(token: Token): string {
    if (token.text === '' || token.text === ';') return 'the clause ends too early';
    return `${token.kind === 'text' ? token.text : `"${token.text}"`} cannot stand here`;
  }

  #error(token: Token, message: string, code: DefinitionErrorCode = 'FT_PROTOCOL_SYNTAX'): DefinitionError {
    return new DefinitionError(code, message, token.line, token.column);
  }
}

function lowestBit(mask: number): number {
  return 31 - Math.clz32(mask & -mask);
}
