import { type Finished, type Running, runAnyway } from './command.ts';
import type { Namespace } from './namespace.ts';
import { funnelCommand } from './project-root.ts';

/**
 * Commands as a user without privileges, who may open tun devices, as on most systems: /dev/net/tun has mode
 * 0666.
 */
export const AS_USER = [
  'unshare',
  '--mount',
  'sh',
  '-c',
  'mount -t tmpfs tmpfs /dev/net && mknod -m 666 /dev/net/tun c 10 200 && { [ -z "$RESOLV_CONF" ] || mount --bind "$RESOLV_CONF" /etc/resolv.conf; } && exec setpriv --reuid 65534 --regid 65534 --clear-groups env HOME=/tmp "$@"',
  'sh',
] as const;

/** The reason why there is no such user here; undefined if there is one. */
export async function whyNoUser(): Promise<string | undefined> {
  const trial = await runAnyway([...AS_USER, 'test', '-r', funnelCommand]);
  if (trial.status !== 0)
    return `no command can be run as an ordinary user who reads ${funnelCommand}: ${trial.stderr.trim()}`;
  const namespaces = await runAnyway([...AS_USER, 'unshare', '--user', '--net', 'true']);
  return namespaces.status === 0
    ? undefined
    : `ordinary users may not have namespaces here: ${namespaces.stderr.trim()}`;
}

/** `funnel exec` by an ordinary user of a host. */
export function funnelExec(host: Namespace, args: readonly string[], how: HowRun = {}): Promise<Finished> {
  const { argv, cwd } = execCommand(args, how);
  return host.runAnyway(argv, { cwd });
}

/** The same, beside us. */
export function startFunnelExec(host: Namespace, args: readonly string[], how: HowRun = {}): Running {
  const { argv, cwd } = execCommand(args, how);
  return host.start(argv, { cwd });
}

export interface HowRun {
  readonly cwd?: string;
  /** Where commands are looked for, in place of all places. */
  readonly path?: string;
  /** A file in place of /etc/resolv.conf. */
  readonly resolvConf?: string;
}

/** The command line of `funnel exec` by an ordinary user, and where it runs. */
export function execCommand(args: readonly string[], { cwd = '/tmp', path, resolvConf }: HowRun = {}) {
  const outer = resolvConf === undefined ? [] : ['env', `RESOLV_CONF=${resolvConf}`];
  const environment = path === undefined ? [] : ['env', `PATH=${path}`];
  return {
    argv: [...outer, ...AS_USER, ...environment, process.execPath, funnelCommand, 'exec', ...args],
    cwd,
  };
}
