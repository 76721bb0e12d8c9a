import { EndpointError } from './endpoint-error.ts';

/** Variables that concern this process alone, and no program that it starts. */
const OWN_VARIABLES = [
  'LISTEN_FDS',
  'LISTEN_FDNAMES',
  'LISTEN_PID',
  'NOTIFY_SOCKET',
  'WATCHDOG_USEC',
  'WATCHDOG_PID',
];

/** The environment for a program that this process starts. */
export function environmentForChildren(own: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(own).filter(([name]) => !OWN_VARIABLES.includes(name)));
}

/** A descriptor that systemd, or another with its protocol, has passed. */
export interface PassedDescriptor {
  readonly number: number;
  /** The name that its socket unit gives, which several may share. Empty without names. */
  readonly name: string;
}

/**
 * The descriptors that this process was started with, as sd_listen_fds(3) says.
 *
 * @throws EndpointError FT_SOCKET_ADDRESS where they were passed to another process, or are malformed
 */
export function passedDescriptors(
  environment: NodeJS.ProcessEnv = process.env,
  pid = process.pid,
): readonly PassedDescriptor[] {
  const { LISTEN_FDS: count, LISTEN_PID: owner, LISTEN_FDNAMES: names } = environment;
  if (count === undefined || owner === undefined) return [];
  if (!/^\d{1,4}$/.test(count) || !/^\d{1,10}$/.test(owner))
    throw new EndpointError(
      'FT_SOCKET_ADDRESS',
      `LISTEN_FDS is ${JSON.stringify(count)} and LISTEN_PID ${JSON.stringify(owner)}; both are numbers, which systemd sets`,
    );
  if (Number(owner) !== pid)
    throw new EndpointError(
      'FT_SOCKET_ADDRESS',
      `the sockets were passed to process ${owner}, and this is ${pid}: another program, such as npm or a shell, has started the Funnel in between. Let the service start node itself, or a shell use exec`,
    );
  const all = names === undefined ? [] : names.split(':');
  return Array.from({ length: Number(count) }, (_, n) => ({ number: FIRST + n, name: all[n] ?? '' }));
}

/** SD_LISTEN_FDS_START. */
const FIRST = 3;
