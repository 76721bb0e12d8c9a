import { DUMMY_IPV4, DUMMY_IPV6 } from './dummy-address.ts';
import { parseEndpoint } from './ip-address.ts';
import type { SettingReader } from './setting-reader.ts';

/** The addresses in the puzzle of traffic that has none outside, by the settings `from` and `to`. */
export interface PuzzleNames {
  /** The address from which it comes, each peer or stream from a port of its own. */
  readonly from: Uint8Array;
  /** The address to which it goes. */
  readonly to: Uint8Array;
  /** For 0 the port on which a neighbour listens. */
  readonly toPort: number;
}

/** Reads the two settings, and reports their mistakes to the reader. */
export function readNames(reader: SettingReader): PuzzleNames {
  const text = reader.text('to');
  const to = text === '' ? undefined : parseEndpoint(text);
  if (text !== '' && (to === undefined || to.port === 0))
    reader.problem(
      'to',
      `to is ${JSON.stringify(text)}; it can be an address and a port, such as 192.0.2.1:80 or [2001:db8::1]:80`,
    );
  const from = reader.address('from') ?? (to?.address.length === 16 ? DUMMY_IPV6 : DUMMY_IPV4);
  const address = to?.address ?? (from.length === 4 ? DUMMY_IPV4 : DUMMY_IPV6);
  if (from.length !== address.length)
    reader.problem('from', 'from and to are of different IP versions; change one of them');
  return { from, to: address, toPort: to?.port ?? 0 };
}
