/** A SOCKS5 server of this machine, as a client needs to know it. */
export interface SocksServer {
  readonly address: string;
  readonly port: number;
  readonly user?: { readonly name: string; readonly password: string };
}

/** The library that leads the connections of a program to the server, with the path of its configuration. */
export interface Preload {
  readonly library: string;
  readonly configuration: string;
}

/**
 * Returns the environment in which programs use a SOCKS5 server. Variables that name another proxy are left
 * out, because programs prefer those to `ALL_PROXY`. The loopback is that of this machine.
 */
export function socksEnvironment(
  own: NodeJS.ProcessEnv,
  server: SocksServer,
  preload: Preload | undefined,
): NodeJS.ProcessEnv {
  const kept = Object.entries(own).filter(
    ([name]) => !/^(all|https?|ftp|no|socks5?)_(proxy|server)$/i.test(name),
  );
  // With `socks5h`, the server resolves names.
  const url = `socks5h://${userinfo(server)}${hostPort(server)}`;
  return {
    ...Object.fromEntries(kept),
    ALL_PROXY: url,
    all_proxy: url,
    NO_PROXY: LOOPBACK,
    no_proxy: LOOPBACK,
    ...(preload === undefined
      ? {}
      : {
          LD_PRELOAD: [preload.library, own.LD_PRELOAD ?? ''].filter((each) => each !== '').join(':'),
          PROXYCHAINS_CONF_FILE: preload.configuration,
          PROXYCHAINS_QUIET_MODE: '1',
        }),
  };
}

/** The configuration of proxychains4(1) for one server. */
export function proxychainsConfiguration({ address, port, user }: SocksServer): string {
  return [
    'strict_chain',
    'quiet_mode',
    'proxy_dns',
    'remote_dns_subnet 224',
    'localnet 127.0.0.0/255.0.0.0',
    'localnet ::1/128',
    '[ProxyList]',
    ['socks5', address, port, ...(user === undefined ? [] : [user.name, user.password])].join(' '),
    '',
  ].join('\n');
}

function userinfo({ user }: SocksServer): string {
  if (user === undefined) return '';
  return `${encodeURIComponent(user.name)}:${encodeURIComponent(user.password)}@`;
}

function hostPort({ address, port }: SocksServer): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

const LOOPBACK = 'localhost,127.0.0.1,::1';
