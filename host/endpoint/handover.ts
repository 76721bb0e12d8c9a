import { type FunnelIo, loadAddon } from './addon.ts';
import { EndpointError } from './endpoint-error.ts';

/** From now on, what this thread has open when it is ended by force goes to the handover of this number, and it takes over from there. */
export function useHandover(number: number): void {
  addonIfThere()?.handover(number);
}

/** Closes what was left there and nobody took over. Answers how much that was. */
export function dropHandover(number: number): number {
  return addonIfThere()?.dropHandover(number) ?? 0;
}

/** Without the addon nothing outlives a thread; who opens an endpoint that needs it is told then. */
function addonIfThere(): FunnelIo | undefined {
  try {
    return loadAddon();
  } catch (error) {
    if (error instanceof EndpointError) return undefined;
    throw error;
  }
}
