import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './command.ts';
import { Namespace } from './namespace.ts';
import { projectRoot } from './project-root.ts';
import { namespacePrefix, removeNamespace, sweep } from './sweep.ts';

/**
 * A few network namespaces that live as long as one test, with the wires between them.
 *
 * Whatever happens they are removed: by {@link close}; when the process ends without that, as it ends; and
 * when it is killed outright, by the next lab on this machine (see `sweep`).
 */
export class NetLab {
  /** A folder for configurations, logs and captures; `close` removes it, unless it is to be kept. */
  readonly folder: string;
  readonly #prefix: string;
  readonly #namespaces = new Map<string, Namespace>();
  readonly #atExit = (): void => this.#removeAll();
  static #made = 0;

  private constructor(prefix: string, folder: string) {
    this.#prefix = prefix;
    this.folder = folder;
    process.on('exit', this.#atExit);
  }

  /** @param title names the folder; letters, digits and dashes */
  static async open(title: string): Promise<NetLab> {
    await sweep();
    const number = ++NetLab.#made;
    const folder = join(projectRoot, 'build', 'lab', `${title}-${process.pid}-${number}`);
    mkdirSync(folder, { recursive: true });
    return new NetLab(`${namespacePrefix()}${number}.`, folder);
  }

  /** A new host, with nothing but its loopback. */
  async namespace(name: string): Promise<Namespace> {
    const made = new Namespace(name, this.#prefix + name);
    await run(['ip', 'netns', 'add', made.systemName]);
    this.#namespaces.set(name, made);
    await made.ip('link', 'set', 'lo', 'up');
    return made;
  }

  /**
   * A wire between two hosts. Its ends carry IPv4 only, so that every IPv6 packet seen has gone through a
   * Funnel.
   */
  async wire(from: Namespace, fromDevice: string, to: Namespace, toDevice: string): Promise<void> {
    const end = ['name', toDevice, 'netns', to.systemName];
    await run(['ip', 'link', 'add', fromDevice, 'netns', from.systemName, 'type', 'veth', 'peer', ...end]);
    for (const [host, device] of [[from, fromDevice] as const, [to, toDevice] as const]) {
      await host.sysctl(`ipv6.conf.${device}.disable_ipv6`, 1);
      await host.ip('link', 'set', device, 'up');
    }
  }

  /** An IPv4 segment that any number of hosts can be put on: a bridge, in a namespace of its own. */
  async segment(name: string): Promise<Segment> {
    const inside = await this.namespace(name);
    await inside.ip('link', 'add', 'bridge', 'type', 'bridge', 'forward_delay', '0', 'mcast_snooping', '0');
    await inside.sysctl('ipv6.conf.bridge.disable_ipv6', 1);
    await inside.ip('link', 'set', 'bridge', 'up');
    return new Segment(this, inside);
  }

  /** Ends every process that was started in a namespace, and removes the namespaces. */
  async close({ keepFolder = false } = {}): Promise<void> {
    await Promise.all([...this.#namespaces.values()].map((namespace) => namespace.stopAll()));
    this.#removeAll();
    process.off('exit', this.#atExit);
    if (!keepFolder) rmSync(this.folder, { recursive: true, force: true });
  }

  #removeAll(): void {
    for (const namespace of this.#namespaces.values()) removeNamespace(namespace.systemName);
    this.#namespaces.clear();
  }
}

/** An IPv4 segment of a lab. */
export class Segment {
  readonly #lab: NetLab;
  readonly #inside: Namespace;

  constructor(lab: NetLab, inside: Namespace) {
    this.#lab = lab;
    this.#inside = inside;
  }

  /**
   * Puts a host on the segment.
   *
   * @param address IPv4 with its prefix length
   */
  async join(host: Namespace, device: string, address: string): Promise<void> {
    const port = portOf(host);
    await this.#lab.wire(host, device, this.#inside, port);
    await this.#inside.ip('link', 'set', port, 'master', 'bridge');
    await host.addAddress(device, address);
  }

  /**
   * Isolated hosts reach those that are not, and not each other: the client isolation of many wireless
   * networks, and a way to have IPv4 between each host and the router only.
   */
  async isolate(host: Namespace, isolated: boolean): Promise<void> {
    const state = isolated ? 'on' : 'off';
    await this.#inside.ip('link', 'set', 'dev', portOf(host), 'type', 'bridge_slave', 'isolated', state);
  }
}

/** Devices have at most 15 characters in their name. */
function portOf(host: Namespace): string {
  return `to-${host.name}`.slice(0, 15);
}
