import { type NativePiece, nativePieces } from '../../endpoint/catalogue.ts';
import type { Limits } from '../../engine/component/limits.ts';
import type { LoadedComponent } from '../../engine/load-component.ts';
import type { PathStep } from '../configuration/configuration-error.ts';
import { type PieceEntry, parseSize } from '../configuration/configuration-schema.ts';
import type { MistakeList } from '../configuration/mistake-list.ts';
import { grantsOf } from './granted.ts';
import type { PieceOrigin } from './piece-identity.ts';
import type { FoundPiece, PieceRegistry } from './piece-registry.ts';
import type { NativeOwner, PieceSource } from './piece-spec.ts';

/**
 * A piece of a configuration, ready to be asked for its description: a native one, or a component that was admitted with
 * the grants and limits of its entry. Mistakes in these are told.
 *
 * @throws {ComponentError} where the component is refused.
 */
export async function openPiece(
  registry: PieceRegistry,
  found: FoundPiece,
  entry: PieceEntry,
  at: EntryPlace,
): Promise<OpenedPiece> {
  if (found.kind === 'native') {
    refuseForNative(found.name, entry, at);
    const { name, native } = found;
    const source = { kind: 'native', name, native, owner: ownerOf(found) } as const;
    return { piece: native, origin: { native: name }, source };
  }
  const limits = limitsOf(entry, at);
  const grants = grantsOf(entry.grants, found.builtIn);
  const { component, sha256 } = await registry.load(found.file, grants, limits);
  return {
    piece: component,
    origin: {
      sha256,
      grants,
      limits: { memory: limits.maxMemoryBytes, component: limits.maxComponentBytes },
    },
    source: { kind: 'component', component },
    ...(found.builtIn ? {} : { foreign: { sha256, wants: component.wants } }),
  };
}

/** The limits of an entry; mistakes in them are told, and such limits left out. */
export function limitsOf({ limits }: PieceEntry, at: EntryPlace): Partial<Limits> {
  const memory = sizeOf(limits?.memory, 'memory', at);
  const component = sizeOf(limits?.component, 'component', at);
  return {
    ...(memory === undefined ? {} : { maxMemoryBytes: memory }),
    ...(component === undefined ? {} : { maxComponentBytes: component }),
  };
}

/** Where an entry stands in the configuration, and where its mistakes go. */
export interface EntryPlace {
  readonly path: readonly PathStep[];
  readonly mistakes: MistakeList;
}

/** A piece that can be made, and what tells it from other pieces. */
export interface OpenedPiece {
  readonly piece: NativePiece | LoadedComponent;
  readonly origin: PieceOrigin;
  readonly source: PieceSource;
  /** Of a file that did not come with the Funnel. */
  readonly foreign?: ForeignFile;
}

export interface ForeignFile {
  readonly sha256: string;
  /** What its code can ask of the host. */
  readonly wants: readonly string[];
}

function ownerOf({ name, native, module }: Extract<FoundPiece, { kind: 'native' }>): NativeOwner {
  if (module !== undefined) return { module };
  return native === nativePieces.get(name) ? 'host' : 'this-thread';
}

function refuseForNative(name: string, entry: PieceEntry, { path, mistakes }: EntryPlace): void {
  for (const key of ['grants', 'limits'] as const) {
    if (entry[key] === undefined || entry[key] === null) continue;
    mistakes.add(
      'FT_PIECE_NATIVE',
      [...path, key],
      `\`${key}\` has no meaning for \`${name}\`, which is part of the host`,
      { hint: 'leave it out; only components have it', of: 'key' },
    );
  }
}

function sizeOf(
  size: number | string | undefined,
  key: 'memory' | 'component',
  { path, mistakes }: EntryPlace,
): number | undefined {
  if (size === undefined) return undefined;
  const bytes = parseSize(size);
  if (bytes > 0 && bytes <= MAX_MEMORY_BYTES) return bytes;
  mistakes.add(
    'FT_CONFIG_SCHEMA',
    [...path, 'limits', key],
    `\`${key}\` is \`${size}\`, and is to be more than nothing and at most 4GiB`,
    { hint: 'write for instance `64MiB`' },
  );
  return undefined;
}

/** WebAssembly's 32-bit memories hold no more. */
const MAX_MEMORY_BYTES = 2 ** 32;
