import { describe, expect, it } from 'vitest';
import { protocolDefinitions } from './builtin.ts';
import type { ProtocolDefinition } from './definition.ts';
import { opposes } from './direction.ts';
import { parseStack } from './parse-stack.ts';
import { Protocols } from './protocols.ts';

const toy: ProtocolDefinition = {
  name: 'toy',
  summary: '',
  identifiers: [{ nameSpace: 'ip-protocol', id: 253 }],
  header: { minimum: 4, base: 4 },
};

function codeOf(what: () => unknown): string {
  try {
    what();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return '';
}

describe('Protocols', () => {
  it('gives built-in protocols the same numbers in each registry, and names and identifies them', () => {
    const [a, b] = [new Protocols(), new Protocols()];
    for (const [index, { name, identifiers }] of protocolDefinitions.entries()) {
      expect([a.number(name), b.number(name)]).toEqual([index + 1, index + 1]);
      expect(a.name(index + 1)).toBe(name);
      for (const { nameSpace, id } of identifiers)
        expect(a.identify(a.nameSpaceNumber(nameSpace), id)).toBe(index + 1);
    }
    expect([a.number('nothing'), a.name(999), a.name(0)]).toEqual([0, '', '']);
  });

  it('has equivalent carriers', () => {
    const protocols = new Protocols();
    const ipv6 = protocols.number('ipv6');
    for (const [nameSpace, id] of [
      ['ethertype', 0x86dd],
      ['ppp', 0x57],
      ['ip-protocol', 41],
    ] as const) {
      expect(protocols.identify(protocols.nameSpaceNumber(nameSpace), id)).toBe(ipv6);
    }
  });

  it('refuses a second Name Space of the same name, and names it', () => {
    const protocols = new Protocols();
    const again = () => protocols.defineNameSpace({ name: 'ethertype', summary: '', bits: 16 });
    expect(codeOf(again)).toBe('FT_PROTOCOL_TWICE');
    expect(again).toThrow('the name space ethertype is defined already; give the new one another name');
  });

  it('interns an identifier once, and lets a definition take it over under its own number', () => {
    const protocols = new Protocols();
    const interned = protocols.intern('ip-protocol', 253);
    expect(protocols.intern('ip-protocol', 253)).toBe(interned);
    expect(protocols.name(interned)).toBe('ip-protocol:253');
    const number = protocols.define(toy);
    expect(number).not.toBe(interned);
    expect(protocols.identify(protocols.nameSpaceNumber('ip-protocol'), 253)).toBe(number);
    expect(protocols.name(interned)).toBe('ip-protocol:253');
  });

  it('matches and reads a defined protocol', () => {
    const protocols = new Protocols();
    protocols.define(toy);
    expect(parseStack('ip/253', protocols)).toEqual(parseStack('ip/toy', protocols));
    expect(codeOf(() => parseStack('ip/toy'))).toBe('FT_STACK_UNKNOWN');
  });

  it('knows identifiers of 32 bits and of text', () => {
    const protocols = new Protocols();
    const ppid = protocols.nameSpaceNumber('sctp-ppid');
    const numbers = Array.from({ length: 1000 }, (_, i) => (i * 2654435761) >>> 0);
    const given = numbers.map((id) => protocols.intern('sctp-ppid', id));
    expect(numbers.map((id) => protocols.identify(ppid, id))).toEqual(given);
    expect(new Set(given).size).toBe(1000);
    expect(protocols.identify(ppid, 0xffffffff)).toBe(0);
    const media = protocols.nameSpaceNumber('media-type');
    expect(protocols.name(protocols.identify(media, 'application/sdp'))).toBe('sdp');
    expect(protocols.intern('media-type', 'text/plain')).toBe(protocols.identify(media, 'text/plain'));
    expect(codeOf(() => protocols.intern('media-type', 'Text "x"'))).toBe('FT_PROTOCOL_IDENTIFIER');
  });

  it.each<[string, Partial<ProtocolDefinition>]>([
    ['FT_PROTOCOL_TWICE', { name: 'udp' }],
    ['FT_PROTOCOL_TWICE', { name: 'ip' }],
    ['FT_PROTOCOL_INVALID', { name: 'Toy' }],
    ['FT_PROTOCOL_INVALID', { name: '17' }],
    ['FT_PROTOCOL_INVALID', { name: 'local' }],
    ['FT_PROTOCOL_IDENTIFIER', { identifiers: [{ nameSpace: 'ip-protocol', id: 17 }] }],
    ['FT_PROTOCOL_IDENTIFIER', { identifiers: [{ nameSpace: 'ip-protocol', id: 256 }] }],
    ['FT_PROTOCOL_IDENTIFIER', { identifiers: [{ nameSpace: 'nowhere', id: 1 }] }],
    ['FT_PROTOCOL_IDENTIFIER', { identifiers: [{ nameSpace: 'udp-port', id: 1 }] }],
    ['FT_PROTOCOL_INVALID', { header: { minimum: 0, base: 4 } }],
    ['FT_PROTOCOL_INVALID', { header: { minimum: 8, base: 4 } }],
    [
      'FT_PROTOCOL_INVALID',
      { header: { minimum: 4, base: 4, next: { nameSpace: 'ip-protocol', at: 4, bytes: 1 } } },
    ],
    [
      'FT_PROTOCOL_INVALID',
      { header: { minimum: 4, base: 4, next: { nameSpace: 'udp-port', at: 0, bytes: 2 } } },
    ],
    ['FT_PROTOCOL_INVALID', { header: { minimum: 4, base: 4, checksum: { at: 3, kind: 'header' } } }],
    [
      'FT_PROTOCOL_INVALID',
      { header: { minimum: 4, base: 0, terms: [{ at: 0, mask: 256, shift: 0, unit: 1 }] } },
    ],
    ['FT_PROTOCOL_INVALID', { header: { minimum: 4, base: 4, length: { at: -1, counts: 'total' } } }],
  ])('refuses with %s and changes nothing: %j', (code, wrong) => {
    const protocols = new Protocols();
    const { count } = protocols;
    expect(codeOf(() => protocols.define({ ...toy, ...wrong }))).toBe(code);
    expect(protocols.count).toBe(count);
    expect(protocols.identify(protocols.nameSpaceNumber('ip-protocol'), 253)).toBe(0);
  });
});

describe('the protocols of pieces', () => {
  const inSpace = (bits: number, name = 'own') => `space ${name} ${bits} bits; in ip-protocol 253; header 2`;

  it('leave nothing if they are refused: the next Name Space gets its own table', () => {
    const protocols = new Protocols();
    const before = protocols.nameSpaceNames;
    // The Name Spaces are good; the definition itself is not.
    for (const bad of [
      'header 2; in nowhere 1',
      'header 2; in ip-protocol 17',
      'header 2; in ip-protocol 999',
    ])
      expect(codeOf(() => protocols.defineFromText('bad', `space large 32 bits; ${bad}`))).not.toBe('');
    expect(protocols.nameSpaceNames).toEqual(before);
    expect(protocols.nameSpaceNumber('large')).toBe(-1);
    protocols.defineFromText('good', inSpace(8, 'small'));
    const small = protocols.nameSpaceNumber('small');
    expect(protocols.nameSpaceNames[small]).toBe('small');
    expect(codeOf(() => protocols.intern('small', 256))).toBe('FT_PROTOCOL_IDENTIFIER');
    const number = protocols.intern('small', 255);
    expect(protocols.table(small).get(255)).toBe(number);
    expect(() => protocols.table(small + 1)).toThrow(RangeError);
    protocols.defineFromText('other', inSpace(32, 'large').replace('253', '254'));
    expect(protocols.intern('large', 2 ** 32 - 1)).toBeGreaterThan(number);
  });
});

describe('opposes', () => {
  it('lets up meet down, and peer meet peer', () => {
    const directions = ['up', 'down', 'peer'] as const;
    const met = directions.flatMap((a) => directions.filter((b) => opposes(a, b)).map((b) => `${a} ${b}`));
    expect(met).toEqual(['up down', 'down up', 'peer peer']);
  });
});
