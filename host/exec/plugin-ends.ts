import { FunnelError } from '../stack/funnel-error.ts';

/** A plugin cannot do what the program that started it wants. */
export class PluginError extends FunnelError {
  declare readonly code: PluginErrorCode;

  constructor(code: PluginErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}

export type PluginErrorCode =
  /** The program that started the plugin gave no such environment, or a wrong one. */
  | 'FT_PLUGIN_ENVIRONMENT'
  /** The configuration cannot stand between the application and the peer. */
  | 'FT_PLUGIN_CONFIGURATION';

export type PluginSettings = Readonly<Record<string, string | number | boolean>>;

/** One end of the puzzle of a plugin: an endpoint with its settings. */
export interface PluginEnd {
  readonly piece: 'tcp' | 'socks5';
  readonly settings: PluginSettings;
}

/** The endpoints of a plugin: towards the application on this machine, and towards the plugin of the peer. */
export interface PluginEnds {
  readonly application: PluginEnd;
  readonly peer: PluginEnd;
}

/** Listens at an address. The address of all addresses names the IP version. */
export function listening(host: string, port: number): PluginEnd {
  if (host === '0.0.0.0') return { piece: 'tcp', settings: { family: 'ipv4', port } };
  return { piece: 'tcp', settings: { ...(host === '::' ? {} : { address: host }), port } };
}

/** Connects to one address. The program that started the plugin chose it, so it may be on this machine. */
export function connecting(address: string, port: number): PluginEnd {
  const remote = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  return { piece: 'tcp', settings: { remote, 'to-loopback': true, own: true } };
}

/** Reads a port of an environment. */
export function portOf(text: string | undefined, what: string): number {
  const port = Number(text);
  if (text !== undefined && /^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new PluginError('FT_PLUGIN_ENVIRONMENT', `${what} is ${JSON.stringify(text)}, and no port`);
}
