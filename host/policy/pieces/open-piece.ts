import { type NativePiece, nativePieces } from '../../endpoint/catalogue.ts';
import type { Limits } from '../../engine/component/limits.ts';
import type { PathStep } from '../configuration/configuration-error.ts';
import { type PieceEntry, parseSize } from '../configuration/configuration-schema.ts';
import type { MistakeList } from '../configuration/mistake-list.ts';
import { grantsOf } from './granted.ts';
import type { PieceOrigin } from './piece-identity.ts';
import type { FoundPiece, PieceRegistry, RegisteredComponent } from './piece-registry.ts';
import type { NativeOwner, PieceSource } from './piece-spec.ts';

/**
 * Opens a piece of a configuration so that it can be described: a native piece, or a component that is
 * admitted with the grants and limits of its entry. Mistakes in these are added to the list.
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
  const registered = await registry.load(found, grants, limits);
  const { component, sha256 } = registered;
  return {
    piece: registered,
    origin: {
      sha256,
      grants,
      limits: { memory: limits.maxMemoryBytes, component: limits.maxComponentBytes },
    },
    source: { kind: 'component', component },
    ...(found.builtIn ? {} : { foreign: { sha256, wants: component.wants } }),
  };
}

/** The limits of an entry. A limit with a mistake is left out, and the mistake added to the list. */
export function limitsOf({ limits }: PieceEntry, at: EntryPlace): Partial<Limits> {
  const memory = sizeOf(limits?.memory, 'memory', at);
  const component = sizeOf(limits?.component, 'component', at);
  return {
    ...(memory === undefined ? {} : { maxMemoryBytes: memory }),
    ...(component === undefined ? {} : { maxComponentBytes: component }),
  };
}

/** The path of an entry in the configuration, and the list for its mistakes. */
export interface EntryPlace {
  readonly path: readonly PathStep[];
  readonly mistakes: MistakeList;
}

/** A piece that can be made, with what identifies it. */
export interface OpenedPiece {
  readonly piece: NativePiece | RegisteredComponent;
  readonly origin: PieceOrigin;
  readonly source: PieceSource;
  /** Present for a component file that did not come with the Funnel. */
  readonly foreign?: ForeignFile;
}

export interface ForeignFile {
  readonly sha256: string;
  /** The grants that its code needs. */
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
    `\`${key}\` is \`${size}\`, but must be more than 0 and at most 4GiB`,
    { hint: 'write for instance `64MiB`' },
  );
  return undefined;
}

/** The limit of a 32-bit WebAssembly memory. */
const MAX_MEMORY_BYTES = 2 ** 32;
