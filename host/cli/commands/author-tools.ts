import { FunnelError } from '../../stack/funnel-error.ts';

/** The exports of `funnel-tunnel/build`, which is loaded only where a piece is built. */
export interface BuildTools {
  buildPiece(folder: string): Promise<Uint8Array>;
}

/** The exports of `funnel-tunnel/testing`. */
export interface TestingTools {
  complianceChecks(
    component: Uint8Array,
    options: { settings: readonly (readonly [string, string])[] },
  ): readonly { readonly name: string; run(): Promise<void> }[];
}

/** @throws {FunnelError} `FT_PIECE_TOOLS` */
export function buildTools(): Promise<BuildTools> {
  return load<BuildTools>('funnel-tunnel/build');
}

/** @throws {FunnelError} `FT_PIECE_TOOLS` */
export function testingTools(): Promise<TestingTools> {
  return load<TestingTools>('funnel-tunnel/testing');
}

/**
 * Loads an entry point of this package that needs tools for authors. A host that only runs pieces does
 * without them, so nothing imports them before.
 */
async function load<T>(entry: string): Promise<T> {
  try {
    return (await import(entry)) as T;
  } catch (error) {
    throw missingTools(error);
  }
}

/** An error of the module loader as advice; any other error unchanged. */
export function missingTools(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code !== 'ERR_MODULE_NOT_FOUND') return error;
  return new FunnelError(
    'FT_PIECE_TOOLS',
    'the tools that build and test pieces are not installed; install them beside the Funnel: ' +
      'npm install --save-dev assemblyscript @bytecodealliance/jco-transpile',
    { cause: error },
  );
}
