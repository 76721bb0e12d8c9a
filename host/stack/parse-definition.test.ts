import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { protocolDefinitions } from './builtin.ts';
import type { ProtocolDefinition } from './definition.ts';
import { formatStack } from './format-stack.ts';
import { FunnelError } from './funnel-error.ts';
import { matchStacks } from './match.ts';
import { MAX_DEFINITION_TEXT, parseDefinition } from './parse-definition.ts';
import { parseStack } from './parse-stack.ts';
import { Protocols } from './protocols.ts';

/** Writes the built-in definitions as text, to test whether the notation can express them. */
function textOf({
  summary,
  identifiers,
  layer,
  transparent,
  fillsDatagram,
  header,
}: ProtocolDefinition): string {
  const lines = [`summary "${summary}"`];
  for (const { nameSpace, id } of identifiers)
    lines.push(`in ${nameSpace} ${typeof id === 'string' ? `"${id}"` : `0x${id.toString(16)}`}`);
  if (layer === 'link') lines.push('link');
  if (transparent) lines.push('transparent');
  if (fillsDatagram) lines.push('datagram');
  if (header !== undefined) {
    const field = (at: number, bytes = 1, mask?: number) =>
      `u${8 * bytes}[${at}]${mask === undefined ? '' : ` & ${mask}`}`;
    const { terms = [], version, next, length, checksum, fragment, addresses, item } = header;
    const terms_ = terms.map(({ at, bytes, mask, unit }) => `${field(at, bytes, mask)} * ${unit}`);
    lines.push(
      `header ${[...(header.base > 0 || terms.length === 0 ? [header.base] : []), ...terms_].join(' + ')}`,
    );
    lines.push(`least ${header.minimum}`);
    if (version) lines.push(`check ${field(version.at, 1, version.mask)} = ${version.value}`);
    if (next && 'source' in next)
      lines.push(`ports ${next.nameSpace} u16[${next.source}] u16[${next.destination}]`);
    else if (next && 'at' in next)
      lines.push(`next ${next.nameSpace} ${field(next.at, next.bytes, next.mask)}`);
    if (header.agreed) lines.push('agreed');
    if (header.leaf) lines.push('leaf');
    if (length)
      lines.push(
        `length ${field(length.at, length.bytes ?? 2)} ${length.counts === 'total' ? 'total' : 'contents'}`,
      );
    if (checksum)
      lines.push(
        `checksum ${checksum.kind} ${field(checksum.at, checksum.kind === 'crc32c' ? 4 : 2)}${checksum.zeroIsNone ? ' zero-is-none' : ''}`,
      );
    if (fragment) lines.push(`fragment ${field(fragment.at, 2, fragment.mask)} = ${fragment.whole ?? 0}`);
    if (addresses) lines.push(`addresses ${addresses.source} ${addresses.destination} of ${addresses.bytes}`);
    if (item) lines.push(`item ${item.nameSpace} ${field(item.at!, item.bytes)} align ${item.align ?? 1}`);
  }
  return lines.join('\n');
}

/** The definition with its defaults written out, for comparison. */
function explicit({ header, ...rest }: ProtocolDefinition) {
  if (header === undefined) return rest;
  const { terms, length, item, fragment, ...others } = header;
  return {
    ...rest,
    header: {
      ...others,
      ...(terms && { terms: terms.map((each) => ({ bytes: 1, ...each })) }),
      ...(length && { length: { bytes: 2, ...length } }),
      ...(item && { item: { bytes: 1, align: 1, ...item } }),
      ...(fragment && { fragment: { whole: 0, ...fragment } }),
    },
  };
}

function errorOf(what: () => unknown): FunnelError {
  try {
    what();
  } catch (error) {
    return error as FunnelError;
  }
  throw new Error('it was accepted');
}

const TOY = `
summary "A toy that a third party made"   # and a comment
space toy-kind 8 bits hexadecimal "what toys carry"
in ip-protocol 253; in ethertype 0x88b5, 0x88b6
header 4 + u8[1] & 0xf0 * 4
check u8[1] & 0x0f = 2
next toy-kind u8[0]
length u16[2] total
`;

