import { describe, expect, it } from 'vitest';
import { formatStack } from './format-stack.ts';
import { FunnelError } from './funnel-error.ts';
import { matchStacks } from './match.ts';
import { parseStack } from './parse-stack.ts';
import { Protocols } from './protocols.ts';
import { StackMemo } from './stack-memo.ts';

const STACKS = [
  'ip',
  'ip/udp',
  'ipv4/udp/sip',
  'ethernet/ip',
  'ip/{tcp,udp}',
  'ethertype:0x9999',
  'ip/udp/*',
];

describe('StackMemo', () => {
  it('says what is said without it, also of what is defined later', () => {
    const protocols = new Protocols();
    const memo = StackMemo.of(protocols);
    expect(StackMemo.of(protocols)).toBe(memo);
    const compare = (): void => {
      for (const a of STACKS) {
        expect(memo.parsed(a)).toEqual(parseStack(a, protocols));
        expect(memo.text(memo.parsed(a))).toBe(formatStack(parseStack(a, protocols), protocols));
        for (const b of STACKS) {
          const fresh = matchStacks(parseStack(a, protocols), parseStack(b, protocols), protocols);
          expect(memo.match(a, b)).toEqual(fresh);
          expect(memo.match(a, b)).toBe(memo.match(a, b));
        }
      }
    };
    compare();
    protocols.define({
      name: 'novel',
      summary: 'A protocol that was not there before',
      identifiers: [{ nameSpace: 'ethertype', id: 0x9999 }],
    });
    compare();
    expect(memo.text(memo.parsed('ethertype:0x9999'))).toContain('novel');
    protocols.intern('ip-protocol', 253);
    compare();
  });

  it('remembers no mistake, and no more than it may', () => {
    const protocols = new Protocols();
    const memo = StackMemo.of(protocols);
    for (let n = 0; n < 2; n++) expect(() => memo.parsed('no-such-thing')).toThrow(FunnelError);
    const first = memo.parsed('ip/udp/1');
    for (let port = 1; port <= 5000; port++) memo.parsed(`ip/udp/${port}`);
    expect(memo.parsed('ip/udp/1')).toEqual(first);
    expect(memo.parsed('ip/udp/1')).not.toBe(first);
  });
});
