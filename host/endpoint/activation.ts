import type { PieceContext } from '../piece/piece.ts';
import type { FunnelIo, InheritedDescriptor } from './addon.ts';
import { EndpointError, messageOf } from './endpoint-error.ts';

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

/** The program that passes descriptors. */
export type Activator = 'systemd' | 'inetd';

/**
 * Takes copies of the descriptors of these names, or of all, that are of a kind which the piece carries. The
 * others are left to other pieces: a socket unit gives all of its sockets one name.
 *
 * @param carries what the piece carries, for a message, such as `UDP sockets`
 * @returns at least one
 * @throws EndpointError FT_SOCKET_ADDRESS, FT_SOCKET_OPEN
 */
export function takeDescriptors(
  io: Pick<FunnelIo, 'inheritDescriptor' | 'closeDescriptor'>,
  context: Pick<PieceContext, 'name' | 'log'>,
  { by, names }: { readonly by: Activator; readonly names: readonly string[] },
  carries: string,
  isCarried: (passed: InheritedDescriptor) => boolean,
): readonly (InheritedDescriptor & { readonly what: string })[] {
  const where = `piece ${context.name}:`;
  const taken: (InheritedDescriptor & { readonly what: string })[] = [];
  const others: string[] = [];
  for (const { number, name } of by === 'inetd' ? [STANDARD_INPUT] : chosen(names, where)) {
    const what = name === '' ? `descriptor ${number}` : `descriptor ${number} (${name})`;
    const passed = inherit(io, number, `${where} ${what}`);
    if (isCarried(passed)) {
      taken.push({ ...passed, what });
      continue;
    }
    io.closeDescriptor(passed.descriptor);
    others.push(`${what} is ${nameOf(passed)}`);
  }
  if (taken.length === 0)
    throw new EndpointError(
      'FT_SOCKET_OPEN',
      `${where} ${others.join(', ')}; this piece takes ${carries}. Streams and pipes are for the piece inherited, UDP sockets for udp, UNIX datagrams and packets for unix-datagram, files and terminals for stdio`,
    );
  for (const other of others) context.log('info', `${other}, and is left to another piece`);
  return taken;
}

function inherit(
  io: Pick<FunnelIo, 'inheritDescriptor'>,
  number: number,
  where: string,
): InheritedDescriptor {
  try {
    return io.inheritDescriptor(number);
  } catch (error) {
    throw new EndpointError('FT_SOCKET_ADDRESS', `${where} is not open: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function nameOf({ kind, family }: InheritedDescriptor): string {
  if (kind === 'other') return 'no socket';
  if (kind === 'pipe') return 'a pipe';
  return `a ${kind} socket${family === 1 ? ' of UNIX' : ''}`;
}

function chosen(names: readonly string[], where: string): readonly PassedDescriptor[] {
  const all = passedDescriptors();
  if (all.length === 0)
    throw new EndpointError(
      'FT_SOCKET_ADDRESS',
      `${where} this process was started with no descriptors (LISTEN_FDS). Start it by a socket unit, or try systemd-socket-activate -l PORT`,
    );
  for (const name of names) {
    if (all.some((each) => each.name === name)) continue;
    const there = all.map((each) => each.name || '(without a name)').join(', ');
    throw new EndpointError(
      'FT_SOCKET_ADDRESS',
      `${where} no descriptor is called ${name}; there are ${there}`,
      {
        setting: 'name',
      },
    );
  }
  return names.length === 0 ? all : all.filter(({ name }) => names.includes(name));
}

const STANDARD_INPUT: PassedDescriptor = { number: 0, name: '' };
/** SD_LISTEN_FDS_START. */
const FIRST = 3;
