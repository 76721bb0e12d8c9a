import { type FunnelIo, loadAddon } from './addon.ts';
import { EndpointError } from './endpoint-error.ts';

/**
 * Sets the handover of this thread. When the thread is ended by force, its open descriptors go there, and it
 * takes over descriptors from there.
 */
export function useHandover(number: number): void {
  addonIfThere()?.handover(number);
}

/**
 * Keeps all handovers of this process alive as long as this thread. They are in the memory of the addon,
 * which the system unloads with the last thread that uses it: the descriptors would be lost, but stay open.
 */
export function keepHandovers(): void {
  addonIfThere();
}

/** Closes the descriptors in a handover that no thread took over. @returns their number */
export function dropHandover(number: number): number {
  return addonIfThere()?.dropHandover(number) ?? 0;
}

/**
 * Without the addon no descriptor outlives a thread. Opening an endpoint that needs the addon reports its
 * absence.
 */
function addonIfThere(): FunnelIo | undefined {
  try {
    return loadAddon();
  } catch (error) {
    if (error instanceof EndpointError) return undefined;
    throw error;
  }
}
