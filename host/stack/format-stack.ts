import { type Protocols, standardProtocols } from './protocols.ts';
import type { Port, Stack, Step } from './stack.ts';

/** Writes a stack in the notation that `parseStack` reads. */
export function formatStack(stack: Stack, protocols: Protocols = standardProtocols): string {
  const steps = stack.steps.map((step) => formatStep(step, protocols)).join('/');
  return stack.nameSpace === undefined ? steps : `${stack.nameSpace}:${steps}`;
}

/** Writes one step: `ip`, `{tcp,udp}`, `local:5060`. */
export function formatStep(step: Step, protocols: Protocols = standardProtocols): string {
  return step.kind === 'ports' ? formatPorts(step.ports) : formatProtocols(step.protocols, protocols);
}

function formatProtocols(names: readonly string[], protocols: Protocols): string {
  const left = new Set(names);
  const words: string[] = [];
  for (const { name, members } of protocols.generics) {
    if (members.every((member) => left.has(member))) {
      words.push(name);
      for (const member of members) left.delete(member);
    }
  }
  for (const name of left) words.push(formatName(name, protocols));
  return braced([...new Set(words)]);
}

/**
 * Writes an identifier without a protocol: its registered name if reading the name returns the same
 * identifier, otherwise the identifier itself. The step before it determines its Name Space.
 */
function formatName(name: string, protocols: Protocols): string {
  const colon = name.indexOf(':');
  if (colon < 0) return name;
  const nameSpace = protocols.nameSpace(name.slice(0, colon));
  const id = name.slice(colon + 1);
  if (nameSpace?.bits === 0) return `"${id}"`;
  const number = Number(id);
  const registered = protocols.registeredName(name.slice(0, colon), number);
  if (registered !== undefined) return registered;
  return nameSpace?.hexadecimal ? `0x${number.toString(16).padStart(4, '0')}` : id;
}

function formatPorts(ports: readonly Port[]): string {
  const end = ports[0]!.end;
  const number = ({ port }: Port) => (port === 'open' ? '*' : String(port));
  if (end !== 'either' && ports.every((each) => each.end === end))
    return `${end}:${braced(ports.map(number))}`;
  return braced(ports.map((each) => (each.end === 'either' ? number(each) : `${each.end}:${number(each)}`)));
}

function braced(words: readonly string[]): string {
  return words.length === 1 ? words[0]! : `{${words.join(',')}}`;
}
