import { isIP } from 'node:net';
import { printable } from '../stack/foreign-text.ts';
import { connecting, listening, type PluginEnds, PluginError, portOf } from './plugin-ends.ts';

/*
 * Tor's pluggable transports, version 1 of the protocol between Tor and a transport that it manages
 * (pt-spec.txt): wishes come in the environment, and replies go as lines to standard output.
 */

/** The wishes of Tor for a transport. */
export type PtWish = PtClient | PtServer;

interface PtClient {
  readonly isServer: false;
  /** Whether our transport is one of those that Tor asks for. */
  readonly isWanted: boolean;
  readonly endsWithInput: boolean;
}

interface PtServer {
  readonly isServer: true;
  readonly isWanted: boolean;
  readonly endsWithInput: boolean;
  /** Where the transport listens; port 0 is the system's choice. */
  readonly bind: { readonly host: string; readonly port: number };
  /** Tor itself. */
  readonly onion: { readonly host: string; readonly port: number };
}

/** A refusal, with the line by which Tor learns of it. */
export class PtRefusal extends PluginError {
  constructor(
    readonly line: string,
    message: string,
  ) {
    super('FT_PLUGIN_ENVIRONMENT', message);
  }
}

/**
 * Reads the environment of a transport that Tor manages.
 *
 * @throws PtRefusal
 */
export function ptWish(environment: NodeJS.ProcessEnv, transport: string): PtWish {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(transport))
    throw refusal('ENV-ERROR', `the name ${JSON.stringify(transport)} is not one of letters, digits and _`);
  const versions = environment.TOR_PT_MANAGED_TRANSPORT_VER;
  if (versions === undefined)
    throw refusal(
      'ENV-ERROR',
      'TOR_PT_MANAGED_TRANSPORT_VER is not set: Tor starts this transport, by ClientTransportPlugin or ServerTransportPlugin in its configuration',
    );
  if (!versions.split(',').includes('1'))
    throw new PtRefusal('VERSION-ERROR no-version', `Tor speaks versions ${versions}, and this is 1`);
  const endsWithInput = environment.TOR_PT_EXIT_ON_STDIN_CLOSE === '1';
  const { TOR_PT_CLIENT_TRANSPORTS: client, TOR_PT_SERVER_TRANSPORTS: server } = environment;
  if ((client === undefined) === (server === undefined))
    throw refusal(
      'ENV-ERROR',
      'exactly one of TOR_PT_CLIENT_TRANSPORTS and TOR_PT_SERVER_TRANSPORTS has to be set',
    );
  if (client !== undefined) {
    if (environment.TOR_PT_PROXY)
      throw refusal('PROXY-ERROR', 'this transport does not connect by way of a proxy (TOR_PT_PROXY)');
    return { isServer: false, isWanted: client.split(',').includes(transport), endsWithInput };
  }
  const isWanted = server!.split(',').includes(transport);
  const bind = bindAddress(environment.TOR_PT_SERVER_BINDADDR ?? '', transport);
  const { TOR_PT_ORPORT: onion } = environment;
  if (isWanted && !onion)
    throw refusal('ENV-ERROR', 'TOR_PT_ORPORT is not set; the extended port of Tor is not used');
  return {
    isServer: true,
    isWanted,
    endsWithInput,
    bind,
    onion: isWanted ? placeOf(onion!, 'TOR_PT_ORPORT') : { host: '127.0.0.1', port: 0 },
  };
}

export function ptEnds(wish: PtWish): PluginEnds {
  if (wish.isServer)
    return {
      application: connecting(wish.onion.host, wish.onion.port),
      peer: listening(wish.bind.host, wish.bind.port),
    };
  return {
    application: { piece: 'socks5', settings: { address: '127.0.0.1', port: 0 } },
    // Tor gives the address of each bridge with the stream.
    peer: { piece: 'tcp', settings: { 'to-loopback': true, own: true } },
  };
}

/** The lines for a transport that runs. */
export function ptReady(wish: PtWish, transport: string, port: number): readonly string[] {
  if (!wish.isWanted) return [`${wish.isServer ? 'S' : 'C'}METHODS DONE`];
  if (!wish.isServer) return [`CMETHOD ${transport} socks5 127.0.0.1:${port}`, 'CMETHODS DONE'];
  const { host } = wish.bind;
  return [`SMETHOD ${transport} ${host.includes(':') ? `[${host}]` : host}:${port}`, 'SMETHODS DONE'];
}

/** The lines for a transport that cannot be started. */
export function ptFailed(wish: PtWish, transport: string, why: string): readonly string[] {
  const side = wish.isServer ? 'S' : 'C';
  return [`${side}METHOD-ERROR ${transport} ${printable(why)}`, `${side}METHODS DONE`];
}

/** Reads `NAME-ADDRESS:PORT,…`; without an entry for the transport, the system chooses a port. */
function bindAddress(text: string, transport: string): { readonly host: string; readonly port: number } {
  for (const entry of text.split(',')) {
    // A name has no hyphen, but the rest may.
    const [name, place = ''] = entry.split(/-(.*)/s, 2);
    if (name === transport) return placeOf(place, 'TOR_PT_SERVER_BINDADDR');
  }
  return { host: '0.0.0.0', port: 0 };
}

function placeOf(text: string, what: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || isIP(host) === 0)
    throw refusal('ENV-ERROR', `${what} is ${JSON.stringify(text)}, not ADDRESS:PORT`);
  return { host, port: portOf(port, what) };
}

function refusal(kind: string, message: string): PtRefusal {
  return new PtRefusal(`${kind} ${printable(message)}`, message);
}
