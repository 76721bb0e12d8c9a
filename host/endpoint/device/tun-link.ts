import type { FunnelIo, NamespaceSockets } from '../addon.ts';
import { messageOf, systemCode } from '../endpoint-error.ts';
import { afterStep, type LinkProperties, type LinkStep, linkSteps } from './link-properties.ts';
import { isAlreadySet } from './link-state.ts';

/**
 * The network interface of a tun device: takes the steps from its present configuration to the wanted one.
 */
export class TunLink {
  readonly #io: FunnelIo;
  readonly #device: string;
  readonly #index: number;
  readonly #netlink: number;
  #properties: LinkProperties;
  /** The refused steps, so that each is reported once and not at every change. */
  readonly #refused = new Set<string>();

  /** @param properties the present ones */
  constructor(
    io: FunnelIo,
    { device, index }: { readonly device: string; readonly index: number },
    properties: LinkProperties,
    { netlink }: NamespaceSockets,
  ) {
    this.#io = io;
    this.#device = device;
    this.#index = index;
    this.#netlink = netlink;
    this.#properties = properties;
  }

  get properties(): LinkProperties {
    return this.#properties;
  }

  /**
   * Takes the steps to `wanted`. A refused step does not stop the others; the next call tries it again.
   *
   * @returns the refused steps, each only the first time
   */
  apply(wanted: LinkProperties): Refusal[] {
    const refusals: Refusal[] = [];
    for (const { what, error } of this.attempt(wanted)) {
      if (!this.#refused.has(what)) refusals.push({ what, error });
      this.#refused.add(what);
    }
    return refusals;
  }

  /** The same, but returns each refusal each time. */
  attempt(wanted: LinkProperties): Refusal[] {
    const refusals: Refusal[] = [];
    for (const step of linkSteps(this.#properties, wanted)) {
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
        const isSet = isPermission(error)
          ? isAlreadySet(this.#device, this.#index, step)
          : isSetByLinux(step, error);
        if (!isSet) {
          refusals.push({ what, error });
          continue;
        }
      }
      this.#properties = afterStep(this.#properties, step);
    }
    return refusals;
  }

  #take(step: LinkStep): void {
    if ('mtu' in step) {
      this.#io.setLink(this.#index, step.mtu, -1, -1, this.#netlink);
    } else if ('prefix' in step) {
      const [address = '', length = ''] = step.prefix.split('/');
      const present = step.kind.startsWith('add') ? 1 : 0;
      if (step.kind === 'add-route' || step.kind === 'remove-route')
        this.#io.changeRoute(this.#index, address, Number(length), present, this.#netlink);
      else this.#io.changeAddress(this.#index, address, Number(length), present, this.#netlink);
    } else {
      this.#io.setLink(this.#index, -1, step.kind === 'up' ? 1 : 0, -1, this.#netlink);
    }
  }
}

/** A step that the system refused, in words, and the error. */
export interface Refusal {
  readonly what: string;
  readonly error: unknown;
}

/**
 * Linux did it by itself: an address went with the interface, or is still there. An existing route may belong
 * to another program.
 */
function isSetByLinux(step: LinkStep, error: unknown): boolean {
  const code = systemCode(error);
  if (step.kind === 'add-address') return code === 'EEXIST';
  return step.kind.startsWith('remove') && ['EADDRNOTAVAIL', 'ESRCH', 'ENOENT', 'ENODEV'].includes(code);
}

/** The reason of a refusal, for a message. */
export function reasonOf(error: unknown): string {
  return isPermission(error)
    ? 'not permitted; run as root or with CAP_NET_ADMIN, or let root set that on the device'
    : messageOf(error);
}

function isPermission(error: unknown): boolean {
  return systemCode(error) === 'EPERM';
}
