import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { NativePiece } from '../../endpoint/catalogue.ts';
import { FunnelError } from '../../stack/funnel-error.ts';

/** Native pieces of the embedder, by the name that a configuration uses. */
export type OwnPieces = ReadonlyMap<string, OwnPiece>;

export interface OwnPiece {
  readonly native: NativePiece;
  /** The address of its module. A piece without a module can run in this thread only. */
  readonly module?: string;
}

/**
 * Collects the native pieces of the embedder.
 *
 * @throws {FunnelError} `FT_PIECE_MODULE` where a module cannot be imported, or has no pieces.
 */
export async function ownPieces({
  pieces = {},
  pieceModules = [],
}: {
  readonly pieces?: Readonly<Record<string, NativePiece>>;
  readonly pieceModules?: readonly (string | URL)[];
}): Promise<OwnPieces> {
  const own = new Map<string, OwnPiece>();
  for (const given of pieceModules) {
    const module = addressOf(given);
    for (const [name, native] of Object.entries(await piecesOf(module))) own.set(name, { native, module });
  }
  for (const [name, native] of Object.entries(pieces)) own.set(name, { native });
  return own;
}

/**
 * The pieces that a module exports.
 *
 * @throws {FunnelError} `FT_PIECE_MODULE`
 */
export async function piecesOf(module: string): Promise<Readonly<Record<string, NativePiece>>> {
  let found: unknown;
  try {
    found = ((await import(module)) as { readonly pieces?: unknown }).pieces;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new FunnelError('FT_PIECE_MODULE', `the module ${module} cannot be imported: ${why}`, {
      cause: error,
    });
  }
  if (isPieces(found)) return found;
  throw new FunnelError(
    'FT_PIECE_MODULE',
    `the module ${module} exports no \`pieces\`: an object with native pieces by name, each with \`describe\` and \`make\``,
  );
}

function addressOf(given: string | URL): string {
  if (given instanceof URL) return given.href;
  return /^[a-z][a-z0-9+.-]+:/i.test(given) ? given : pathToFileURL(resolve(given)).href;
}

function isPieces(value: unknown): value is Readonly<Record<string, NativePiece>> {
  return typeof value === 'object' && value !== null && Object.values(value).every(isPiece);
}

function isPiece(value: unknown): value is NativePiece {
  return (
    typeof value === 'object' &&
    value !== null &&
    'describe' in value &&
    typeof value.describe === 'function' &&
    'make' in value &&
    typeof value.make === 'function'
  );
}
