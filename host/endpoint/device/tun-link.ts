import { type FunnelIo, type NamespaceSockets, OWN_NAMESPACE } from '../addon.ts';
import { messageOf, systemCode } from '../endpoint-error.ts';
import { setDeviceVariable } from './device-variable.ts';
import {
  IPV6_LEAST_MTU,
  isIpv6,
  type LinkProperties,
  type LinkStep,
  linkSteps,
  type OwnProperties,
  possible,
} from './link-properties.ts';
import { type LinkState, linkStateOf } from './link-state.ts';

/**
 * The network interface of a tun device: reads its configuration, takes the steps to the wanted one, and
 * reads again, until no step is left or the system refuses the rest.
 *
 * It records what it added, and removes nothing else.
 */
export class TunLink {
  readonly index: number;
  readonly #io: FunnelIo;
  #device: string;
  readonly #namespace: NamespaceSockets;
  #own: OwnProperties;
  #mayChangeLinkLocal = true;

  constructor(
    io: FunnelIo,
    { device, index }: { readonly device: string; readonly index: number },
    own: OwnProperties = NOTHING_OWN,
    namespace: NamespaceSockets = OWN_NAMESPACE,
  ) {
    this.#io = io;
    this.#device = device;
    this.index = index;
    this.#own = own;
    this.#namespace = namespace;
  }

  /** The name at the last look; another program may rename the interface. */
  get name(): string {
    return this.#device;
  }

  get own(): OwnProperties {
    return this.#own;
  }

  /** Returns the present state. @throws the system's error, ENODEV if the interface is gone */
  read(): LinkState {
    const state = linkStateOf(this.#io.readLink(this.index, this.#namespace.netlink));
    this.#device = state.name;
    return state;
  }

  /**
   * Takes the steps to `wanted`. A refused step does not stop the others.
   *
   * @param replaceable numbers of interfaces whose routes may be moved here: those of devices that end
   * @returns every refused step
   */
  reconcile(wanted: LinkProperties, replaceable: ReadonlySet<number> = NONE): Refusal[] {
    const refused = new Map<string, Refusal>();
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const present = this.#look();
      const steps = this.#steps(present, wanted).filter((step) => !refused.has(nameOf(step)));
      if (steps.length === 0) break;
      const others = [...present.routes].filter(
        (each) => present.setRoutes.has(each) && !this.#own.routes.has(each),
      );
      for (const step of steps) {
        try {
          this.#take(step, replaceable);
        } catch (error) {
          if (isDone(step, error)) continue;
          const what = nameOf(step);
          if (step.kind === 'quiet' || step.kind === 'link-local') {
            // A lane that shares the device of another may not have the right, and that one sets it.
            this.#mayChangeLinkLocal = false;
            continue;
          }
          refused.set(what, {
            what,
            error,
            reason: this.#reasonOf(step, present, error),
            heldBy: this.#holderOf(step, error),
          });
        }
      }
      if (steps.some(isRemovalOfIpv4)) this.#returnRoutes(others);
    }
    return [...refused.values(), ...impossible(wanted)];
  }

