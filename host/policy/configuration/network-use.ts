import type { Mistake } from '../../puzzle/plan/arrangement.ts';
import type { PathStep } from './configuration-error.ts';
import type { PieceEntry } from './configuration-schema.ts';
import { nearest } from './did-you-mean.ts';

/** An Edge that the configuration puts on a network. */
export interface NetworkUse {
  readonly piece: string;
  readonly edge: string;
  readonly path: readonly PathStep[];
}

/** The entries of `pieces`, with their names. */
export type Entries = readonly (readonly [string, PieceEntry])[];

/** The networks that a configuration names, each with the Edges on it. */
export function networksOf(entries: Entries): ReadonlyMap<string, readonly NetworkUse[]> {
  const used = new Map<string, NetworkUse[]>();
  for (const [piece, entry] of entries) {
    for (const [edge, networks] of Object.entries(entry.edges ?? {})) {
      const path = ['pieces', piece, 'edges', edge];
      const list = networkNames(networks).map((network, i) => {
        if (typeof networks === 'string') return { network, path };
        return { network, path: [...path, Array.isArray(networks) ? i : network] };
      });
      for (const { network, path } of list) {
        const uses = used.get(network);
        if (uses === undefined) used.set(network, [{ piece, edge, path }]);
        else uses.push({ piece, edge, path });
      }
    }
  }
  return used;
}

/** The networks of an Edge, in any of the ways to write them. */
export function networkNames(networks: EdgeEntry): readonly string[] {
  if (typeof networks === 'string') return [networks];
  return Array.isArray(networks) ? networks : Object.keys(networks);
}

type EdgeEntry = NonNullable<PieceEntry['edges']>[string];
export type ShapeReference = number | string;

/** Finds the place in the configuration of a mistake that names a piece, an Edge and a network. */
export class MistakePlaces {
  /** The first use for each combination of a network, a piece and an Edge, any of which may be left out. */
  readonly #uses = new Map<string, NetworkUse>();

  /** @param used the networks that the configuration names */
  constructor(used: ReadonlyMap<string, readonly NetworkUse[]>) {
    for (const [network, uses] of used) {
      for (const use of uses) {
        for (const name of [network, undefined]) {
          for (const piece of [use.piece, undefined]) {
            for (const edge of [use.edge, undefined]) {
              const key = JSON.stringify([name, piece, edge]);
              if (!this.#uses.has(key)) this.#uses.set(key, use);
            }
          }
        }
      }
    }
  }

  pathOf(mistake: Mistake): { path: readonly PathStep[]; of: 'key' | 'value' } {
    const fits = this.#uses.get(JSON.stringify([mistake.network, mistake.piece, mistake.edge]));
    if (mistake.piece === undefined && mistake.network !== undefined) {
      return fits === undefined
        ? { path: ['networks', mistake.network], of: 'key' }
        : { path: fits.path, of: 'value' };
    }
    if (mistake.piece === undefined) return { path: [], of: 'value' };
    const piece = ['pieces', mistake.piece];
    if (mistake.setting !== undefined) return { path: [...piece, 'settings', mistake.setting], of: 'value' };
    if (mistake.edge === undefined) return { path: piece, of: 'key' };
    return fits === undefined
      ? { path: [...piece, 'edges', mistake.edge], of: 'key' }
      : { path: fits.path, of: 'value' };
  }
}

/** Puts the name of the subject in front of a message of the puzzle that begins with "it". */
export function messageOf({ piece, edge, setting, message }: Mistake): string {
  if (piece === undefined) return message;
  const part =
    edge !== undefined ? `Edge \`${edge}\` of ` : setting !== undefined ? `setting \`${setting}\` of ` : '';
  // An endpoint names itself at the beginning of its messages.
  const said = message.startsWith(`piece ${piece}: `) ? message.slice(piece.length + 8) : message;
  return `${part}piece \`${piece}\`: ${said}`;
}

/**
 * A network with a single Edge is most often a misspelt name. Each hint compares the name with all others, so
 * only the first {@link MOST_HINTS} mistakes get one.
 */
export function hintFor(
  mistake: Mistake,
  used: ReadonlyMap<string, readonly NetworkUse[]>,
  number: number,
): string | undefined {
  if (number >= MOST_HINTS) return undefined;
  if (mistake.network === undefined || used.get(mistake.network)?.length !== 1) return undefined;
  const others = [...used.keys()].filter((network) => network !== mistake.network);
  const near = nearest(mistake.network, others);
  return near === undefined ? undefined : `did you mean the network \`${near}\`?`;
}

const MOST_HINTS = 100;