describe('parseDefinition', () => {
  it('reads a definition', () => {
    expect(parseDefinition('toy', TOY)).toEqual({
      nameSpaces: [{ name: 'toy-kind', summary: 'what toys carry', bits: 8, hexadecimal: true }],
      definition: {
        name: 'toy',
        summary: 'A toy that a third party made',
        identifiers: [
          { nameSpace: 'ip-protocol', id: 253 },
          { nameSpace: 'ethertype', id: 0x88b5 },
          { nameSpace: 'ethertype', id: 0x88b6 },
        ],
        header: {
          minimum: 4,
          base: 4,
          terms: [{ at: 1, bytes: 1, mask: 0xf0, shift: 4, unit: 4 }],
          version: { at: 1, mask: 0x0f, value: 2 },
          next: { nameSpace: 'toy-kind', at: 0, bytes: 1 },
          length: { at: 2, bytes: 2, counts: 'total' },
        },
      },
    });
  });

  const sayable = protocolDefinitions.filter(
    ({ header, layer }) =>
      header?.parse === undefined &&
      layer !== 'network' &&
      header?.checksum?.when === undefined &&
      header?.checksum?.coverage === undefined &&
      !(header?.next && 'contents' in header.next),
  );
  it.each(sayable.map((definition) => [definition.name, definition] as const))(
    'can say %s',
    (name, definition) => {
      expect(explicit(parseDefinition(name, textOf(definition)).definition)).toEqual(explicit(definition));
    },
  );

  it.each([
    ['headr 8', '1:1', 'did you mean header?'],
    ['summary "a"\nheader 8 9', '2:10', 'write ";" or a new line'],
    ['header', '1:7', 'the clause ends too early'],
    ['header 8 +', '1:11', 'write a field'],
    ['header u64[0]', '1:8', 'write a field'],
    ['header u32[0]', '1:8', 'u8 or a u16'],
    ['header u8[0', '1:12', 'write "]"'],
    ['header u8[0] & 0', '1:8', 'at least one of them is 1'],
    ['header u8[0] & 256', '1:8', 'has 8 bits'],
    ['header 8; header 9', '1:11', 'leave out one'],
    ['next ethertype u8[0]', '1:21', 'no header'],
    ['least 4', '1:8', 'no header'],
    ['in ip-protocol tcp', '1:16', 'write a number'],
    ['in ip-protocol 99999999999', '1:16', 'too large'],
    ['summary toy', '1:9', 'text in quotes'],
    ['summary "toy', '1:9', 'write text in quotes'],
    ['\n\n  {', '3:3', 'cannot stand'],
    ['length u16[2] & 0xfff total', '1:8', 'cannot have a mask'],
    ['length u16[2] all', '1:15', 'total or contents'],
    ['constructor', '1:1', 'no clause'],
    ['__proto__', '1:1', 'cannot stand'],
  ])('refuses %j', (text, where, words) => {
    const error = errorOf(() => parseDefinition('toy', text));
    expect(error.code).toBe('FT_PROTOCOL_SYNTAX');
    expect(error.message).toContain(words);
    expect(error.message.startsWith(`${where}: `), error.message).toBe(true);
  });

  it('refuses a text that is too long', () => {
    for (const text of [
      ' '.repeat(MAX_DEFINITION_TEXT + 1),
      `in ip-protocol ${Array.from({ length: 65 }, (_, i) => i)}`,
      Array.from({ length: 5 }, (_, i) => `space s${i} 8 bits`).join('\n'),
    ])
      expect(errorOf(() => parseDefinition('toy', text)).code).toBe('FT_PROTOCOL_TOO_LONG');
  });

  it('throws only errors with a code for any text, and then defines nothing', () => {
    const word = fc.constantFrom(
      ...'header least check next ports length checksum item in space link transparent datagram leaf agreed fragment addresses'.split(
        ' ',
      ),
      ...'8 bits 0 4 u8[0] u16[0] u16[2] u32[4] & 0xff * + = , of total contents pseudo align ethertype toy-kind ; "x"'.split(
        ' ',
      ),
    );
    const protocols = new Protocols();
    let defined = 0;
    fc.assert(
      fc.property(
        fc.oneof(fc.array(word, { maxLength: 24 }), fc.array(fc.string(), { maxLength: 3 })),
        (words) => {
          const { count, nameSpaceNames } = protocols;
          try {
            protocols.defineFromText(`p${count}`, words.join(' '));
            defined++;
          } catch (error) {
            expect(error).toBeInstanceOf(FunnelError);
            expect((error as FunnelError).code).toMatch(/^FT_PROTOCOL_/);
            expect([protocols.count, protocols.nameSpaceNames]).toEqual([count, nameSpaceNames]);
          }
        },
      ),
      { numRuns: 5000 },
    );
    expect(defined).toBeGreaterThan(0);
  });
});

