import type { Problem } from '../../../abi/host/contract.ts';
import type { Protocols } from '../../stack/protocols.ts';
import { type Binding, readBinding } from '../binding.ts';
import type { Prefix } from '../ip-address.ts';
import { SettingReader } from '../setting-reader.ts';
import { rawSettings } from './raw-description.ts';

export interface RawSettings extends Binding {
  /** The numbers in the IP header, without duplicates. */
  readonly protocols: readonly number[];
  readonly destinations: readonly Prefix[];
  readonly loopback: boolean;
  readonly own: boolean;
  readonly broadcast: boolean;
}

/** Reads the settings, and reports all mistakes at once. */
export function readRawSettings(
  given: readonly (readonly [string, string])[],
  names: Protocols,
): { readonly settings: RawSettings; readonly problems: readonly Problem[] } {
  const reader = new SettingReader(rawSettings, given);
  const protocols = new Set<number>();
  for (const text of reader.texts('protocol')) {
    const number = protocolNumber(text, names);
    if (number !== undefined && number >= 1 && number <= 254 && !EXTENSION_HEADERS.has(number))
      protocols.add(number);
    else if (number !== undefined)
      reader.problem(
        'protocol',
        `protocol is ${JSON.stringify(text)}, which no raw socket receives; it can be 1 to 254 without ${[...EXTENSION_HEADERS].join(', ')}`,
      );
    else
      reader.problem(
        'protocol',
        `protocol is ${JSON.stringify(text.slice(0, 60))}; it can be the name or number of an IP protocol, such as sctp, 41 or icmp`,
      );
  }
  if (!reader.has('protocol'))
    reader.problem(
      'protocol',
      'protocol is not given; name a protocol to send and receive, such as sctp or 41',
    );
  const binding = readBinding(reader);
  const settings: RawSettings = {
    protocols: [...protocols],
    ...binding,
    destinations: reader.prefixes('destinations'),
    loopback: reader.boolean('to-loopback'),
    own: reader.boolean('own'),
    broadcast: reader.boolean('broadcast'),
  };
  return { settings, problems: reader.problems };
}

function protocolNumber(text: string, names: Protocols): number | undefined {
  if (/^\d{1,3}$/.test(text)) return Number(text);
  const space = names.nameSpaceNumber('ip-protocol');
  const protocol = names.number(text);
  // The name of a protocol takes precedence over a registered name, as in stacks.
  if (protocol !== 0) for (let id = 0; id < 256; id++) if (names.identify(space, id) === protocol) return id;
  return names.registered('ip-protocol', text);
}

/** The kernel skips these, or joins them: hop-by-hop, routing, fragment, destination options. */
const EXTENSION_HEADERS: ReadonlySet<number> = new Set([43, 44, 60]);
