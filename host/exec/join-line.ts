import type { Piece as Description } from '../../abi/host/contract.ts';
import { nativePieces } from '../endpoint/catalogue.ts';
import type { ConfigurationObject } from '../policy/configuration/configuration-schema.ts';
import { parseEndpointUrl, type UrlSettings } from './endpoint-url.ts';
import { JoinError } from './join-error.ts';
import { edgesBetween, parseThrough } from './one-line.ts';

/**
 * Returns the configuration of `funnel join`: two endpoints, and pieces on the way from one to the other. The
 * pieces stand in their order from the endpoint that is carried (down) to the one that carries (up). Between
 * two endpoints of one direction is a `hub`.
 *
 * @param urls two endpoints; further ones stand beside the second
 * @throws JoinError `FT_JOIN_URL`, `FT_JOIN_ENDS`
 */
export async function joinConfiguration(
  urls: readonly string[],
  through: readonly string[],
  describe: (reference: string) => Promise<Description>,
): Promise<ConfigurationObject> {
  if (urls.length < 2)
    throw new JoinError(
      'FT_JOIN_ENDS',
      'give two endpoints, such as: funnel join tun://fun0 udp://0.0.0.0:25790 --through 6bed4?router=192.0.2.1',
    );
  const ends = urls.map(endOf);
  const [first, ...others] = ends as [End, ...End[]];
  const [second] = others as [End];
  for (const other of others)
    if (other.direction !== second.direction)
      throw new JoinError(
        'FT_JOIN_ENDS',
        `${other.url} and ${second.url} cannot stand beside each other: one is carried, the other carries. Write a configuration that names the networks; --print shows one to start from`,
      );
  const pieces: ConfigurationObject['pieces'] = {};
  const add = (name: string, { piece, settings, edges }: Omit<Part, 'name'>): void => {
    const unique = pieces[name] === undefined ? name : `${name}-${Object.keys(pieces).length}`;
    pieces[unique] = { piece, ...(Object.keys(settings).length === 0 ? {} : { settings }), edges };
  };
  const isReversed = first.direction === 'up' && second.direction === 'down';
  const hasHub = first.direction === second.direction;
  const between: Middle[] = [];
  for (const text of isReversed ? through.toReversed() : through) {
    const { reference, settings } = parseThrough(text);
    const { inner, outer } = edgesBetween(reference, await describe(reference));
    between.push({ name: nameOf(reference), piece: reference, settings, inner, outer });
  }
  const hub: Middle = {
    name: 'hub',
    piece: 'hub',
    settings: first.stack === 'ip' ? {} : { stack: first.stack },
    inner: 'net',
    outer: 'net',
  };
  // A hub faces every direction: behind two that are carried, and in front of two that carry.
  if (hasHub && first.direction === 'up') between.unshift(hub);
  else if (hasHub) between.push(hub);
  const [front, back] = isReversed ? [others, [first]] : [[first], others];
  const networks = between.map((_, n) => `line-${n + 1}`);
  const [nearest, farthest] = ['line-0', networks.at(-1) ?? 'line-0'];
  for (const end of front) add(end.name, endEdges(end, nearest, between.length === 0 && urls.length > 2));
  between.forEach(({ name, inner, outer, ...part }, n) => {
    const [from, to] = [n === 0 ? nearest : networks[n - 1]!, networks[n]!];
    add(name, { ...part, edges: inner === outer ? { [inner]: [from, to] } : { [inner]: from, [outer]: to } });
  });
  for (const end of back) add(end.name, endEdges(end, farthest, between.length === 0 && urls.length > 2));
  return { pieces };
}

interface Part {
  readonly name: string;
  readonly piece: string;
  readonly settings: UrlSettings;
  readonly edges: Record<string, string | string[]>;
}

/** A piece on the way, with its Edge towards the carried endpoint, and the one towards the carrier. */
interface Middle extends Omit<Part, 'edges'> {
  readonly inner: string;
  readonly outer: string;
}

interface End extends Omit<Part, 'edges'> {
  readonly url: string;
  readonly description: Description;
  readonly direction: 'up' | 'down';
  /** The stack of its first Shape. */
  readonly stack: string;
}

function endOf(url: string): End {
  const { piece, settings } = parseEndpointUrl(url);
  const description = descriptionOf(piece, settings);
  const shape = description.edges[0]?.shapes[0];
  return {
    url,
    name: piece,
    piece,
    settings,
    description,
    direction: shape?.direction === 'down' ? 'down' : 'up',
    stack: shape?.stack ?? 'ip',
  };
}

/** The description with these settings; mistakes in them are found when the configuration is checked. */
function descriptionOf(piece: string, settings: UrlSettings): Description {
  const native = nativePieces.get(piece)!;
  const pairs = Object.entries(settings).flatMap(([name, value]) =>
    [value].flat().map((each) => [name, String(each)] as const),
  );
  const described = native.describe(pairs);
  return 'edges' in described ? described : (native.describe([]) as Description);
}

/** The Edges of an endpoint, all on one network; optional ones only where several endpoints may want them. */
function endEdges(end: End, network: string, hasOptional: boolean): Omit<Part, 'name'> {
  const { piece, settings, description } = end;
  const edges = description.edges.map(({ name, optional }) => [
    name,
    optional && !hasOptional ? [] : network,
  ]);
  return { piece, settings, edges: Object.fromEntries(edges) };
}

/** A name for a piece that is a path or a package. */
function nameOf(reference: string): string {
  const name = reference
    .replace(/^.*\//, '')
    .replace(/\.wasm$/, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-');
  return /^[a-z]/.test(name) ? name : `piece-${name}`;
}
