import type { LinkProperties, OwnProperties } from './link-properties.ts';

/** A note about a tun device, for the lane that opens it after this one was ended by force. */
export interface TunNote {
  /** The wanted configuration of the device. */
  readonly properties: LinkProperties;
  /** The part of it that the piece added. */
  readonly own: OwnProperties;
  /** The former state of an administrator's device; undefined for a device of ours. */
  readonly before?: DeviceBefore;
}

/** The state of a device when a piece opened it. */
export interface DeviceBefore {
  readonly mtu: number;
  readonly isUp: boolean;
}

/**
 * The note as text, a line for each fact: `mtu 1280`, `up`, `address fc64::1/64`, `route ::/0`,
 * `own-up`, `own-address fc64::1/64`, `own-route ::/0`, `before-mtu 1500`, `before-up`.
 */
export function tunNote({ properties, own, before }: TunNote): string {
  return [
    `mtu ${properties.mtu}`,
    ...(properties.isUp ? ['up'] : []),
    ...[...properties.addresses].map((address) => `address ${address}`),
    ...[...properties.routes].map((route) => `route ${route}`),
    ...(own.isUp ? ['own-up'] : []),
    ...[...own.addresses].map((address) => `own-address ${address}`),
    ...[...own.routes].map((route) => `own-route ${route}`),
    ...(before === undefined ? [] : [`before-mtu ${before.mtu}`, ...(before.isUp ? ['before-up'] : [])]),
  ].join('\n');
}

export function readTunNote(text: string): TunNote {
  const lines = text.split('\n');
  const all = (word: string): string[] =>
    lines.flatMap((line) => (line.startsWith(`${word} `) ? [line.slice(word.length + 1)] : []));
  const [mtuBefore] = all('before-mtu');
  return {
    properties: {
      mtu: Number(all('mtu')[0]),
      isUp: lines.includes('up'),
      addresses: new Set(all('address')),
      routes: new Set(all('route')),
    },
    own: {
      isUp: lines.includes('own-up'),
      addresses: new Set(all('own-address')),
      routes: new Set(all('own-route')),
    },
    ...(mtuBefore === undefined
      ? {}
      : { before: { mtu: Number(mtuBefore), isUp: lines.includes('before-up') } }),
  };
}
