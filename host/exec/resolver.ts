import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { systemCode } from '../endpoint/endpoint-error.ts';
import type { NetworkNamespace } from '../endpoint/namespace/network-namespace.ts';
import { parseResolverConfiguration } from '../endpoint/namespace/resolver-configuration.ts';
import { ResolverRelay } from '../endpoint/namespace/resolver-relay.ts';
import { ExecError } from './exec-error.ts';
import { namesFromDnsAlone, resolverFile } from './resolver-files.ts';

/**
 * The destination of the command's DNS queries: servers that it reaches through the puzzle; those of this
 * machine, past the puzzle (`host`); or none.
 */
export type ResolverChoice = { readonly servers: readonly string[] } | 'host' | 'none';

/** Reads `host`, `none`, or addresses with commas between them. */
export function parseResolverChoice(text: string): ResolverChoice {
  if (text === 'host' || text === 'none') return text;
  const servers = text.split(',').map((each) => each.trim());
  if (servers.every((each) => isIP(each.replace(/%.*/, '')) !== 0)) return { servers };
  throw new ExecError(
    'FT_EXEC_USAGE',
    `--dns ${text}: write host, none, or addresses such as 192.0.2.53,2001:db8::53`,
  );
}

/** Gives the command a resolver. @returns the function that closes it */
export function setResolver(namespace: NetworkNamespace, choice: ResolverChoice): ResolverRelay | undefined {
  const own = parseResolverConfiguration(textOf('/etc/resolv.conf'));
  const isRelayed = choice === 'host';
  const servers = choice === 'host' ? [RELAY_ADDRESS] : choice === 'none' ? [] : choice.servers;
  for (const [path, content] of [
    ['/etc/resolv.conf', resolverFile(servers, own.others)],
    ['/etc/nsswitch.conf', namesFromDnsAlone(textOf('/etc/nsswitch.conf'))],
  ] as const) {
    if (content !== undefined) replace(namespace, path, content);
  }
  // The folders of services that resolve names, by sockets in the file system.
  for (const folder of ['/run/nscd', '/run/systemd/resolve', '/run/avahi-daemon']) hide(namespace, folder);
  if (!isRelayed) return undefined;
  return ResolverRelay.open(namespace, RELAY_ADDRESS);
}

function replace(namespace: NetworkNamespace, path: string, content: string): void {
  try {
    namespace.replaceFile(path, content);
  } catch (error) {
    // Without the file the C library uses its defaults, and there is no place to mount on.
    if (systemCode(error) === 'ENOENT') return;
    throw new ExecError(
      'FT_EXEC_RESOLVER',
      `${path} cannot be replaced for the command (${systemCode(error)}).`,
      { cause: error },
    );
  }
}

function hide(namespace: NetworkNamespace, folder: string): void {
  try {
    namespace.hideFolder(folder);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // a system without it
  }
}

/** This is not 127.0.0.1, because a command may want to be a DNS server there. */
const RELAY_ADDRESS = '127.0.0.53';