  /** Linux removes all IPv4 routes with the last IPv4 address. This sets those of others again. */
  #returnRoutes(others: readonly string[]): void {
    const { routes, isUp } = this.read();
    for (const prefix of others) {
      if (routes.has(prefix) || isIpv6(prefix) || !isUp) continue;
      const { address, length } = partsOf(prefix);
      try {
        this.#io.changeRoute(this.index, address, length, 1, this.#namespace.netlink);
      } catch (error) {
        // EEXIST: another program was faster.
        if (systemCode(error) !== 'EEXIST') throw error;
      }
    }
  }

  /** Returns the remaining steps to `wanted`, in words. */
  differences(wanted: LinkProperties): string[] {
    return this.#steps(this.read(), wanted).map(nameOf);
  }

  #steps(present: LinkState, wanted: LinkProperties): LinkStep[] {
    const linkLocal = this.#mayChangeLinkLocal ? wanted.linkLocal : undefined;
    return linkSteps(present, { ...wanted, linkLocal }, this.#own);
  }

  /**
   * Reads the present state, and forgets properties that others removed: if they add them again, these belong
   * to them.
   */
  #look(): LinkState {
    const present = this.read();
    const { isUp, addresses, routes } = this.#own;
    this.#own = {
      isUp,
      addresses: new Set([...addresses].filter((each) => present.addresses.has(each))),
      routes: new Set([...routes].filter((each) => present.setRoutes.has(each))),
    };
    return present;
  }

  #take(step: LinkStep, replaceable: ReadonlySet<number>): void {
    const { netlink } = this.#namespace;
    const { isUp, addresses, routes } = this.#own;
    switch (step.kind) {
      case 'mtu':
        this.#io.setLink(this.index, step.mtu, -1, -1, netlink);
        break;
      case 'up':
      case 'down':
        this.#io.setLink(this.index, -1, step.kind === 'up' ? 1 : 0, -1, netlink);
        this.#own = { isUp: step.kind === 'up', addresses, routes };
        break;
      case 'quiet':
        this.#io.setLink(this.index, -1, -1, 1, netlink);
        break;
      case 'link-local':
        this.#makeLinkLocal();
        break;
      case 'promote':
      case 'demote':
        this.#io.promoteSecondaries(this.index, step.kind === 'promote' ? 1 : 0, netlink);
        break;
      case 'add-address':
      case 'remove-address': {
        const isAdded = step.kind === 'add-address';
        const { address, length } = partsOf(step.prefix);
        this.#io.changeAddress(this.index, address, length, isAdded ? 1 : 0, netlink);
        this.#own = { isUp, addresses: changed(addresses, step.prefix, isAdded), routes };
        break;
      }
      case 'add-route':
      case 'remove-route': {
        const isAdded = step.kind === 'add-route';
        this.#changeRoute(step.prefix, isAdded, replaceable);
        this.#own = { isUp, addresses, routes: changed(routes, step.prefix, isAdded) };
        break;
      }
    }
  }

  /** By netlink, the system makes the address only when the device comes up, and by the variable at once. */
  #makeLinkLocal(): void {
    try {
      setDeviceVariable(this.#io, this.#namespace, this.#device, 'addr_gen_mode', BY_DEVICE);
    } catch {
      // In a container /proc may be read-only.
      this.#io.setLink(this.index, -1, -1, 0, this.#namespace.netlink);
    }
  }

  #changeRoute(prefix: string, isAdded: boolean, replaceable: ReadonlySet<number>): void {
    const { netlink } = this.#namespace;
    const { address, length } = partsOf(prefix);
    try {
      this.#io.changeRoute(this.index, address, length, isAdded ? 1 : 0, netlink);
    } catch (error) {
      if (!isAdded || systemCode(error) !== 'EEXIST') throw error;
      if (!replaceable.has(this.#io.routeDevice(address, length, netlink))) throw error;
      this.#io.changeRoute(this.index, address, length, 2, netlink);
    }
  }

  /** Returns the interface with the conflicting route; 0 for none. */
  #holderOf(step: LinkStep, error: unknown): number {
    if (step.kind !== 'add-route' || systemCode(error) !== 'EEXIST') return 0;
    const { address, length } = partsOf(step.prefix);
    return this.#io.routeDevice(address, length, this.#namespace.netlink);
  }

  #reasonOf(step: LinkStep, { ipv6 }: LinkState, error: unknown): string {
    const isAboutIpv6 = 'prefix' in step && isIpv6(step.prefix);
    if (isAboutIpv6 && ipv6 === 'off')
      return `IPv6 is switched off on it. Switch it on as root: sysctl -w ${ipv6Variable(this.#device)}=0; for devices that are made later: sysctl -w net.ipv6.conf.default.disable_ipv6=0`;
    if (isAboutIpv6 && ipv6 === 'none')
      return `it has no IPv6, because the kernel has none or was started without it (ipv6.disable=1): ${messageOf(error)}`;
    if (systemCode(error) === 'EPERM')
      return 'not permitted; run as root or with CAP_NET_ADMIN, or let root configure the device';
    if (step.kind === 'add-route' && systemCode(error) === 'EEXIST')
      return `another program has routed this prefix elsewhere (File exists). See "ip route show ${step.prefix}"`;
    return messageOf(error);
  }
}

/** A step that the system refused, in words, with the error and its meaning. */
export interface Refusal {
  readonly what: string;
  readonly error: unknown;
  readonly reason: string;
  /** The number of the interface whose route conflicts; 0 for none. */
  readonly heldBy: number;
}

/** The variable of the kernel that switches IPv6 off on a device, as sysctl names it. */
function ipv6Variable(device: string): string {
  // sysctl exchanges dots and slashes in names.
  return `net.ipv6.conf.${device.replaceAll('.', '/')}.disable_ipv6`;
}

/** Returns the refusals of wishes that the wanted MTU makes impossible. */
function impossible(wanted: LinkProperties): Refusal[] {
  const { addresses, routes } = possible(wanted);
  const lost = (kind: string, all: ReadonlySet<string>, some: ReadonlySet<string>): Refusal[] =>
    [...all]
      .filter((each) => !some.has(each))
      .map((each) => ({
        what: `${kind} ${each}`,
        error: undefined,
        reason: `the mtu is ${wanted.mtu}, but IPv6 needs ${IPV6_LEAST_MTU} (RFC 8200 §5)`,
        heldBy: 0,
      }));
  return [...lost('add address', wanted.addresses, addresses), ...lost('add route', wanted.routes, routes)];
}

/** Whether another program did the same, between the read and the step. */
function isDone(step: LinkStep, error: unknown): boolean {
  const code = systemCode(error);
  if (step.kind === 'add-address') return code === 'EEXIST';
  return step.kind.startsWith('remove') && ['EADDRNOTAVAIL', 'ESRCH', 'ENOENT'].includes(code);
}

function isRemovalOfIpv4(step: LinkStep): boolean {
  return step.kind === 'remove-address' && !isIpv6(step.prefix);
}

function nameOf(step: LinkStep): string {
  if ('prefix' in step) return `${step.kind.replace('-', ' ')} ${step.prefix}`;
  switch (step.kind) {
    case 'mtu':
      return `mtu ${step.mtu}`;
    case 'quiet':
      return 'no link-local address';
    case 'link-local':
      return 'a link-local address';
    default:
      return step.kind;
  }
}

function partsOf(prefix: string): { readonly address: string; readonly length: number } {
  const [address = '', length = ''] = prefix.split('/');
  return { address, length: Number(length) };
}

function changed(set: ReadonlySet<string>, element: string, isAdded: boolean): ReadonlySet<string> {
  const next = new Set(set);
  if (isAdded) next.add(element);
  else next.delete(element);
  return next;
}

export const NOTHING_OWN: OwnProperties = { isUp: false, addresses: new Set(), routes: new Set() };
const NONE: ReadonlySet<number> = new Set();
/** IN6_ADDR_GEN_MODE_EUI64; a device without such an address gets a random one. */
const BY_DEVICE = 0;
/** The most rounds of a read and its steps. Two are enough if no other program changes the interface. */
const MOST_ROUNDS = 4;
