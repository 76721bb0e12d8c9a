import type { Piece as Description, Problem, Setting, Shape } from '../../../abi/host/contract.ts';
import type { NativePiece } from '../../endpoint/catalogue.ts';

/** Pieces for tests, with descriptions in a short notation. They take every frame and send none. */
export function samplePiece(
  name: string,
  { edges = {}, settings = [], reasons = [], refuse, ...rest }: SamplePiece,
): NativePiece {
  const description: Description = {
    name,
    version: '1.2.3',
    summary: `A ${name} for tests`,
    protocols: rest.protocols ?? [],
    edges: Object.entries(edges).map(([edge, shapes]) => ({
      name: edge.replace(/[?*]$/, ''),
      optional: edge.endsWith('?'),
      repeated: edge.endsWith('*'),
      shapes: shapes.map(shapeOf),
    })),
    curves: rest.curves ?? [],
    settings,
    reasons,
  };
  return {
    describe(given) {
      const problems = given.length > 0 || rest.refuseBare === true ? refuse?.(new Map(given)) : undefined;
      return problems ?? description;
    },
    make(context, frames) {
      return {
        description,
        held: 0,
        start: () => [],
        accepts: () => undefined,
        join: () => {},
        leave: () => {},
        listening: () => undefined,
        ready: () => {},
        save: () => new Uint8Array(),
        restore: () => undefined,
        close: () => {},
        process(_now, inbox, limit) {
          const count = Math.min(limit, inbox.length);
          for (let n = 0; n < count; n++) frames.release(inbox.rows[inbox.at(n)]!);
          inbox.take(count);
          context.count('taken', count);
          return Number.POSITIVE_INFINITY;
        },
      };
    },
  };
}

export interface SamplePiece {
  /**
   * By name, with `?` for an optional and `*` for a repeated Edge: Shapes such as `ip down`, `ipv6 up
   * headers`.
   */
  readonly edges?: Readonly<Record<string, readonly string[]>>;
  readonly curves?: Description['curves'];
  readonly protocols?: Description['protocols'];
  readonly settings?: readonly Setting[];
  readonly reasons?: Description['reasons'];
  /** The problems that the piece reports about its settings; without settings only with `refuseBare`. */
  readonly refuse?: (settings: ReadonlyMap<string, string>) => readonly Problem[] | undefined;
  readonly refuseBare?: boolean;
}

/**
 * A setting in short notation: `port number`, with ` 1..9` for a range, `!` for a required one, ` …` for a
 * repeated one and ` = 1` for a default.
 */
export function sampleSetting(text: string): Setting {
  const [, name, kind, range, required, repeated, standard] =
    /^(\S+) (\w+)( -?\d+\.\.-?\d+)?(!)?( …)?(?: = (.*))?$/.exec(text)!;
  const [least, most] = range?.split('..').map(Number) ?? [-Infinity, Infinity];
  return {
    name: name!,
    summary: `The ${name} of it`,
    kind: kind as Setting['kind'],
    repeated: repeated !== undefined,
    required: required !== undefined,
    least: least!,
    most: most!,
    ...(standard === undefined ? {} : { default: standard }),
  };
}

function shapeOf(text: string): Shape {
  const [stack, direction, reach] = text.split(' ');
  return {
    stack: stack!,
    direction: direction as Shape['direction'],
    reach: reach === 'headers' ? 'headers' : 'whole-frame',
    properties: [],
  };
}