describe('Protocols.defineFromText', () => {
  it('lets the protocol of a third party be matched and printed', () => {
    const protocols = new Protocols();
    protocols.defineFromText('toy', TOY);
    protocols.defineFromText('puppet', 'in toy-kind 7; header 2; leaf');
    const stack = parseStack('ip/253/{7,0x09}', protocols);
    // The contents of 253 are those of the toy; a number at the end of a stack is only a number.
    expect(formatStack(stack, protocols)).toBe('ip/toy/{0x0007,0x0009}');
    expect(
      formatStack(
        matchStacks(parseStack('ethernet/toy', protocols), parseStack('toy/puppet', protocols), protocols)
          .stack!,
        protocols,
      ),
    ).toBe('ethernet/toy/puppet');
    expect(
      matchStacks(parseStack('toy/9', protocols), parseStack('toy/puppet', protocols), protocols).matches,
    ).toBe(false);
    for (const [a, b] of [
      ['toy/{7,9}', 'toy/puppet'],
      ['toy/puppet', 'toy/{7,puppet}'],
    ]) {
      const { stack: both } = matchStacks(parseStack(a!, protocols), parseStack(b!, protocols), protocols);
      expect(formatStack(both!, protocols)).toBe('toy/puppet');
    }
  });

  it('lets several pieces bring a protocol for one identifier, which stacks then name, and refuses registered names', () => {
    const protocols = new Protocols();
    const one = protocols.defineFromText('one', 'in ip-protocol 89; header 4; next ip-protocol u8[0]', 'a');
    const two = protocols.defineFromText('two', 'in ip-protocol 89; header 8', 'b');
    const raw = protocols.number('ip-protocol:89');
    expect(protocols.identify(protocols.nameSpaceNumber('ip-protocol'), 89)).toBe(raw);
    expect([protocols.broughtFor(raw), protocols.identities(two)]).toEqual([[one, two], [raw]]);
    expect([one, two, raw].map((each) => protocols.isBrought(each))).toEqual([true, true, false]);
    expect(parseStack('ip/89', protocols)).toEqual(parseStack('ip/89', new Protocols()));
    expect(errorOf(() => parseStack('ip/89/17', protocols))).toMatchObject({
      code: 'FT_STACK_NUMBER',
      message: expect.stringContaining('(one, two)'),
    });
    expect(
      matchStacks(parseStack('ip/one', protocols), parseStack('ip/two', protocols), protocols).matches,
    ).toBe(false);
    const { count } = protocols;
    const refused = errorOf(() => protocols.defineFromText('ospf', 'in ip-protocol 90; header 8'));
    expect(refused.code).toBe('FT_PROTOCOL_TWICE');
    expect(refused.message).toBe('ospf is a registered name in ip-protocol; give the protocol another name');
    expect(protocols.count).toBe(count);
    expect(protocols.areBroughtTogether(one, two)).toBe(false);
    protocols.defineFromText('two', 'in ip-protocol 89; header 8', 'a');
    expect(protocols.areBroughtTogether(one, two)).toBe(true);
    // No piece brought a built-in protocol.
    const udp = protocols.number('udp');
    for (const [a, b] of [
      [one, udp],
      [udp, one],
      [udp, udp],
    ] as const)
      expect(protocols.areBroughtTogether(a, b)).toBe(false);
  });

  it('limits the identifiers that pieces can number in a lane', () => {
    const protocols = new Protocols();
    protocols.defineFromText('space', 'space wide 16 bits');
    const codes = new Set<string>();
    for (let i = 0; i < 70; i++) {
      const ids = Array.from({ length: 64 }, (_, n) => i * 64 + n).join(', ');
      try {
        protocols.defineFromText(`p${i}`, `in wide ${ids}; header 1`);
      } catch (error) {
        codes.add((error as FunnelError).code);
      }
    }
    expect([...codes]).toEqual(['FT_PROTOCOL_FULL']);
    expect(protocols.count).toBeLessThan(4096 + 1024);
  });

  it.each([
    ['protocols', 1024, (n: number) => `in brought ${n}; header 1`],
    // The first one is `brought`, which all of them have.
    ['Name Spaces', 63, (n: number) => `space s${n} 16 bits`],
    [
      'identifiers',
      64,
      // Each brings 64, and the one behind them a single one.
      (n: number) => `in brought ${Array.from({ length: n < 64 ? 64 : 1 }, (_, i) => n * 64 + i).join(', ')}`,
    ],
  ])('takes the most %s that a lane holds, and none more', (_, most, text) => {
    const protocols = new Protocols();
    protocols.defineNameSpace({ name: 'brought', summary: '', bits: 16 });
    const bring = (n: number) => protocols.defineFromText(`p${n}`, text(n));
    for (let n = 0; n < most; n++) bring(n);
    const { count } = protocols;
    expect(errorOf(() => bring(most)).code).toBe('FT_PROTOCOL_FULL');
    expect(protocols.count).toBe(count);
    expect(bring(most - 1)).toBe(protocols.number(`p${most - 1}`));
  });

  it('accepts an equal definition twice, refuses a different one, and never replaces a built-in one', () => {
    const protocols = new Protocols();
    const number = protocols.defineFromText('toy', TOY);
    expect(protocols.defineFromText('toy', `${TOY} # said otherwise`)).toBe(number);
    expect(errorOf(() => protocols.defineFromText('toy', TOY.replace('= 2', '= 3'))).code).toBe(
      'FT_PROTOCOL_DIFFERS',
    );
    expect(protocols.defineFromText('udp', 'header 99')).toBe(protocols.number('udp'));
    expect(protocols.definition(protocols.number('udp'))?.header?.minimum).toBe(8);
  });

  it.each([
    ['FT_PROTOCOL_IDENTIFIER', 'in ip-protocol 17'],
    ['FT_PROTOCOL_IDENTIFIER', 'in udp-port 53'],
    ['FT_PROTOCOL_IDENTIFIER', 'in nowhere 1'],
    ['FT_PROTOCOL_IDENTIFIER', 'in ethertype "text"'],
    ['FT_PROTOCOL_TWICE', 'space ethertype 16 bits'],
    ['FT_PROTOCOL_INVALID', 'space mine 99 bits'],
    ['FT_PROTOCOL_INVALID', 'header 0'],
    ['FT_PROTOCOL_INVALID', 'header 8; next ethertype u16[7]'],
    ['FT_PROTOCOL_INVALID', 'header 8; next ip-protocol u16[0]'],
    ['FT_PROTOCOL_INVALID', 'header 8; next udp-port u16[0]'],
    ['FT_PROTOCOL_INVALID', 'header 8; next media-type u16[0]'],
    ['FT_PROTOCOL_INVALID', 'header 8; checksum pseudo u16[3]'],
    ['FT_PROTOCOL_INVALID', 'header 300'],
    ['FT_PROTOCOL_INVALID', 'header 8; least 9'],
    ['FT_PROTOCOL_INVALID', 'header 8; item ip-protocol u8[0]'],
    ['FT_PROTOCOL_INVALID', 'space mine 8 bits; header 8; next yours u8[0]'],
  ])('refuses with %s and changes nothing: %s', (code, text) => {
    const protocols = new Protocols();
    const { count, nameSpaceNames } = protocols;
    expect(errorOf(() => protocols.defineFromText('toy', text)).code).toBe(code);
    expect([protocols.count, protocols.nameSpaceNames]).toEqual([count, nameSpaceNames]);
  });

  it('limits the definitions that pieces can bring to a lane', () => {
    const protocols = new Protocols();
    const codes = new Set<string>();
    for (let i = 0; i < 70; i++) {
      try {
        protocols.defineFromText(`p${i}`, `space s${i} 16 bits`);
      } catch (error) {
        codes.add((error as FunnelError).code);
      }
    }
    expect([...codes]).toEqual(['FT_PROTOCOL_FULL']);
  });
});
