import { chmodSync, lstatSync, type Stats, statSync, unlinkSync } from 'node:fs';
import type { FunnelIo } from './addon.ts';
import { EndpointError, systemCode } from './endpoint-error.ts';
import type { SettingReader } from './setting-reader.ts';
import { socketError } from './socket-error.ts';

/** The kind of a UNIX socket, by the addon's numbers. */
export type UnixKind = 1 | 2 | 3;
export const UNIX_STREAM = 1;
export const UNIX_DATAGRAM = 2;
export const UNIX_SEQPACKET = 3;

/** A UNIX socket of this process at a path, or at an abstract name. */
export class UnixPath {
  readonly channel: number;
  readonly #path: string;
  /** The state of the socket's file when it was made; undefined for an abstract name. */
  readonly #made: Stats | undefined;

  /**
   * Opens the socket. A path outlives its socket if the process was killed: such a path is made anew.
   *
   * @throws EndpointError FT_SOCKET_IN_USE, FT_SOCKET_PERMISSION, FT_SOCKET_ADDRESS, FT_SOCKET_OPEN
   */
  constructor(io: FunnelIo, batch: number, { kind, path, mode, piece }: UnixPathOptions) {
    this.#path = path;
    const open = () =>
      io.listenStream(batch, { ...addressOf(path, kind), key: `unix ${piece} ${kind} ${path}` }).channel;
    try {
      this.channel = orAnew(open, () => removeDead(io, batch, path, kind));
    } catch (error) {
      throw unixError(piece, path, 'listen', error);
    }
    if (path.startsWith('@')) return;
    this.#made = statOf(path);
    chmodSync(path, mode);
  }

  /** Sets the permissions, if the path is still this socket. */
  setMode(mode: number): void {
    if (this.#isOurs()) chmodSync(this.#path, mode);
  }

  /** Removes the path behind the closed socket. Another process may have made it anew: then it stays. */
  remove(): void {
    if (this.#isOurs()) unlinkSync(this.#path);
  }

  /** Whether it is at a path that leads no program to it any more. */
  get isLost(): boolean {
    return this.#made !== undefined && !this.#isOurs();
  }

  #isOurs(): boolean {
    const made = this.#made;
    const now = made === undefined ? undefined : statOf(this.#path);
    return now !== undefined && now.ino === made?.ino && now.dev === made.dev;
  }
}

export interface UnixPathOptions {
  readonly kind: UnixKind;
  /** An abstract name begins with @. */
  readonly path: string;
  readonly mode: number;
  /** The name of the piece. */
  readonly piece: string;
}

function orAnew(open: () => number, removeOld: () => boolean): number {
  try {
    return open();
  } catch (error) {
    if (systemCode(error) !== 'EADDRINUSE' || !removeOld()) throw error;
    return open();
  }
}

/** No process listens behind the path of a dead socket. */
function removeDead(io: FunnelIo, batch: number, path: string, kind: UnixKind): boolean {
  if (path.startsWith('@') || statOf(path)?.isSocket() !== true) return false;
  try {
    const channel = io.connectStream(batch, { ...addressOf(path, kind), idleSeconds: 0 });
    io.close(channel);
    return false;
  } catch (error) {
    if (systemCode(error) !== 'ECONNREFUSED') return false;
  }
  unlinkSync(path);
  return true;
}

export function addressOf(path: string, kind: UnixKind) {
  return { family: kind, address: path, port: 0, localAddress: '', localPort: 0, device: '' } as const;
}

/** Returns why the piece cannot listen on a path, or connect to it. */
export function unixError(piece: string, path: string, setting: string, error: unknown): EndpointError {
  const what = `the UNIX socket ${path}`;
  const options = { cause: error, setting };
  const code = systemCode(error);
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new EndpointError(
      'FT_SOCKET_ADDRESS',
      `piece ${piece}: ${what} cannot be made, because its folder does not exist. Make it, or choose another path`,
      options,
    );
  return socketError(piece, what, error, {
    permission: 'Give this user the right to write in its folder, or choose another path',
    inUse:
      statOf(path) === undefined || statOf(path)?.isSocket() === true
        ? 'End that one, or choose another path'
        : 'The path is not a socket, and is left unchanged: choose another path',
    setting,
  });
}

/** Returns the state of a path: of a symbolic link itself, or of its target. */
export function statOf(path: string, follows = false): Stats | undefined {
  return (follows ? statSync : lstatSync)(path, { throwIfNoEntry: false });
}

/** Reads the permissions of a path that the endpoint makes. */
export function readMode(reader: SettingReader): number {
  const text = reader.text('mode');
  if (!/^0?[0-7]{3}$/.test(text))
    reader.problem('mode', `mode is ${JSON.stringify(text)}; it can be three octal digits, such as 660`);
  return Number.parseInt(text, 8) & 0o777;
}

/** Reads the path of a socket. The system has room for 107 bytes, and would cut a longer path short. */
export function readPath(reader: SettingReader, name: string): string {
  const path = reader.text(name);
  const size = Buffer.byteLength(path);
  if (size > 107) reader.problem(name, `${name} has ${size} bytes; a path of a socket can have 107`);
  if (path.includes('\0')) reader.problem(name, `${name} has a zero byte`);
  if (path === '@') reader.problem(name, `${name} is @ without a name`);
  return path;
}

/** The mode of a path controls access. An abstract name has no mode, and is for this user and root. */
export function allowsUser(uid: number, path: string, uids: readonly number[]): boolean {
  const user = uid >>> 0;
  if (uids.length > 0) return uids.includes(user);
  return !path.startsWith('@') || user === 0 || user === process.getuid?.();
}

/** The reasons, in descriptions, why a connection fails; by the code of the system. */
export const UNIX_REASONS: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'refused'],
  ['EAGAIN', 'refused'],
  ['EPROTOTYPE', 'refused'],
  ['ENOENT', 'unreachable'],
  ['ENOTDIR', 'unreachable'],
  ['EACCES', 'not-granted'],
  ['EPERM', 'not-granted'],
  ['EMFILE', 'too-many'],
  ['ENFILE', 'too-many'],
]);
