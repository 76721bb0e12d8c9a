import type { ProtocolDefinition } from './definition.ts';
import { formatStack, formatStep } from './format-stack.ts';
import { type Protocols, standardProtocols } from './protocols.ts';
import { comparePorts, type Port, type ProtocolStep, type Stack, type Step } from './stack.ts';

/** Whether two stacks match, and why. */
export interface Match {
  readonly matches: boolean;
  /** An explanation in words: the layers on which they agree, and the one on which they do not. */
  readonly explanation: string;
  /**
   * The stack that both accept: the overlap of each layer, then the rest of the longer one. Only when they
   * match.
   */
  readonly stack?: Stack;
}

/**
 * The matching of the specification: find an equivalent start, compare layer by layer for overlap of the
 * sets, and report a match at the end of the shorter stack.
 *
 * The start: links in front of one stack are skipped if the other begins above them. A stack that begins with
 * a transport, or with anything else that IP carries, begins above one IP header. No other layer is skipped,
 * so a stack matches nothing inside a tunnel that it does not name. An explicit lowest Name Space sets no
 * condition on the layer below. Transparent headers that one of the two does not name may occur between its
 * layers.
 *
 * The result is symmetric, except for the order of words in the explanation.
 */
export function matchStacks(a: Stack, b: Stack, protocols: Protocols = standardProtocols): Match {
  const matcher = new Matcher(protocols);
  for (const formA of matcher.forms(a)) {
    for (const formB of matcher.forms(b)) {
      const layers = matcher.meet(formA, formB);
      if (layers !== undefined) {
        const stack = matcher.toStack(layers, a, b);
        const both = formatStack(stack, protocols);
        return {
          matches: true,
          stack,
          explanation: `both accept ${both}${matcher.passedOver(formA, formB)}`,
        };
      }
    }
  }
  return { matches: false, explanation: matcher.whyNot(a, b) };
}

/** A step, or all protocols of a Name Space, which a stack without steps stands for. */
type Layer = Step | { readonly kind: 'members'; readonly nameSpace: string };

class Matcher {
  readonly #protocols: Protocols;
  /** The mismatch behind the most agreement, which the explanation reports. */
  #apart: { readonly agreed: readonly Layer[]; readonly apart: string } | undefined;

  constructor(protocols: Protocols) {
    this.#protocols = protocols;
  }

