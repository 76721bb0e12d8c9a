import { open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { PathStep } from './configuration-error.ts';
import type { ConfigurationObject } from './configuration-schema.ts';
import { MistakeList } from './mistake-list.ts';
import { readYaml } from './read-yaml.ts';

/** A configuration as the caller gave it, with the means to find positions in it. */
export interface ConfigurationSource {
  /** Undefined where it could not be read; the mistakes say why. */
  readonly value: unknown;
  readonly mistakes: MistakeList;
  /** The base of relative paths in the configuration. */
  readonly directory: string;
  /** The name of the file, as the caller gave it; `(object)` for an object. */
  readonly title: string;
  /** The path of the file; undefined for an object. */
  readonly file?: string;
  /** The spelling of a scalar, where the configuration has a text. */
  written(path: readonly PathStep[]): string | undefined;
}

/** Reads a YAML file, or accepts an object unchanged. Never throws: the mistakes report what is wrong. */
export async function readConfiguration(
  configuration: string | ConfigurationObject,
  directory = process.cwd(),
): Promise<ConfigurationSource> {
  if (typeof configuration !== 'string') {
    return {
      value: configuration,
      mistakes: new MistakeList(),
      directory,
      title: '(object)',
      written: () => undefined,
    };
  }
  const file = resolve(directory, configuration);
  const nothing = {
    value: undefined,
    directory: dirname(file),
    title: configuration,
    file,
    written: () => undefined,
  };
  const bytes = await readFile(file);
  if (typeof bytes === 'string') {
    const mistakes = new MistakeList(configuration);
    mistakes.add('FT_CONFIG_FILE', [], bytes, {
      hint: HINTS[bytes] ?? 'name a YAML file with a configuration',
    });
    return { ...nothing, mistakes };
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const mistakes = new MistakeList(configuration);
    mistakes.add('FT_CONFIG_FILE', [], 'this is not text in UTF-8', {
      hint: 'name a YAML file with a configuration',
    });
    return { ...nothing, mistakes };
  }
  const reading = readYaml(text);
  const mistakes = new MistakeList(configuration, reading.places);
  for (const { message, hint, path, place } of reading.problems)
    mistakes.add('FT_CONFIG_YAML', path, message, { hint, place });
  if (reading.usable && (reading.value === null || reading.value === undefined)) {
    mistakes.add('FT_CONFIG_YAML', [], 'the file is empty', {
      hint: 'a configuration begins with `pieces:`',
    });
    return { ...nothing, mistakes };
  }
  const value = reading.usable ? reading.value : undefined;
  return { ...nothing, value, mistakes, written: (path) => reading.places.text(path) };
}

/** The bytes of a file, or the reason why it cannot be read. */
async function readFile(file: string): Promise<Uint8Array | string> {
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') return NO_FILE;
    if (code === 'EACCES') return NO_PERMISSION;
    return `this cannot be read (${code ?? error})`;
  }
  try {
    if ((await handle.stat()).isDirectory()) return IS_DIRECTORY;
    // One byte beyond the limit shows that the file is too large. A pipe or a device cannot continue for
    // ever.
    const bytes = Buffer.alloc(MAX_FILE_BYTES + 1);
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await handle.read(bytes, length, bytes.length - length, null);
      if (bytesRead === 0) return bytes.subarray(0, length);
      length += bytesRead;
    }
    return `this is larger than ${MAX_FILE_BYTES} bytes`;
  } catch (error) {
    return `this cannot be read (${error instanceof Error && 'code' in error ? error.code : error})`;
  } finally {
    await handle.close();
  }
}

const NO_FILE = 'there is no such file';
const NO_PERMISSION = 'there is no permission to read this';
const IS_DIRECTORY = 'this is a directory';

const HINTS: Record<string, string> = {
  [NO_FILE]: 'check the path; it is relative to the working directory',
  [NO_PERMISSION]: 'change the mode of the file, or run as its owner',
};

/** A thousand pieces take a tenth of this. A test measures the cost of a hostile file of this size. */
const MAX_FILE_BYTES = 256 * 1024;
