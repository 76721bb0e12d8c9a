import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { protocolDefinitions } from './builtin.ts';
import type { ProtocolDefinition } from './definition.ts';
import { formatStack } from './format-stack.ts';
import { MAX_STACK_STEPS, MAX_STACK_TEXT, MAX_STACK_WAYS, parseStack } from './parse-stack.ts';
import { StackError } from './stack-error.ts';
import { stackArbitrary } from './testing/stack-arbitrary.ts';

describe('parseStack', () => {
  it.each([
    ['ethertype:ipv4/udp/5060', 'ethertype:ipv4/udp/5060'],
    ['ip/{udp,tcp}/sip', 'ip/{tcp,udp}/5060'],
    ['ppp:ipv6', 'ppp:ipv6'],
    ['ip/udp/local:5060', 'ip/udp/local:5060'],
    ['ip/udp/remote:5060', 'ip/udp/remote:5060'],
    ['ipv4/udp/*/ipv6', 'ipv4/udp/*/ipv6'],
    ['ipv4/udp/local:6bed4/ipv6/icmpv6', 'ipv4/udp/local:25790/ipv6/icmpv6'],
    ['ethertype:', 'ethertype:'],
    ['ethertype:0x0800/17', 'ethertype:ipv4/udp'],
    ['ethertype:0x88B5', 'ethertype:0x88b5'],
    ['ipv6/99', 'ipv6/99'],
    ['{ipv4,ipv6}', 'ip'],
    ['{arp,ip}', '{ip,arp}'],
    ['ip/udp/local:{9,7,9}', 'ip/udp/local:{7,9}'],
    ['ip/udp/{local:7,remote:9,5}', 'ip/udp/{5,local:7,remote:9}'],
    ['ethernet/lldp', 'ethernet/lldp'],
    ['ethertype:0x88CC', 'ethertype:lldp'],
    ['ip/{ipv6-icmp,skip,99}', 'ip/{icmpv6,skip,99}'],
    ['ethernet/ppp-ses/ppp/lcp', 'ethernet/pppoe/ppp/lcp'],
    ['ip/tcp/{imaps,xmpp-client}', 'ip/tcp/{993,5222}'],
    ['ip/sctp/amqp/sctp-data/m3ua', 'ip/sctp/5672/sctp-data/m3ua'],
    ['ip/sctp/5060/sctp-data/{0x42424242,sip}', 'ip/sctp/5060/sctp-data/{1111638594,sip}'],
    [
      'ip/udp/5060/sip/multipart/mime-part/{sdp,"Text/Plain"}',
      'ip/udp/5060/sip/multipart/mime-part/{"text/plain",sdp}',
    ],
    ['media-type:sdp', 'media-type:sdp'],
    ['dns-sd:"_ipp._tcp"', 'dns-sd:"_ipp._tcp"'],
    ['dns-sd:"_sip._udp"', 'dns-sd:sip'],
    ['ethernet/vlan/vlan/ipv6/hop-by-hop/icmpv6', 'ethernet/vlan/vlan/ipv6/hop-by-hop/icmpv6'],
  ])('reads %s', (text, canonical) => {
    expect(formatStack(parseStack(text))).toBe(canonical);
  });

  it.each([
    ['', 'FT_STACK_EMPTY', 1, 'write one such as ip/udp'],
    ['ip/', 'FT_STACK_SYNTAX', 4, 'the stack ends too early'],
    ['/ip', 'FT_STACK_SYNTAX', 1, 'write a name'],
    ['ip udp', 'FT_STACK_SYNTAX', 3, 'cannot stand in a stack'],
    ['ip/{udp,tcp', 'FT_STACK_SYNTAX', 12, 'write "," or "}"'],
    ['ip}', 'FT_STACK_SYNTAX', 3, 'write "/" before the next step'],
    ['ip/udq', 'FT_STACK_UNKNOWN', 4, 'did you mean udp?'],
    ['IPv4', 'FT_STACK_UNKNOWN', 1, 'did you mean ipv4?'],
    ['ethertipe:ip', 'FT_STACK_UNKNOWN', 1, 'there are ethertype'],
    ['ethertype', 'FT_STACK_UNKNOWN', 1, 'write "ethertype:"'],
    ['17', 'FT_STACK_NUMBER', 1, 'ethertype:0x0800'],
    ['ip/256', 'FT_STACK_NUMBER', 4, 'goes up to 255'],
    ['ip/udp/65536', 'FT_STACK_NUMBER', 8, 'ports go up to 65535'],
    ['ip/arp', 'FT_STACK_NOT_CARRIED', 4, 'no identifier in ip-protocol'],
    ['ethertype:udp', 'FT_STACK_NOT_CARRIED', 11, 'leave out the name space'],
    ['ip/icmp/5', 'FT_STACK_NOT_CARRIED', 9, 'does not identify its contents'],
    ['ip/udp/ipv6', 'FT_STACK_NOT_CARRIED', 8, '*/ipv6'],
    ['https', 'FT_STACK_NOT_CARRIED', 1, 'ip/udp/https'],
    ['lldp', 'FT_STACK_NOT_CARRIED', 1, 'behind "ethertype:"'],
    ['ip/udp/5060/sip/"', 'FT_STACK_SYNTAX', 17, 'cannot stand'],
    ['ip/udp/5060/sip/""', 'FT_STACK_SYNTAX', 17, 'identifier'],
    ['ip/udp/5060/sip/5', 'FT_STACK_NUMBER', 17, 'holds text'],
    ['ip/tcp/53/dns', 'FT_STACK_NOT_CARRIED', 11, 'length-prefix/dns'],
    ['ip/tcp/*/rtp', 'FT_STACK_NOT_CARRIED', 10, 'length-prefix/rtp'],
    ['ip/{udp,tcp}/5005/rtcp', 'FT_STACK_NOT_CARRIED', 19, 'length-prefix/rtcp'],
    ['ip/"udp"', 'FT_STACK_NOT_CARRIED', 4, 'is text'],
    ['ip/{udp,ipv6}/53', 'FT_STACK_NOT_CARRIED', 15, 'write several stacks'],
    ['ip/*', 'FT_STACK_SYNTAX', 4, 'stands for a port'],
    ['local:5060', 'FT_STACK_SYNTAX', 1, 'ip/udp/local:5060'],
    ['udp-port:5060', 'FT_STACK_SYNTAX', 1, 'ip/udp/5060'],
    ['ip/local:udp', 'FT_STACK_SYNTAX', 4, 'cannot stand here'],
    ['ip/ethertype:arp', 'FT_STACK_SYNTAX', 4, 'before the whole stack'],
    ['ipv4'.padEnd(4 + 16 * 5, '/ipv4'), 'FT_STACK_TOO_LONG', 81, '16 steps'],
    [
      `ip/udp/{${Array.from({ length: 60 }, (_, i) => i)}}/ip/ip/ip/ip`,
      'FT_STACK_TOO_LONG',
      189,
      'combinations',
    ],
    ['x'.repeat(MAX_STACK_TEXT + 1), 'FT_STACK_TOO_LONG', MAX_STACK_TEXT + 1, '512'],
  ])('refuses "%s"', (text, code, column, words) => {
    expect(() => parseStack(text)).toThrow(StackError);
    try {
      parseStack(text);
    } catch (error) {
      const { code: thrown, column: where, message } = error as StackError;
      expect([thrown, where]).toEqual([code, column]);
      expect(message).toContain(words);
    }
  });

  it.each([
    // Leading zeros fill up to an exact length.
    [
      'characters',
      MAX_STACK_TEXT,
      1,
      (n: number) => `ip/udp/{${'7,'.repeat((n - 14) >> 1)}${'8'.padStart(5 + (n & 1), '0')}}`,
    ],
    ['steps', MAX_STACK_STEPS, 1, (n: number) => Array(n).fill('ipv4').join('/')],
    // Each `ip` doubles the ways.
    [
      'ways',
      MAX_STACK_WAYS,
      32,
      (n: number) => `ip/udp/{${Array.from({ length: n / 32 }, (_, i) => i)}}/ip/ip/ip/ip`,
    ],
  ] as const)('reads a stack of as many %s as may be, and no more', (what, most, more, write) => {
    if (what === 'characters')
      expect([write(most), write(most + 1)].map(({ length }) => length)).toEqual([most, most + 1]);
    expect(parseStack(write(most)).steps.length).toBeGreaterThan(2);
    expect(() => parseStack(write(most + more))).toThrow(
      expect.objectContaining({ code: 'FT_STACK_TOO_LONG' }),
    );
  });

  it('reads back every printed stack', () => {
    fc.assert(
      fc.property(stackArbitrary, (stack) => {
        expect(parseStack(formatStack(stack))).toEqual(stack);
      }),
      { numRuns: 5000 },
    );
  });

  it('throws only StackError for any text', () => {
    const words = fc.constantFrom(
      'ip',
      'udp',
      'tcp',
      'ipv6',
      '53',
      '0x10',
      'local',
      'remote',
      ':',
      '/',
      '{',
      '}',
      ',',
      '*',
      'ethertype',
      'sip',
      'ethernet',
      '\u{1f600}',
      ' ',
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(words, { maxLength: 20 }).map((each) => each.join('')),
    );
    fc.assert(
      fc.property(text, (each) => {
        try {
          expect(parseStack(formatStack(parseStack(each)))).toEqual(parseStack(each));
        } catch (error) {
          expect(error).toBeInstanceOf(StackError);
          expect((error as StackError).column).toBeGreaterThan(0);
        }
      }),
      { numRuns: 20_000 },
    );
  });
});

