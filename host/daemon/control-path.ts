import { createHash } from 'node:crypto';
import { readlinkSync, realpathSync } from 'node:fs';
import { basename, extname, isAbsolute, join, resolve } from 'node:path';

/**
 * The default path of the control socket of a configuration: `$XDG_RUNTIME_DIR/funnel/NAME.FILE.NET.sock`, or
 * below `/run/funnel` for root without that variable.
 *
 * NAME is the file name of the configuration without its extension, for people. FILE is a digest of its full
 * path, and NET the number of the network namespace. So configurations of one name in different folders, and
 * one configuration in different namespaces, have different sockets. Undefined where the system provides no
 * such folder.
 */
export function defaultControlPath(configuration: string, system: System = process): string | undefined {
  const folder = controlFolder(system);
  return folder === undefined
    ? undefined
    : join(folder, `${controlPrefix(configuration)}${networkNamespace(system)}.sock`);
}

/** The part of the name of a socket that is the same in all network namespaces. */
export function controlPrefix(configuration: string): string {
  const digest = createHash('sha256').update(fullPath(configuration)).digest('hex').slice(0, DIGEST_LENGTH);
  const name = basename(configuration, extname(configuration));
  return `${shortened(name === '-' ? 'standard-input' : name)}.${digest}.`;
}

/** The folder of the control sockets of this user; undefined where the system provides none. */
export function controlFolder({ env, geteuid }: System): string | undefined {
  const runtime = env.XDG_RUNTIME_DIR;
  if (runtime !== undefined && isAbsolute(runtime)) return join(runtime, 'funnel');
  return geteuid?.() === 0 ? '/run/funnel' : undefined;
}

/** The properties of the process that determine the path. */
export interface System {
  readonly env: NodeJS.ProcessEnv;
  geteuid?(): number;
  /** The number of its network namespace; that of this process by default. */
  readonly networkNamespace?: string;
}

/** Two names of one file are one configuration. A file that does not exist has its path only. */
function fullPath(configuration: string): string {
  try {
    return realpathSync(configuration);
  } catch {
    return resolve(configuration);
  }
}

/** `net:[4026531840]` without its frame; `0` where the system has no such namespaces. */
function networkNamespace({ networkNamespace: given }: System): string {
  if (given !== undefined) return given;
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/net'))?.[0] ?? '0';
  } catch {
    return '0';
  }
}

/** Cuts a name to a number of bytes, between characters. */
function shortened(name: string): string {
  let short = '';
  for (const character of name) {
    if (Buffer.byteLength(short + character) > MAX_NAME_BYTES) break;
    short += character;
  }
  return short;
}

const DIGEST_LENGTH = 8;
/** The path of a socket has at most 107 bytes, which includes the folder, the digest and the namespace. */
const MAX_NAME_BYTES = 32;
