import { existsSync, lstatSync, readdirSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, sep } from 'node:path';
import { FunnelError } from '../../stack/funnel-error.ts';
import { didYouMean } from './did-you-mean.ts';

/** The configurations of the system, which all users share. */
export const SYSTEM_FOLDER = '/etc/funnel';

/**
 * The folders in which a name is looked up, that of the user first: `$XDG_CONFIG_HOME/funnel`, or
 * `~/.config/funnel`, and `/etc/funnel`.
 */
export function configurationFolders(environment: Environment = process.env): readonly string[] {
  const { XDG_CONFIG_HOME: base = '', HOME: home = '' } = environment;
  // The basedir specification ignores relative paths.
  const own = isAbsolute(base) ? base : join(isAbsolute(home) ? home : homedir(), '.config');
  return [join(own, 'funnel'), SYSTEM_FOLDER];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Whether a text means a name: it has neither a slash nor a dot. Any other text is a path. */
export function isName(text: string): boolean {
  return text !== '-' && !/[./]/.test(text);
}

/**
 * Returns the path of the configuration that a text means: the file of a name, or the text itself where that
 * is a path.
 *
 * @throws {FunnelError} `FT_NAME`, `FT_NAME_UNKNOWN`, `FT_NAME_CLASH`, `FT_NAME_LINK`
 */
export function configurationPath(text: string, folders: readonly string[] = configurationFolders()): string {
  return isName(text) ? fileOfName(text, folders) : text;
}

/**
 * Returns the file of a name.
 *
 * @throws {FunnelError} `FT_NAME`, `FT_NAME_UNKNOWN`, `FT_NAME_CLASH`, `FT_NAME_LINK`
 */
export function fileOfName(name: string, folders: readonly string[]): string {
  if (!CONFIGURATION_NAME.test(name))
    throw new FunnelError(
      'FT_NAME',
      `\`${name}\` cannot be the name of a configuration; a name begins with a letter or a digit, and has at most 63 letters, digits, \`-\` and \`_\`. Write the path of a file with a slash`,
    );
  const found = folders.map((folder) => join(folder, `${name}.yaml`)).filter((file) => isThere(file));
  const [file, other] = found;
  if (file === undefined) {
    const known = listNames(folders).map((each) => each.name);
    const hint = existsSync(name)
      ? `for the file of this folder write ./${name}`
      : didYouMean(
          name,
          known,
          `it would be the file ${folders.map((each) => join(each, `${name}.yaml`)).join(' or ')}`,
        );
    throw new FunnelError('FT_NAME_UNKNOWN', `there is no configuration \`${name}\`; ${hint}`);
  }
  if (other !== undefined)
    throw new FunnelError(
      'FT_NAME_CLASH',
      `\`${name}\` means both ${file} and ${other}; write the path of the one that you mean, or rename one`,
    );
  refuseLinkOut(file, folders.find((folder) => file.startsWith(folder))!);
  return file;
}

/** Refuses a link out of the folder: its target is not what the owner of the folder wrote there. */
function refuseLinkOut(file: string, folder: string): void {
  let target: string;
  try {
    target = realpathSync(file);
  } catch (error) {
    throw new FunnelError('FT_NAME_LINK', `${file} is a link that leads nowhere; mend or remove it`, {
      cause: error,
    });
  }
  if (target.startsWith(realpathSync(folder) + sep)) return;
  throw new FunnelError(
    'FT_NAME_LINK',
    `${file} is a link to ${target}, outside of its folder; copy the file, or write the path of the target`,
  );
}

/** Every name in these folders with its files, in the order of the names. */
export function listNames(folders: readonly string[] = configurationFolders()): readonly NamedFile[] {
  const files = new Map<string, string[]>();
  for (const folder of folders) {
    for (const entry of entriesOf(folder)) {
      const name = /^(.+)\.yaml$/.exec(entry)?.[1];
      if (name === undefined || !CONFIGURATION_NAME.test(name)) continue;
      files.set(name, [...(files.get(name) ?? []), join(folder, entry)]);
    }
  }
  return [...files]
    .map(([name, paths]) => ({ name, files: paths }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** A name, and the files that have it: more than one where it clashes. */
export interface NamedFile {
  readonly name: string;
  readonly files: readonly string[];
}

/** A folder that is not there, or that this user cannot read, has no names for this user. */
function entriesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isThere(file: string): boolean {
  try {
    return lstatSync(file, { throwIfNoEntry: false }) !== undefined;
  } catch {
    // A folder above that this user may not search.
    return false;
  }
}

/** The names of configurations. They become parts of paths, and names of units. */
const CONFIGURATION_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;