  /** The layers of a stack; and the same layers with the IP header in front that carries the first one. */
  forms(stack: Stack): readonly (readonly Layer[])[] {
    const layers: readonly Layer[] =
      stack.steps.length > 0 ? stack.steps : [{ kind: 'members', nameSpace: stack.nameSpace ?? '' }];
    const above = partAboveNetwork(stack, this.#protocols);
    if (above === undefined) return [layers];
    return [layers, [GENERIC_IP, ...(above.steps.length > 0 ? above.steps : layers)]];
  }

  /** Returns the stack that both accept, or undefined. */
  meet(a: readonly Layer[], b: readonly Layer[]): readonly Layer[] | undefined {
    const straight = this.#align(a, 0, b, 0, [], new Set());
    if (straight !== undefined) return straight;
    return this.#passLinks(a, b, false) ?? this.#passLinks(b, a, true);
  }

  /** Skips links in front of `long` until the start of `short`. */
  #passLinks(
    long: readonly Layer[],
    short: readonly Layer[],
    swapped: boolean,
  ): readonly Layer[] | undefined {
    const passed: Layer[] = [];
    for (const layer of long) {
      const links = this.#only(layer, 'link');
      if (links === undefined) return undefined;
      passed.push(links);
      const rest = long.slice(passed.length);
      if (rest.length === 0) return this.#append(passed, short);
      const found = swapped
        ? this.#align(short, 0, rest, 0, passed, new Set())
        : this.#align(rest, 0, short, 0, passed, new Set());
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /**
   * Compares from layers i and j on. `failed` keeps hostile stacks of transparent headers from taking
   * exponential time.
   */
  #align(
    a: readonly Layer[],
    i: number,
    b: readonly Layer[],
    j: number,
    agreed: readonly Layer[],
    failed: Set<string>,
  ): readonly Layer[] | undefined {
    if (i === a.length) return this.#append(agreed, b.slice(j));
    if (j === b.length) return this.#append(agreed, a.slice(i));
    const below = agreed.at(-1);
    const key = `${i} ${j} ${below && this.#words(below)}`;
    if (failed.has(key)) return undefined;
    const layerA = a[i]!;
    const layerB = b[j]!;
    const overlap = this.#overlap(layerA, layerB);
    const standing = overlap && this.#standingOn(below, overlap);
    const found =
      (standing && this.#align(a, i + 1, b, j + 1, [...agreed, standing], failed)) ??
      this.#stepOver(a, i, agreed, (seen) => this.#align(a, i + 1, b, j, seen, failed)) ??
      this.#stepOver(b, j, agreed, (seen) => this.#align(a, i, b, j + 1, seen, failed));
    if (found === undefined) {
      failed.add(key);
      if (overlap === undefined) {
        this.#noteApart(agreed, `${this.#words(layerA)} and ${this.#words(layerB)} have nothing in common`);
      }
    }
    return found;
  }

  /** Adds the rest of the longer stack; undefined if the layer below cannot carry one of its layers. */
  #append(agreed: readonly Layer[], rest: readonly Layer[]): readonly Layer[] | undefined {
    const layers = [...agreed];
    for (const layer of rest) {
      const standing = this.#standingOn(layers.at(-1), layer);
      if (standing === undefined) return undefined;
      layers.push(standing);
    }
    return layers;
  }

  /**
   * Returns the protocols of a layer that the layer below can carry directly, which may have become narrower;
   * undefined if it can carry none.
   */
  #standingOn(below: Layer | undefined, layer: Layer): Layer | undefined {
    if (below?.kind !== 'protocols' || layer.kind === 'ports') return layer;
    if (below.protocols.some((name) => this.#definition(name)?.header?.agreed)) return layer;
    const overlaps = below.protocols.flatMap((name) => {
      const next = this.#definition(name)?.header?.next;
      return (next && this.#overlap({ kind: 'members', nameSpace: next.nameSpace }, layer)) ?? [];
    });
    if (layer.kind === 'members') return overlaps[0];
    return protocolStep(
      layer.protocols.filter((name) =>
        overlaps.some((each) => each.kind === 'protocols' && each.protocols.includes(name)),
      ),
    );
  }

  #noteApart(agreed: readonly Layer[], apart: string): void {
    if (this.#apart === undefined || agreed.length > this.#apart.agreed.length)
      this.#apart = { agreed, apart };
  }

  #stepOver(
    layers: readonly Layer[],
    at: number,
    agreed: readonly Layer[],
    next: (agreed: readonly Layer[]) => readonly Layer[] | undefined,
  ): readonly Layer[] | undefined {
    // A stack names its own first layer, even if that is transparent.
    const transparent = at > 0 ? this.#only(layers[at]!, 'transparent') : undefined;
    const standing = transparent && this.#standingOn(agreed.at(-1), transparent);
    return standing && next([...agreed, standing]);
  }

  /** Returns the protocols of a layer that are links, or transparent; undefined if none is. */
  #only(layer: Layer, what: 'link' | 'transparent'): ProtocolStep | undefined {
    if (layer.kind !== 'protocols') return undefined;
    const protocols = layer.protocols.filter((name) => {
      const definition = this.#definition(name);
      return what === 'link' ? definition?.layer === 'link' : definition?.transparent === true;
    });
    return protocols.length === 0 ? undefined : { kind: 'protocols', protocols };
  }

  #definition(name: string): ProtocolDefinition | undefined {
    return this.#protocols.definition(this.#protocols.number(name));
  }