describe('a message that fills a datagram', () => {
  const filling = protocolDefinitions.filter(({ fillsDatagram }) => fillsDatagram).map(({ name }) => name);

  it('is one whose end nothing in it states', () => {
    const OF_TEXT_OR_BER: Readonly<Record<string, string>> = {
      sip: 'Content-Length (RFC 3261 §18.3)',
      snmp: 'the length of its sequence (RFC 3430 §2.1)',
      multipart: 'its last delimiter (RFC 2046 §5.1.1)',
      'mime-part': 'the next delimiter (RFC 2046 §5.1.1)',
    };
    const isUnbounded = ({ name, header }: ProtocolDefinition) =>
      header !== undefined &&
      header.length === undefined &&
      // The end of such a header is that of the message, unless a parse function has to find it.
      (header.leaf !== true || header.parse !== undefined) &&
      OF_TEXT_OR_BER[name] === undefined;
    expect(filling).toEqual(protocolDefinitions.filter(isUnbounded).map(({ name }) => name));
    expect(filling).toHaveLength(26);
  });

  it('is named behind a port of datagrams, and behind its length on a stream', () => {
    expect(filling).toContain('ethernet');
    expect(filling).toContain('rtp');
    for (const name of filling) {
      expect(formatStack(parseStack(`ip/udp/5000/${name}`))).toBe(`ip/udp/5000/${name}`);
      const framed = `ip/tcp/5000/length-prefix/${name}`;
      expect(formatStack(parseStack(framed))).toBe(framed);
      expect(() => parseStack(`ip/tcp/5000/${name}`)).toThrow(`length-prefix/${name}`);
    }
  });
});
