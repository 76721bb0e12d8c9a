import type { FunnelIo } from '../addon.ts';
import { messageOf, systemCode } from '../endpoint-error.ts';
import { afterStep, type LinkStep, type LinkTerms, planLink } from './link-properties.ts';
import { isSoOf } from './link-state.ts';

/** The interface of a tun device, brought from one configuration to the next. */
export class TunLink {
  readonly #io: FunnelIo;
  readonly #device: string;
  readonly #index: number;
  #terms: LinkTerms;
  /** What was refused, so that it is told once and not at each change. */
  readonly #refused = new Set<string>();

  /** @param terms as it is now */
  constructor(
    io: FunnelIo,
    { device, index }: { readonly device: string; readonly index: number },
    terms: LinkTerms,
  ) {
    this.#io = io;
    this.#device = device;
    this.#index = index;
    this.#terms = terms;
  }

  get terms(): LinkTerms {
    return this.#terms;
  }

  /** Does what it can. Answers what was refused, once for each; it is tried again at the next change. */
  apply(wanted: LinkTerms): Refusal[] {
    const refusals: Refusal[] = [];
    for (const { what, error } of this.attempt(wanted)) {
      if (!this.#refused.has(what)) refusals.push({ what, error });
      this.#refused.add(what);
    }
    return refusals;
  }

  /** The same, for who is to hear of each refusal each time. */
  attempt(wanted: LinkTerms): Refusal[] {
    const refusals: Refusal[] = [];
    for (const step of planLink(this.#terms, wanted)) {
      const what =
        'prefix' in step
          ? `${step.kind.replace('-', ' ')} ${step.prefix}`
          : step.kind === 'mtu'
            ? `mtu ${step.mtu}`
            : step.kind;
      try {
        this.#take(step);
        this.#refused.delete(what);
      } catch (error) {
        const isSo = isPermission(error) ? isSoOf(this.#device, this.#index, step) : isSoAlready(step, error);
        if (!isSo) {
          refusals.push({ what, error });
          continue;
        }
      }
      this.#terms = afterStep(this.#terms, step);
    }
    return refusals;
  }

  #take(step: LinkStep): void {
    if ('mtu' in step) {
      this.#io.setLink(this.#index, step.mtu, -1, -1);
    } else if ('prefix' in step) {
      const [address = '', length = ''] = step.prefix.split('/');
      const present = step.kind.startsWith('add') ? 1 : 0;
      if (step.kind === 'add-route' || step.kind === 'remove-route')
        this.#io.changeRoute(this.#index, address, Number(length), present);
      else this.#io.changeAddress(this.#index, address, Number(length), present);
    } else {
      this.#io.setLink(this.#index, -1, step.kind === 'up' ? 1 : 0, -1);
    }
  }
}

/** A step that the system did not take, in words, and why. */
export interface Refusal {
  readonly what: string;
  readonly error: unknown;
}

/** Linux did it of itself: an address went with the interface, or is still there. A route that exists may be another's. */
function isSoAlready(step: LinkStep, error: unknown): boolean {
  const code = systemCode(error);
  if (step.kind === 'add-address') return code === 'EEXIST';
  return step.kind.startsWith('remove') && ['EADDRNOTAVAIL', 'ESRCH', 'ENOENT', 'ENODEV'].includes(code);
}

/** For a message: an error of the system without the name of the call. */
export function reasonOf(error: unknown): string {
  return isPermission(error)
    ? 'not permitted; run as root or with CAP_NET_ADMIN, or let root set that on the device'
    : messageOf(error);
}

function isPermission(error: unknown): boolean {
  return systemCode(error) === 'EPERM';
}
