import { ethertypes } from './registry/ethertypes.ts';
import { ipProtocols } from './registry/ip-protocols.ts';
import { pppNumbers, rtpPayloadTypes, sctpPayloadProtocols, uriSchemes } from './registry/kept.ts';
import { services } from './registry/services.ts';

/**
 * The names that a registry gives to identifiers of one Name Space, without definitions. A protocol of the
 * same name takes precedence.
 */
export class NameRegistry {
  readonly #numbers = new Map<string, number>();
  readonly #names = new Map<number, string>();
  readonly #texts = new Set<string>();

  /**
   * Stacks are printed with the first name of an identifier; a name stands for its first identifier.
   */
  add(number: number, ...names: readonly string[]): void {
    for (const name of names) if (!this.#numbers.has(name)) this.#numbers.set(name, number);
    if (names.length > 0 && !this.#names.has(number)) this.#names.set(number, names[0]!);
  }

  addText(text: string): void {
    this.#texts.add(text);
  }

  number(name: string): number | undefined {
    return this.#numbers.get(name);
  }

  name(number: number): string | undefined {
    return this.#names.get(number);
  }

  /** Whether a textual identifier is registered. */
  has(text: string): boolean {
    return this.#texts.has(text);
  }

  /** The names of numbers. */
  get names(): readonly string[] {
    return [...this.#numbers.keys()];
  }
}

/** Returns the built-in registry of a Name Space; an empty one if there is none. */
export function nameRegistry(nameSpace: string): NameRegistry {
  return registries.get(nameSpace) ?? NONE;
}

/** The Name Spaces with built-in registered names. */
export function registeredNameSpaces(): readonly string[] {
  return [...registries.keys()];
}

/** All registered names that stacks can use, in any Name Space. */
export function registeredNames(): readonly string[] {
  allNames ??= [...new Set([...registries.values()].flatMap(({ names }) => names))];
  return allNames;
}

let allNames: readonly string[] | undefined;

/**
 * Ports that netbase leaves out. The number of 6bed4 is that of its software; the others are from IANA, with
 * the documents that define them.
 */
const keptPorts = `
25790 udp 6bed4
80 udp,sctp http
443 udp,sctp https
1812 tcp,udp radius
1813 tcp,udp radius-acct
2905 sctp m3ua
3868 tcp,sctp diameter
5004 udp avt-profile-1 rtp
5005 udp avt-profile-2 rtcp
5060 tcp,udp,sctp sip
5061 tcp,sctp sips
5353 tcp,udp mdns
9899 udp sctp-tunneling
22 sctp ssh
`;

const NONE = new NameRegistry();
const registries = new Map<string, NameRegistry>([
  ['ethertype', numbered(ethertypes, 16)],
  ['ppp', numbered(pppNumbers, 16)],
  ['ip-protocol', numbered(ipProtocols, 10)],
  ['sctp-ppid', numbered(sctpPayloadProtocols, 10)],
  ['rtp-payload-type', numbered(rtpPayloadTypes, 10)],
  ['uri-scheme', textual(linesOf(uriSchemes))],
  ['dns-sd', textual(serviceTypes())],
]);
for (const transport of ['tcp', 'udp', 'sctp']) registries.set(`${transport}-port`, ports(transport));

function numbered(lines: string, radix: number): NameRegistry {
  return registryOf(
    linesOf(lines).map((line) => {
      const [number, ...names] = line.split(' ');
      return [Number.parseInt(number!, radix), ...names];
    }),
  );
}

function ports(transport: string): NameRegistry {
  return registryOf(
    linesOf(keptPorts + services).flatMap((line) => {
      const [port, transports, ...names] = line.split(' ');
      return transports!.split(',').includes(transport) ? [[Number(port), ...names]] : [];
    }),
  );
}

/** A name can be the name of one service and the alias of another: "dicom" is both. */
function registryOf(entries: readonly (readonly [number, ...string[]])[]): NameRegistry {
  const registry = new NameRegistry();
  for (const [number, name] of entries) if (name !== undefined) registry.add(number, name);
  for (const [number, , ...others] of entries) registry.add(number, ...others);
  return registry;
}

/**
 * DNS-SD makes its names from service names (RFC 6763 §7), if their form is valid (RFC 6335 §5.1).
 */
function serviceTypes(): readonly string[] {
  return linesOf(keptPorts + services).flatMap((line) => {
    const [, transports, ...names] = line.split(' ');
    // Everything that does not run over TCP is announced as UDP.
    const labels = new Set(
      transports!.split(',').map((transport) => (transport === 'tcp' ? '_tcp' : '_udp')),
    );
    return names.filter(isServiceName).flatMap((name) => [...labels].map((label) => `_${name}.${label}`));
  });
}

function isServiceName(name: string): boolean {
  return name.length <= 15 && /^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) && /[a-z]/.test(name);
}

function textual(texts: readonly string[]): NameRegistry {
  const registry = new NameRegistry();
  for (const text of texts) registry.addText(text);
  return registry;
}

function linesOf(text: string): readonly string[] {
  return text.trim().split(/\n+/);
}
