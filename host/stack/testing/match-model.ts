import { standardProtocols as protocols } from '../protocols.ts';
import type { Stack } from '../stack.ts';

/**
 * For tests: whether two stacks match, by a literal and slow reading of the specification. It writes out
 * every combination of both stacks and every possible start of each, and compares item by item.
 */
export function literally(a: Stack, b: Stack): boolean {
  return waysOf(a).some((x) => waysOf(b).some((y) => meet(x, y)));
}

/** One step of a combination: a protocol, a port of one end, or anything in a Name Space. */
type Item = { protocol: string } | { end: string; port: number | 'open' } | { anythingIn: string };

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

/** Whether each protocol's predecessor can carry it. */
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

/**
 * Whether the items agree up to the end of the shorter list, if transparent headers behind the first item may
 * be left out.
 */
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
