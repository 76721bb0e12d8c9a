import type { GuestMemory, HostCalls } from '../../abi/host/contract.ts';
import { liftProcess, lowerProcess } from '../../abi/host/contract.ts';
import type { Grant } from '../../host/engine/component/grants.ts';
import type { Guest, HostImports } from '../../host/engine/instance/guest.ts';
import { loadComponent } from '../../host/engine/load-component.ts';
import { openKeyStore } from '../../host/policy/pieces/native-keys.ts';
import type { BoundComponent, BoundPiece } from './run-through-bindings.ts';

/**
 * The same calls as through bindings, by offset in this host's engine, with everything granted.
 *
 * @param onFuel takes the units of fuel that each call of `process` has used
 */
export async function runByOffset(
  component: Uint8Array,
  onFuel?: (units: number) => void,
): Promise<BoundComponent> {
  const loaded = await loadComponent(component, { grants: EVERYTHING });
  return (host): BoundPiece => {
    const guest = loaded.instantiate(importsOf(host));
    const memory = memoryOf(guest);
    let isStarted = false;
    // A call out of order is a mistake of the caller; the piece would fault on it, and be blamed.
    const started = (call: string): Guest => {
      if (!isStarted) throw new TypeError(`${call} is called before start, which the test has to call first`);
      return guest;
    };
    return {
      describe: (settings) => loaded.describe(settings),
      start(now, settings, protocols) {
        if (isStarted) throw new TypeError('start is called for the second time; make another instance');
        isStarted = true;
        const problems = guest.start(now, settings, protocols);
        return problems.length === 0 ? undefined : problems;
      },
      accepts: (joining) => started('accepts').accepts(joining),
      join: (joining) => started('join').join(joining),
      leave: (edge, shape) => started('leave').leave(edge, shape),
      listening: (edge, stack, present) => started('listening').listening(edge, stack, present),
      ready: (edge, ready) => started('ready').ready(edge, ready),
      save: (now) => started('save').save(now),
      restore: (now, version, state) => started('restore').restore(now, version, state),
      process(now, frames, parts, arena) {
        started('process').refuel(CALL_FUEL);
        try {
          const args = lowerProcess(memory, now, frames, parts, arena) as [
            number,
            number,
            number,
            number,
            number,
            number,
            number,
          ];
          const outcomeAt = guest.process(...args);
          onFuel?.(CALL_FUEL - guest.fuelLeft);
          const outcome = liftProcess(memory, outcomeAt);
          guest.postReturn(outcomeAt);
          return outcome;
        } catch (error) {
          throw guest.faultOf(error);
        }
      },
    };
  };
}

/** The calls of the contract as the engine makes them. */
export function importsOf(host: HostCalls): HostImports {
  let store: ReturnType<typeof openKeyStore> | undefined;
  return {
    log: (level, message) => host.log(level, message),
    status: ({ health, summary, facts }) => host.status(health, summary, Object.entries(facts)),
    random: () => host.random(),
    utc: () => host.utc(),
    listen: (edge, like, stack) => host.listen(edge, like, stack),
    unlisten: (edge, shape) => host.unlisten(edge, shape),
    offer: (edge, property, present) => host.offer(edge, property, present),
    keys: () => (store ??= openKeyStore()),
  };
}

const EVERYTHING: ReadonlySet<Grant> = new Set(['log', 'random', 'utc', 'crypto', 'listen', 'offer']);
/** More than any call of an honest piece needs. */
const CALL_FUEL = 100_000_000;

function memoryOf(guest: Guest): GuestMemory {
  return {
    view: () => new DataView(guest.memory.buffer),
    bytes: () => new Uint8Array(guest.memory.buffer),
    realloc: (align, size) => guest.realloc(align, size),
  };
}
