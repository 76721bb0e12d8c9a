import type { Namespace } from './namespace.ts';
import type { NetLab, Segment } from './net-lab.ts';

/**
 * A home router between hosts inside and a segment outside, with the kernel's own network address
 * translation.
 */
export class NatBox {
  readonly #inside: Namespace;
  readonly #isSymmetric: boolean;
  /** The outside ports that it gives to flows; others after each rebinding. */
  #firstPort = 40_000;

  private constructor(inside: Namespace, isSymmetric: boolean) {
    this.#inside = inside;
    this.#isSymmetric = isSymmetric;
  }

  /**
   * @param address outside, with its prefix length
   * @param isSymmetric a port of the inside gets another one outside for each destination (RFC 4787 §4.1)
   * @throws CommandError where the kernel or `nft` is not able to do it
   */
  static async create(
    lab: NetLab,
    name: string,
    outside: Segment,
    address: string,
    { isSymmetric = false } = {},
  ): Promise<NatBox> {
    const box = await lab.namespace(name);
    await box.sysctl('ipv4.ip_forward', 1);
    await outside.join(box, 'wan', address);
    // The bridge stands inside, as it does in such boxes: hosts behind it reach each other directly.
    await box.ip('link', 'add', 'lan', 'type', 'bridge', 'forward_delay', '0', 'mcast_snooping', '0');
    await box.sysctl('ipv6.conf.lan.disable_ipv6', 1);
    await box.ip('link', 'set', 'lan', 'up');
    await box.addAddress('lan', '10.64.0.1/24');
    const nat = new NatBox(box, isSymmetric);
    await box.run(['nft', 'add table ip nat']);
    await box.run(['nft', 'add chain ip nat out { type nat hook postrouting priority srcnat ; }']);
    await nat.#masquerade();
    return nat;
  }

  /** Puts a host behind the box. @param number of the host, 2 to 254 */
  async join(lab: NetLab, host: Namespace, device: string, number: number): Promise<void> {
    const port = `to-${host.name}`.slice(0, 15);
    await lab.wire(host, device, this.#inside, port);
    await this.#inside.ip('link', 'set', port, 'master', 'lan');
    await host.addAddress(device, `10.64.0.${number}/24`);
    await host.ip('route', 'add', 'default', 'via', '10.64.0.1');
  }

  /**
   * Forgets every mapping: the next packet of each flow leaves from another port, as after a restart of such
   * a box.
   */
  async rebind(): Promise<void> {
    this.#firstPort += 1000;
    await this.#inside.run(['nft', 'flush chain ip nat out']);
    await this.#masquerade();
    // The kernel drops the masqueraded connections of a device that goes down.
    await this.#inside.ip('link', 'set', 'wan', 'down');
    await this.#inside.ip('link', 'set', 'wan', 'up');
  }

  /** The range of outside ports that it gives now. */
  get ports(): { first: number; last: number } {
    return { first: this.#firstPort, last: this.#firstPort + 99 };
  }

  async #masquerade(): Promise<void> {
    const { first, last } = this.ports;
    await this.#inside.run([
      'nft',
      `add rule ip nat out oifname wan meta l4proto udp masquerade to :${first}-${last}${this.#isSymmetric ? ' fully-random' : ''}`,
    ]);
  }
}
