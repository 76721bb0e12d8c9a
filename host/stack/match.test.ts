import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { protocolDefinitions } from './builtin.ts';
import { formatStack } from './format-stack.ts';
import { matchStacks } from './match.ts';
import { parseStack } from './parse-stack.ts';
import type { Stack } from './stack.ts';
import { StackError } from './stack-error.ts';
import { literally } from './testing/match-model.ts';
import { stackArbitrary } from './testing/stack-arbitrary.ts';

const match = (a: string, b: string) => matchStacks(parseStack(a), parseStack(b));

describe('matchStacks', () => {
  it.each([
    ['ip', 'ip/udp/53', 'ip/udp/53'],
    ['ip/{udp,tcp}', 'ipv4/udp/53', 'ipv4/udp/53'],
    ['ethertype:ipv4/udp/5060', 'ppp:ip/udp', 'ethertype:ipv4/udp/5060'],
    ['ethertype:', 'ip/udp', 'ethertype:ip/udp'],
    ['ethertype:', 'ppp:', 'ethertype:'],
    ['ethertype:', 'ethernet/ipv4', 'ethernet/ipv4'],
    ['ethernet', 'ip/udp', 'ethernet/ip/udp'],
    ['ethernet/vlan/ip', 'ip/udp', 'ethernet/vlan/ip/udp'],
    ['udp/53', 'ip/udp', 'ip/udp/53'],
    ['ip-protocol:tcp/80', 'ethernet/ipv4', 'ethernet/ipv4/tcp/80'],
    ['ipv6/hop-by-hop/icmpv6', 'ip/icmpv6', 'ipv6/hop-by-hop/icmpv6'],
    ['ip/udp/*', 'ip/udp/local:53', 'ip/udp/local:53'],
    ['ip/udp/5060', 'ip/udp/local:5060', 'ip/udp/local:5060'],
    ['ipv4/udp/*/ipv6', 'ip/udp', 'ipv4/udp/*/ipv6'],
    ['ipv4/udp/*/ipv6', 'ip/udp/local:25790/ipv6/icmpv6', 'ipv4/udp/local:25790/ipv6/icmpv6'],
    // Only the stack defines the contents of these, so any protocol may follow them.
    ['ip/udp/*/rtp/ipv6', 'ip/udp/*/rtp/ipv6', 'ip/udp/*/rtp/ipv6'],
    ['ip/udp/*/rtp/sip', 'ip/udp/5004/rtp', 'ip/udp/5004/rtp/sip'],
    ['ip/tcp/*/length-prefix', 'ip/tcp/53/length-prefix/dns', 'ip/tcp/53/length-prefix/dns'],
  ])('%s matches %s', (a, b, both) => {
    const { matches, stack, explanation } = match(a, b);
    expect(matches).toBe(true);
    expect(formatStack(stack!)).toBe(both);
    expect(explanation).toContain(`both accept ${both}`);
  });

  it.each([
    [
      'ethernet/ip',
      'ip/udp',
      'both accept ethernet/ip/udp; ethernet is skipped, because the other begins above it',
    ],
    [
      'ip/udp',
      'ethernet/ip',
      'both accept ethernet/ip/udp; ethernet is skipped, because the other begins above it',
    ],
    ['ip', 'ip/udp', 'both accept ip/udp'],
    ['ethernet/ip', 'ethernet/ip/udp', 'both accept ethernet/ip/udp'],
  ])('explains why %s matches %s', (a, b, explanation) => {
    expect(match(a, b).explanation).toBe(explanation);
  });

  it.each([
    ['ipv4', 'ipv6', 'at their start, ipv4 and ipv6 have nothing in common'],
    ['ip/udp/53', 'ip/udp/5060', 'they agree on ip/udp, but there 53 and 5060 have nothing in common'],
    ['ip/tcp/80', 'ipv4/ipv6/tcp/80', 'tcp and ipv6 have nothing'],
    ['ip/udp/local:53', 'ip/udp/remote:53', 'nothing in common'],
    ['ip/udp/local:*', 'ip/udp/remote:53', 'nothing in common'],
    ['ip', 'ethernet/arp', 'nothing in common'],
    ['ppp', 'ethernet/ip', 'nothing in common'],
    ['ppp', 'arp', 'nothing in common'],
    ['ip-protocol:', 'arp', 'nothing in common'],
    ['ip/udp/*/rtp/ipv6', 'ip/udp/*/rtp/ipv4', 'ipv6 and ipv4 have nothing in common'],
    // The reason is the place where they agree on most, and of several such the first.
    ['ethernet/ipv6/udp', 'ipv6/tcp', 'agree on ethernet/ipv6, but there udp and tcp have'],
    ['ipv6/hop-by-hop/udp', 'ipv6/tcp', 'agree on ipv6/hop-by-hop, but there udp and tcp have'],
    ['ethernet/ipv6/udp', 'ethernet/ipv4/tcp', 'agree on ethernet, but there ipv6 and ipv4 have'],
    ['ipv6/hop-by-hop/udp', 'ipv6/hop-by-hop/icmpv6', 'there udp and icmpv6 have'],
    ['udp', 'arp', 'at their start, udp and arp have'],
    ['rtcp-packet:', 'sctp-chunk:', 'nothing in common'],
  ])('%s does not match %s', (a, b, why) => {
    const { matches, stack, explanation } = match(a, b);
    expect(matches).toBe(false);
    expect(stack).toBeUndefined();
    expect(explanation).toContain(why);
  });

  it('matches a stack with itself, whatever follows agreed contents', () => {
    for (const below of [
      'ip/udp/*/rtp',
      'ip/tcp/*/length-prefix',
      'ip/sctp/*/sctp-data',
      'ip/sctp/*/sctp-i-data',
    ]) {
      const names = protocolDefinitions.map(({ name }) => `${below}/${name}`).filter(isStack);
      expect(names.length, below).toBeGreaterThan(20);
      for (const text of names) expect(match(text, text), text).toMatchObject({ matches: true });
    }
  });

  it('takes no exponential time over transparent headers', () => {
    const many = (end: string) => `ipv6${'/hop-by-hop'.repeat(14)}/${end}`;
    expect(match(many('udp'), many('tcp')).matches).toBe(false);
  });

  it('agrees with a literal reading of the specification, both ways round', () => {
    let runs = 0;
    let matched = 0;
    fc.assert(
      fc.property(stackArbitrary, stackArbitrary, (a, b) => {
        const found = matchStacks(a, b);
        expect(found.matches, `${formatStack(a)} and ${formatStack(b)}: ${found.explanation}`).toBe(
          literally(a, b),
        );
        expect(matchStacks(b, a).matches).toBe(found.matches);
        runs++;
        if (found.matches) matched++;
      }),
      { numRuns: 20_000 },
    );
    expect(matched / runs).toBeGreaterThan(0.05);
  });

  it('constructs a stack that matches both', () => {
    fc.assert(
      fc.property(stackArbitrary, stackArbitrary, (a, b) => {
        const { stack } = matchStacks(a, b);
        if (stack === undefined) return;
        expect(withoutNamesakes(parseStack(formatStack(stack)), stack)).toEqual(stack);
        expect(literally(stack, a) && literally(stack, b)).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });

  it('matches each stack with itself', () => {
    fc.assert(
      fc.property(stackArbitrary, (stack) => matchStacks(stack, stack).matches),
      { numRuns: 2000 },
    );
  });
});

function isStack(text: string): boolean {
  try {
    parseStack(text);
    return true;
  } catch (error) {
    if (error instanceof StackError) return false;
    throw error;
  }
}

/**
 * A bare number in the notation stands for the identifier in each Name Space of the previous step, so reading
 * it may return several protocols.
 */
function withoutNamesakes(read: Stack, written: Stack): Stack {
  const steps = read.steps.map((step, n) => {
    const before = written.steps[n];
    if (step.kind !== 'protocols' || before?.kind !== 'protocols') return step;
    const numbers = before.protocols.map(numberIn).filter((number) => number !== undefined);
    const isNamesake = (name: string): boolean =>
      !before.protocols.includes(name) && numbers.includes(numberIn(name) ?? '');
    return { ...step, protocols: step.protocols.filter((name) => !isNamesake(name)) };
  });
  return { ...read, steps };
}

/** The number in an identifier that has no name, such as `ethertype:99`. */
function numberIn(name: string): string | undefined {
  return /:(\d+)$/.exec(name)?.[1];
}
