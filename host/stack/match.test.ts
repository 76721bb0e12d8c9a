import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatStack } from './format-stack.ts';
import { matchStacks } from './match.ts';
import { parseStack } from './parse-stack.ts';
import { standardProtocols as protocols } from './protocols.ts';
import type { Stack } from './stack.ts';
import { stackArbitrary } from './stack-arbitrary.ts';

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
  ])('%s matches %s', (a, b, both) => {
    const { matches, stack, explanation } = match(a, b);
    expect(matches).toBe(true);
    expect(formatStack(stack!)).toBe(both);
    expect(explanation).toContain(`both accept ${both}`);
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
  ])('%s does not match %s', (a, b, why) => {
    const { matches, stack, explanation } = match(a, b);
    expect(matches).toBe(false);
    expect(stack).toBeUndefined();
    expect(explanation).toContain(why);
  });

  it('takes no exponential time over transparent headers', () => {
    const many = (end: string) => `ipv6${'/hop-by-hop'.repeat(14)}/${end}`;
    expect(match(many('udp'), many('tcp')).matches).toBe(false);
  });

  it('agrees with a literal reading of the specification, both ways round', () => {
    let matched = 0;
    fc.assert(
      fc.property(stackArbitrary, stackArbitrary, (a, b) => {
        const found = matchStacks(a, b);
        expect(found.matches, `${formatStack(a)} and ${formatStack(b)}: ${found.explanation}`).toBe(
          literally(a, b),
        );
        expect(matchStacks(b, a).matches).toBe(found.matches);
        if (found.matches) matched++;
      }),
      { numRuns: 20_000 },
    );
    expect(matched).toBeGreaterThan(1000);
  });

  it('constructs a stack that matches both', () => {
    fc.assert(
      fc.property(stackArbitrary, stackArbitrary, (a, b) => {
        const { stack } = matchStacks(a, b);
        if (stack === undefined) return;
        expect(parseStack(formatStack(stack))).toEqual(stack);
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

/** One way through a stack: a protocol, a port of one end, or anything in a Name Space. */
type Item = { protocol: string } | { end: string; port: number | 'open' } | { anythingIn: string };

/** The model: write out every way through both stacks, every place where each may start, and compare item by item. */
function literally(a: Stack, b: Stack): boolean {
  return waysOf(a).some((x) => waysOf(b).some((y) => meet(x, y)));
}

function waysOf(stack: Stack): Item[][] {
  let ways: Item[][] = stack.steps.length === 0 ? [[{ anythingIn: stack.nameSpace! }]] : [[]];
  for (const step of stack.steps) {
    const items: Item[] =
      step.kind === 'protocols'
        ? step.protocols.map((protocol) => ({ protocol }))
        : step.ports.flatMap(({ end, port }) =>
            (end === 'either' ? ['local', 'remote'] : [end]).map((each) => ({ end: each, port })),
          );
    ways = ways.flatMap((way) => items.map((item) => [...way, item]));
  }
  return ways
    .flatMap((way) =>
      aboveNetwork(way[0]!) ? [way, [{ protocol: 'ipv4' }, ...way], [{ protocol: 'ipv6' }, ...way]] : [way],
    )
    .filter(isPossible);
}

/** Whether each protocol can stand on the one in front of it. */
function isPossible(way: Item[]): boolean {
  return way.every((item, index) => {
    const below = way[index - 1];
    if (below === undefined || !('protocol' in below) || 'end' in item) return true;
    const header = definition(below.protocol)?.header;
    const next = header?.next;
    if (header?.agreed) return true;
    return next !== undefined && agree(item, { anythingIn: next.nameSpace });
  });
}

function aboveNetwork(item: Item): boolean {
  if ('anythingIn' in item) return item.anythingIn === 'ip-protocol';
  return (
    'protocol' in item &&
    item.protocol !== 'ipv4' &&
    item.protocol !== 'ipv6' &&
    isIn(item.protocol, 'ip-protocol')
  );
}

function meet(x: Item[], y: Item[]): boolean {
  return same(x, y) || startsIn(x, y) || startsIn(y, x);
}

/** Whether `short` starts in `long` above links. */
function startsIn(long: Item[], short: Item[]): boolean {
  for (let links = 1; links <= long.length; links++) {
    const link = long[links - 1]!;
    if (!('protocol' in link) || definition(link.protocol)?.layer !== 'link') return false;
    if (links === long.length)
      return agree(short[0]!, { anythingIn: definition(link.protocol)!.header!.next!.nameSpace });
    if (same(long.slice(links), short)) return true;
  }
  return false;
}

/** Whether the items agree up to the end of the shorter, when transparent headers may be left out behind the first. */
function same(x: Item[], y: Item[]): boolean {
  return withoutTransparent(x).some((left) =>
    withoutTransparent(y).some((right) =>
      left.every((item, i) => i >= right.length || agree(item, right[i]!)),
    ),
  );
}

function withoutTransparent(way: Item[]): Item[][] {
  let kept: Item[][] = [[]];
  for (const [index, item] of way.entries()) {
    const with_ = kept.map((each) => [...each, item]);
    const transparent = index > 0 && 'protocol' in item && definition(item.protocol)?.transparent === true;
    kept = transparent ? [...with_, ...kept] : with_;
  }
  return kept;
}

function agree(a: Item, b: Item): boolean {
  if ('anythingIn' in a && 'anythingIn' in b) {
    return a.anythingIn === b.anythingIn || knownIn(a.anythingIn).some((name) => isIn(name, b.anythingIn));
  }
  if ('anythingIn' in a) return 'protocol' in b && isIn(b.protocol, a.anythingIn);
  if ('anythingIn' in b) return agree(b, a);
  if ('protocol' in a && 'protocol' in b) return a.protocol === b.protocol;
  if ('end' in a && 'end' in b)
    return a.end === b.end && (a.port === 'open' || b.port === 'open' || a.port === b.port);
  return false;
}

function definition(name: string) {
  return protocols.definition(protocols.number(name));
}

function isIn(name: string, nameSpace: string): boolean {
  return (
    name.startsWith(`${nameSpace}:`) ||
    (definition(name)?.identifiers.some((each) => each.nameSpace === nameSpace) ?? false)
  );
}

function knownIn(nameSpace: string): string[] {
  const names: string[] = [];
  for (let number = 1; number < protocols.count; number++) names.push(protocols.name(number));
  return names.filter((name) => isIn(name, nameSpace));
}
