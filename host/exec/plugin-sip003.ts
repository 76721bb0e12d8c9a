import { connecting, listening, type PluginEnds, PluginError, portOf } from './plugin-ends.ts';

/** The wishes of Shadowsocks for a plugin. */
export interface Sip003Wish {
  readonly isServer: boolean;
  /** Where streams come in. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Where they go; a name is resolved before the plugin starts. */
  readonly connect: { readonly host: string; readonly port: number };
  /** All options of the plugin, such as `config`. */
  readonly options: ReadonlyMap<string, string>;
}

/**
 * Reads the environment of a SIP003 plugin. The plugin of a client listens for the local program and connects
 * to the remote server; that of a server, which has the option `server`, listens for clients and connects to
 * the local program.
 *
 * @throws PluginError `FT_PLUGIN_ENVIRONMENT`
 */
export function sip003Wish(environment: NodeJS.ProcessEnv): Sip003Wish {
  const { SS_REMOTE_HOST, SS_REMOTE_PORT, SS_LOCAL_HOST, SS_LOCAL_PORT, SS_PLUGIN_OPTIONS } = environment;
  if (!SS_REMOTE_HOST || !SS_LOCAL_HOST)
    throw new PluginError(
      'FT_PLUGIN_ENVIRONMENT',
      'SS_LOCAL_HOST and SS_REMOTE_HOST are not set: Shadowsocks starts this plugin, by the path of a script with the line: exec funnel plugin sip003',
    );
  const options = sip003Options(SS_PLUGIN_OPTIONS ?? '');
  const isServer = options.has('server');
  // A server may have several addresses to listen on, with `|` between them.
  const [remoteHost = ''] = SS_REMOTE_HOST.split('|');
  const remote = { host: remoteHost, port: portOf(SS_REMOTE_PORT, 'SS_REMOTE_PORT') };
  const local = { host: SS_LOCAL_HOST, port: portOf(SS_LOCAL_PORT, 'SS_LOCAL_PORT') };
  return isServer
    ? { isServer, listen: remote, connect: local, options }
    : { isServer, listen: local, connect: remote, options };
}

/**
 * Reads `name=value;name;…`. A backslash before a semicolon, an equals sign or a backslash takes its meaning
 * away.
 */
export function sip003Options(text: string): ReadonlyMap<string, string> {
  const options = new Map<string, string>();
  let [name, value]: [string, string | undefined] = ['', undefined];
  const add = (): void => {
    if (name !== '') options.set(name, value ?? '');
    [name, value] = ['', undefined];
  };
  for (let i = 0; i < text.length; i++) {
    let character = text[i]!;
    if (character === ';') add();
    else if (character === '=' && value === undefined) value = '';
    else {
      if (character === '\\' && i + 1 < text.length) character = text[++i]!;
      if (value === undefined) name += character;
      else value += character;
    }
  }
  add();
  return options;
}

/** @param address the numeric address of the one to connect to */
export function sip003Ends({ isServer, listen, connect }: Sip003Wish, address: string): PluginEnds {
  const [incoming, outgoing] = [listening(listen.host, listen.port), connecting(address, connect.port)];
  return isServer ? { application: outgoing, peer: incoming } : { application: incoming, peer: outgoing };
}
