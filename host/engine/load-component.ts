import type { Piece as Description, Problem } from '../../abi/host/contract.ts';
import { ComponentError } from './component-error.ts';
import type { Guest, HostImports, Settings } from './guest.ts';
import type { Limits } from './limits.ts';

/**
 * Makes a component file ready to run: checked, validated, metered and capped, and compiled. Nothing of it runs here.
 *
 * @throws {ComponentError} where the component is refused.
 */
export async function loadComponent(bytes: Uint8Array, options: LoadOptions = {}): Promise<LoadedComponent> {
  void options;
  throw new ComponentError(
    'FT_COMPONENT_UNSUPPORTED',
    `this build cannot load components yet (${bytes.length} bytes)`,
  );
}

export interface LoadOptions {
  readonly limits?: Partial<Limits>;
  /** Functions of the interface `arpa2:funnel/host` that the component may import; `log`, `random` and `utc` when left out. */
  readonly grants?: ReadonlySet<Grant>;
}

/** A function of the interface `arpa2:funnel/host`, as far as it is granted by name. `unlisten` comes with `listen`. */
export type Grant = 'log' | 'random' | 'utc' | 'listen' | 'offer';

/** A component that was admitted, of which any number of instances can be made. */
export interface LoadedComponent {
  /**
   * What the piece says of itself, with these settings, from an instance that is made for this question and discarded.
   *
   * @throws {PieceFault} where the instance faults.
   */
  describe(settings: Settings): Description | readonly Problem[];

  /**
   * A new instance. A start function of the component runs here, metered.
   *
   * @throws {PieceFault} where it faults.
   */
  instantiate(imports: HostImports): Guest;

  /** The interfaces and functions that it imports, such as `arpa2:funnel/host@0.1.0#log`. */
  readonly imports: readonly string[];
  /** Bytes in the file. */
  readonly size: number;
  readonly coreModules: number;
}
