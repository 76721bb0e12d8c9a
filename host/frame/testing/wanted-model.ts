import { standardProtocols as protocols } from '../../stack/protocols.ts';
import type { Port, Stack } from '../../stack/stack.ts';
import type { Packet } from './packet-arbitrary.ts';

/**
 * For tests: the stacks that accept a packet, by comparing each combination of each stack with each position
 * in the full list of headers.
 */
export interface Accepted {
  readonly tag: number;
  /** Headers in front of the stack. */
  readonly base: number;
  /** The header at which the stack ends. */
  readonly end: number;
}

type Item = string | Port;

export function acceptedBy(
  packet: Packet,
  wanted: readonly { stack: Stack; tag: number }[],
  towardUp: boolean,
): Accepted[] {
  return wanted.flatMap(({ stack, tag }) =>
    stack.steps.length === 0
      ? startsInNameSpace(packet, stack.nameSpace!).map((base) => ({ tag, base, end: base - 1 }))
      : waysOf(stack, false).flatMap((way) =>
          [startsFromRoot(packet), isAboveNetwork(way) ? startsAboveNetwork(packet) : []].flatMap((bases) => {
            const met = bases.flatMap((base) => {
              const end = endOf(packet, way, base, towardUp);
              return end === undefined ? [] : [{ tag, base, end }];
            });
            return met.length === 0 ? [] : [met.reduce((a, b) => (b.end < a.end ? b : a))];
          }),
        ),
  );
}

/** Whether a stack ends at exactly this header; open steps take any port. */
export function beginsAt(packet: Packet, stack: Stack, base: number, towardUp: boolean): boolean {
  return waysOf(stack, true).some((way) => endOf(packet, way, base, towardUp) !== undefined);
}

function waysOf(stack: Stack, open: boolean): Item[][] {
  return stack.steps.reduce<Item[][]>(
    (ways, step) => {
      const items: readonly Item[] =
        step.kind === 'protocols' ? step.protocols : step.ports.filter(({ port }) => open || port !== 'open');
      return ways.flatMap((way) => items.map((item) => [...way, item]));
    },
    [[]],
  );
}

function endOf(packet: Packet, way: readonly Item[], base: number, towardUp: boolean): number | undefined {
  let at = base;
  for (const [index, item] of way.entries()) {
    if (typeof item !== 'string') {
      if (!hasPort(packet, at - 1, item, towardUp)) return undefined;
      continue;
    }
    while (
      index > 0 &&
      at < packet.headers.length &&
      packet.headers[at]!.protocol !== item &&
      isTransparent(packet, at)
    )
      at++;
    if (packet.headers[at]?.protocol !== item) return undefined;
    at++;
  }
  return at - 1;
}

function hasPort(packet: Packet, header: number, { end, port }: Port, towardUp: boolean): boolean {
  const { at } = packet.headers[header]!;
  const source = packet.bytes[at]! * 256 + packet.bytes[at + 1]!;
  const destination = packet.bytes[at + 2]! * 256 + packet.bytes[at + 3]!;
  const [local, remote] = towardUp ? [destination, source] : [source, destination];
  return (
    (end !== 'remote' && (port === 'open' || port === local)) ||
    (end !== 'local' && (port === 'open' || port === remote))
  );
}

function startsFromRoot(packet: Packet): number[] {
  const links = packet.headers.findIndex((_, at) => definitionAt(packet, at)?.layer !== 'link');
  return Array.from({ length: links + 1 }, (_, at) => at);
}

function startsAboveNetwork(packet: Packet): number[] {
  const network = startsFromRoot(packet).at(-1)!;
  if (definitionAt(packet, network)?.layer !== 'network') return [];
  const starts = [network + 1];
  while (isTransparent(packet, starts.at(-1)!)) starts.push(starts.at(-1)! + 1);
  return starts;
}

/**
 * The outermost header that is in a Name Space; and the same above one network header, for a Name Space that
 * it carries.
 */
function startsInNameSpace(packet: Packet, nameSpace: string): number[] {
  const isIn = (at: number) =>
    definitionAt(packet, at)?.identifiers.some((each) => each.nameSpace === nameSpace) ||
    (at > 0 && definitionAt(packet, at - 1)?.header?.next?.nameSpace === nameSpace);
  const origins = [startsFromRoot(packet), nameSpace === 'ip-protocol' ? startsAboveNetwork(packet) : []];
  return origins.flatMap((starts) => starts.filter(isIn).slice(0, 1));
}

function isAboveNetwork(way: readonly Item[]): boolean {
  const definition = protocols.definition(protocols.number(way[0] as string));
  return (
    definition?.layer !== 'network' &&
    (definition?.identifiers.some((each) => each.nameSpace === 'ip-protocol') ?? false)
  );
}

function isTransparent(packet: Packet, at: number): boolean {
  return definitionAt(packet, at)?.transparent === true;
}

function definitionAt(packet: Packet, at: number) {
  return protocols.definition(protocols.number(packet.headers[at]?.protocol ?? ''));
}