  #overlap(a: Layer, b: Layer): Layer | undefined {
    if (a.kind === 'members') {
      if (b.kind === 'ports') return undefined;
      if (b.kind === 'members') return this.#shareMembers(a.nameSpace, b.nameSpace) ? a : undefined;
      return protocolStep(b.protocols.filter((name) => this.#isMember(name, a.nameSpace)));
    }
    if (b.kind === 'members') return this.#overlap(b, a);
    if (a.kind === 'ports' && b.kind === 'ports') return overlapPorts(a.ports, b.ports);
    if (a.kind === 'protocols' && b.kind === 'protocols') {
      const overlap = (these: readonly string[], those: readonly string[]) =>
        these.filter((name) => those.some((other) => this.#stands(name, other)));
      return protocolStep([
        ...new Set([...overlap(a.protocols, b.protocols), ...overlap(b.protocols, a.protocols)]),
      ]);
    }
    return undefined;
  }

  /** Whether a protocol equals the other, or was brought for the identifier that the other stands for. */
  #stands(name: string, other: string): boolean {
    if (name === other) return true;
    const identities = this.#protocols.identities(this.#protocols.number(name));
    return identities.some((number) => this.#protocols.name(number) === other);
  }

  #isMember(name: string, nameSpace: string): boolean {
    if (name.startsWith(`${nameSpace}:`)) return true;
    return this.#protocols.isMember(this.#protocols.number(name), this.#protocols.nameSpaceNumber(nameSpace));
  }

  #shareMembers(a: string, b: string): boolean {
    if (a === b) return true;
    for (let number = 1; number < this.#protocols.count; number++) {
      const name = this.#protocols.name(number);
      if (this.#isMember(name, a) && this.#isMember(name, b)) return true;
    }
    return false;
  }

  toStack(layers: readonly Layer[], a: Stack, b: Stack): Stack {
    const steps = layers.filter((layer) => layer.kind !== 'members');
    const last = layers.at(-1)!;
    if (steps.length === 0) return { nameSpace: last.kind === 'members' ? last.nameSpace : '', steps };
    // A number is readable only with its Name Space in front.
    const first = steps[0]!;
    for (const { nameSpace } of [a, b]) {
      if (
        nameSpace !== undefined &&
        first.kind === 'protocols' &&
        first.protocols.every((name) => this.#isMember(name, nameSpace))
      ) {
        return { nameSpace, steps };
      }
    }
    return { steps };
  }

  /** The end of the sentence, with the links that were skipped. */
  passedOver(a: readonly Layer[], b: readonly Layer[]): string {
    const links = [a, b].flatMap((layers) => {
      const link = this.#only(layers[0]!, 'link');
      return link === undefined ? [] : [link];
    });
    if (links.length !== 1) return '';
    return `; ${this.#words(links[0]!)} is skipped, because the other begins above it`;
  }

  whyNot(a: Stack, b: Stack): string {
    const stacks = `${formatStack(a, this.#protocols)} and ${formatStack(b, this.#protocols)} do not match: `;
    if (this.#apart === undefined) return `${stacks}neither begins at a layer of the other`;
    const { agreed, apart } = this.#apart;
    if (agreed.length === 0) return `${stacks}at their start, ${apart}`;
    return `${stacks}they agree on ${agreed.map((layer) => this.#words(layer)).join('/')}, but there ${apart}`;
  }

  #words(layer: Layer): string {
    return layer.kind === 'members' ? `${layer.nameSpace}:` : formatStep(layer, this.#protocols);
  }
}

/**
 * The part of a stack that begins above one IP header without naming it: its first step without protocols
 * that IP does not carry. Undefined if IP carries none of them.
 */
export function partAboveNetwork(stack: Stack, protocols: Protocols): Stack | undefined {
  const [first, ...rest] = stack.steps;
  if (first === undefined) return stack.nameSpace === IP_PROTOCOL ? stack : undefined;
  if (first.kind !== 'protocols') return undefined;
  const ipProtocol = protocols.nameSpaceNumber(IP_PROTOCOL);
  const above = protocolStep(
    first.protocols.filter((name) => {
      const number = protocols.number(name);
      if (number === 0) return name.startsWith(`${IP_PROTOCOL}:`);
      return protocols.isMember(number, ipProtocol) && protocols.definition(number)?.layer !== 'network';
    }),
  );
  return above && { steps: [above, ...rest] };
}

const IP_PROTOCOL = 'ip-protocol';
const GENERIC_IP: ProtocolStep = { kind: 'protocols', protocols: ['ipv4', 'ipv6'] };

function protocolStep(protocols: readonly string[]): ProtocolStep | undefined {
  return protocols.length === 0 ? undefined : { kind: 'protocols', protocols };
}

/** Ports that both name, at the same end. If one stack leaves a port open, the other may fill it. */
function overlapPorts(a: readonly Port[], b: readonly Port[]): Step | undefined {
  const ports = new Map<string, Port>();
  for (const one of a) {
    for (const other of b) {
      if (one.end !== 'either' && other.end !== 'either' && one.end !== other.end) continue;
      if (one.port !== 'open' && other.port !== 'open' && one.port !== other.port) continue;
      const end = one.end === 'either' ? other.end : one.end;
      const port = one.port === 'open' ? other.port : one.port;
      ports.set(`${end}:${port}`, { end, port });
    }
  }
  return ports.size === 0 ? undefined : { kind: 'ports', ports: [...ports.values()].sort(comparePorts) };
}
