import type { LinkProperties } from './link-properties.ts';

/** A note about a tun device, for the lane that opens it after this one was ended by force. */
export interface TunNote {
  /** An administrator made the device. */
  readonly wasThere: boolean;
  readonly properties: LinkProperties;
}

/**
 * The note as text, a line for each fact: `was-there`, `mtu 1280`, `up`, `address fc64::1/64`, `route ::/0`.
 */
export function tunNote({ wasThere, properties: { mtu, isUp, addresses, routes } }: TunNote): string {
  return [
    ...(wasThere ? ['was-there'] : []),
    `mtu ${mtu}`,
    ...(isUp ? ['up'] : []),
    ...[...addresses].map((address) => `address ${address}`),
    ...[...routes].map((route) => `route ${route}`),
  ].join('\n');
}

export function readTunNote(text: string): TunNote {
  const lines = text.split('\n');
  const all = (word: string): string[] =>
    lines.flatMap((line) => (line.startsWith(`${word} `) ? [line.slice(word.length + 1)] : []));
  return {
    wasThere: lines.includes('was-there'),
    properties: {
      mtu: Number(all('mtu')[0]),
      isUp: lines.includes('up'),
      addresses: new Set(all('address')),
      routes: new Set(all('route')),
    },
  };
}
