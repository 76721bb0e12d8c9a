import type { Piece as Description, Shape } from '../../../abi/host/contract.ts';
import { type Direction, opposes } from '../../stack/direction.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import { type Match, partAboveNetwork } from '../../stack/match.ts';
import type { Protocols } from '../../stack/protocols.ts';
import type { Stack } from '../../stack/stack.ts';
import { StackMemo } from '../../stack/stack-memo.ts';

/** Shapes with the same stack, in any notation, and the same direction. */
export interface ShapeClass {
  /** The stack as `formatStack` writes it. */
  readonly text: string;
  readonly stack: Stack;
  readonly direction: Direction;
}

/**
 * The Shapes of a puzzle by class, and which classes match. Each two stacks are compared at most once, and
 * only where an index by direction, first protocol and first port says that they may match.
 */
export class ShapeClasses {
  readonly #protocols: Protocols;
  readonly #memo: StackMemo;
  readonly #byText = new Map<string, ShapeClass | FunnelError>();
  readonly #byStack = new Map<string, ShapeClass>();
  readonly #index: Record<Direction, Tokens> = { up: new Map(), down: new Map(), peer: new Map() };
  readonly #facing = new Map<ShapeClass, ReadonlySet<ShapeClass>>();
  readonly #rivals = new Map<ShapeClass, ReadonlySet<ShapeClass>>();

  /** All Shapes must be added before the first call of `facing` or `rivals`. */
  constructor(protocols: Protocols, shapes: Iterable<Shape> = []) {
    this.#protocols = protocols;
    this.#memo = StackMemo.of(protocols);
    for (const shape of shapes) this.add(shape);
  }

  /** Returns the class of an added Shape, or the error from parsing its stack. */
  of({ stack, direction }: Shape): ShapeClass | FunnelError {
    return this.#byText.get(`${direction} ${stack}`)!;
  }

  /**
   * Returns the classes with which this one exchanges frames: of the opposing direction, with a matching
   * stack.
   */
  facing(one: ShapeClass): ReadonlySet<ShapeClass> {
    return memoized(this.#facing, one, () => {
      const opposing = (['up', 'down', 'peer'] as const).find((each) => opposes(one.direction, each))!;
      return new Set(this.#candidates(one.stack, opposing).filter((other) => this.match(one, other).matches));
    });
  }

  /** Returns the classes that match the same frames equally: of the same direction, with a stack as long. */
  rivals(one: ShapeClass): ReadonlySet<ShapeClass> {
    return memoized(this.#rivals, one, () => {
      // An open Shape takes no frames until `listen` fills it, and `listen` refuses a stack that another Edge
      // has.
      if (isOpen(one.stack)) return new Set();
      return new Set(
        this.#candidates(one.stack, one.direction).filter(
          (other) =>
            other.stack.steps.length === one.stack.steps.length &&
            !isOpen(other.stack) &&
            this.match(one, other).matches,
        ),
      );
    });
  }

  /** Returns whether the stacks of two classes match, and why. Symmetric. */
  match(one: ShapeClass, other: ShapeClass): Match {
    const [a, b] = one.text <= other.text ? [one, other] : [other, one];
    return this.#memo.match(a.text, b.text);
  }

  add({ stack: text, direction }: Shape): void {
    const key = `${direction} ${text}`;
    if (this.#byText.has(key)) return;
    try {
      const stack = this.#memo.parsed(text);
      const canonical = this.#memo.text(stack);
      let found = this.#byStack.get(`${direction} ${canonical}`);
      if (found === undefined) {
        found = { text: canonical, stack, direction };
        this.#byStack.set(`${direction} ${canonical}`, found);
        for (const start of startTokens(stack, this.#protocols)) {
          const byPort = memoized(this.#index[direction], start, () => new Map<string, ShapeClass[]>());
          for (const port of portTokens(stack)) memoized(byPort, port, () => []).push(found);
        }
      }
      this.#byText.set(key, found);
    } catch (error) {
      if (!(error instanceof FunnelError)) throw error;
      this.#byText.set(key, error);
    }
  }

  /** Adds all Shapes of these places, and finds which of their classes match; yields after each of them. */
  *adding(places: Iterable<{ readonly description: Description }>): Generator<void> {
    const added = new Set<ShapeClass>();
    for (const { description } of places) {
      for (const { shapes } of description.edges) {
        for (const shape of shapes) {
          this.add(shape);
          const found = this.of(shape);
          if (!(found instanceof Error)) added.add(found);
          yield;
        }
      }
    }
    for (const each of added) {
      this.facing(each);
      yield;
    }
  }

  /** Returns all classes that may match a stack, and perhaps some that do not. */
  #candidates(stack: Stack, direction: Direction): ShapeClass[] {
    const found = new Set<ShapeClass>();
    const ports = portTokens(stack);
    for (const byPort of lookup(this.#index[direction], startTokens(stack, this.#protocols))) {
      for (const classes of lookup(byPort, ports)) for (const each of classes) found.add(each);
    }
    return [...found];
  }
}

/** Whether a stack has an open step, which `listen` fills. */
export function isOpen(stack: Stack): boolean {
  return stack.steps.some((step) => step.kind === 'ports' && step.ports.some(({ port }) => port === 'open'));
}

type Tokens = Map<string, Map<string, ShapeClass[]>>;

/** The token of a step that matches anything. */
const ANY = '*';

/**
 * Returns the protocols with which a stack may begin; two stacks without one in common do not match. A stack
 * that begins with a link layer may begin anywhere above it.
 */
function startTokens(stack: Stack, protocols: Protocols): readonly string[] {
  const first = stack.steps[0];
  if (first?.kind !== 'protocols') return [ANY];
  if (first.protocols.some((name) => protocols.definition(protocols.number(name))?.layer === 'link'))
    return [ANY];
  const carriers = partAboveNetwork(stack, protocols) === undefined ? [] : ['ipv4', 'ipv6'];
  // A stack with a number matches one that names a protocol which was brought for it.
  const identifiers = first.protocols.flatMap((name) =>
    protocols.identities(protocols.number(name)).map((number) => protocols.name(number)),
  );
  return [...new Set([...first.protocols, ...identifiers, ...carriers])];
}

/**
 * Returns the numbers in the first step with ports: where two stacks match, their first such steps
 * correspond.
 */
function portTokens(stack: Stack): readonly string[] {
  const step = stack.steps.find((each) => each.kind === 'ports');
  if (step === undefined || step.ports.some(({ port }) => port === 'open')) return [ANY];
  return [...new Set(step.ports.map(({ port }) => String(port)))];
}

function lookup<T>(map: ReadonlyMap<string, T>, tokens: readonly string[]): readonly T[] {
  if (tokens.includes(ANY)) return [...map.values()];
  const found: T[] = [];
  for (const token of [...tokens, ANY]) {
    const value = map.get(token);
    if (value !== undefined) found.push(value);
  }
  return found;
}

function memoized<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
