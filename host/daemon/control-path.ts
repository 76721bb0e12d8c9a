import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { basename, extname, isAbsolute, join } from 'node:path';
import { FunnelError } from '../stack/funnel-error.ts';

/**
 * The default path of the control socket of a configuration: `$XDG_RUNTIME_DIR/funnel/NAME.sock`, or
 * `/run/funnel/NAME.sock` for root without that variable. NAME is the file name of the configuration without
 * its extension. Undefined where the system provides no such folder.
 */
export function defaultControlPath(configuration: string, system: System = process): string | undefined {
  const folder = controlFolder(system);
  const name = basename(configuration, extname(configuration));
  return folder === undefined ? undefined : join(folder, `${name}.sock`);
}

/**
 * Finds the control socket of a running Funnel: the one of this configuration, or else the only one.
 *
 * @throws {FunnelError} `FT_CONTROL_ABSENT`, `FT_CONTROL_WHICH`
 */
export function findControl(configuration?: string, system: System = process): string {
  const own = configuration === undefined ? undefined : defaultControlPath(configuration, system);
  if (own !== undefined && existsSync(own)) return own;
  const folder = controlFolder(system);
  const found = folder === undefined ? [] : socketsIn(folder);
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

function controlFolder({ env, geteuid }: System): string | undefined {
  const runtime = env.XDG_RUNTIME_DIR;
  if (runtime !== undefined && isAbsolute(runtime)) return join(runtime, 'funnel');
  return geteuid?.() === 0 ? '/run/funnel' : undefined;
}

function socketsIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.sock') && !name.startsWith('.'))
    .map((name) => join(folder, name))
    .filter((path) => lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true)
    .sort();
}

/** The properties of the process that determine the folder. */
export interface System {
  readonly env: NodeJS.ProcessEnv;
  geteuid?(): number;
}
