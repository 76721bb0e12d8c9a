import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { FunnelError } from '../stack/funnel-error.ts';
import { isAlive, removeDead } from './claim-socket.ts';
import { controlFolder, controlPrefix, defaultControlPath, type System } from './control-path.ts';

/**
 * Finds the control socket of a running Funnel: the one of this configuration in this network namespace, or
 * else the only one of this configuration, or else the only one. Sockets that dead processes left are
 * removed, as far as this user may.
 *
 * @throws {FunnelError} `FT_CONTROL_ABSENT`, `FT_CONTROL_WHICH`
 */
export async function findControl(configuration?: string, system: System = process): Promise<string> {
  const folder = controlFolder(system);
  const found = folder === undefined ? [] : await tidySockets(folder);
  if (configuration !== undefined) {
    const [own, ...more] = controlsOf(configuration, found, system);
    if (own !== undefined && (more.length === 0 || own === defaultControlPath(configuration, system)))
      return own;
  }
  if (found.length === 1) return found[0]!;
  const where = folder === undefined ? '' : ` in ${folder}`;
  if (found.length === 0)
    throw new FunnelError(
      'FT_CONTROL_ABSENT',
      `no Funnel has a control socket${where}; start one with funnel run, or name its socket with --control`,
    );
  throw new FunnelError(
    'FT_CONTROL_WHICH',
    `several Funnels have a control socket${where}; name one with --control: ${found.join(', ')}`,
  );
}

/**
 * Returns the control sockets of a configuration in all network namespaces, that of this namespace first.
 *
 * @param found the control sockets of this user
 */
export function controlsOf(
  configuration: string,
  found: readonly string[],
  system: System = process,
): readonly string[] {
  const own = defaultControlPath(configuration, system);
  const prefix = controlPrefix(configuration);
  const all = found.filter((path) => basename(path).startsWith(prefix));
  return [...all.filter((path) => path === own), ...all.filter((path) => path !== own)];
}

/** The control sockets in a folder at which a process listens. The others are removed. */
export async function tidySockets(folder: string): Promise<string[]> {
  if (!existsSync(folder)) return [];
  const paths = readdirSync(folder)
    .filter((name) => name.endsWith('.sock') && !name.startsWith('.'))
    .map((name) => join(folder, name))
    .filter((path) => lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true)
    .sort();
  const alive = await Promise.all(paths.map((path) => isServed(path)));
  return paths.filter((_, i) => alive[i]);
}

async function isServed(path: string): Promise<boolean> {
  try {
    if (await isAlive(path)) return true;
    await removeDead(path);
    return false;
  } catch {
    // Another user's socket can be neither reached nor removed. The search lists it, and a call to it reports
    // that.
    return existsSync(path);
  }
}
