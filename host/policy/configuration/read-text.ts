import { constants, type Stats, statSync } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { ConfigurationObject } from './configuration-schema.ts';
import { MistakeList } from './mistake-list.ts';
import { readObject } from './read-object.ts';
import { readYaml, type YamlPlaces } from './read-yaml.ts';
import { whyUntrusted } from './trusted-file.ts';

/** One text of a configuration as it is written: neither its includes nor its parameters are replaced. */
export interface ConfigurationText {
  /** Undefined if it could not be read; the mistakes contain the reason. */
  readonly value: unknown;
  readonly mistakes: MistakeList;
  /** The base of relative paths in the configuration. */
  readonly directory: string;
  /** The name of the file, as the caller gave it; `(object)` for an object. */
  readonly title: string;
  /** The path of the file; undefined for an object. */
  readonly file?: string;
  /** Absent where there is no text. */
  readonly places?: YamlPlaces;
}

/**
 * Reads a YAML file, or copies an object. Never throws: the mistakes report what is wrong.
 *
 * With `standardInput` the file named `-` is that stream; relative paths in it begin at `directory`.
 */
export async function readText(
  configuration: string | ConfigurationObject,
  directory = process.cwd(),
  { waitMs = MAX_WAIT_MS, standardInput, isTrusted = false, title = configuration }: TextOptions = {},
): Promise<ConfigurationText> {
  if (typeof configuration !== 'string') {
    const mistakes = new MistakeList();
    return { value: readObject(configuration, mistakes), mistakes, directory, title: '(object)' };
  }
  const isStream = configuration === '-' && standardInput !== undefined;
  const file = resolve(directory, configuration);
  const name = isStream ? '(standard input)' : String(title);
  const nothing = {
    value: undefined,
    directory: isStream ? directory : dirname(file),
    title: name,
    ...(isStream ? {} : { file }),
  };
  const bytes = isStream ? await readStream(standardInput) : await readFile(file, waitMs, isTrusted);
  if (bytes instanceof Untrusted) {
    const mistakes = new MistakeList(name);
    mistakes.add('FT_NAME_UNSAFE', [], bytes.why, { hint: UNSAFE_HINT });
    return { ...nothing, mistakes };
  }
  if (typeof bytes === 'string') {
    const mistakes = new MistakeList(name);
    mistakes.add('FT_CONFIG_FILE', [], bytes, {
      hint: HINTS[bytes] ?? 'name a YAML file with a configuration',
    });
    return { ...nothing, mistakes };
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const mistakes = new MistakeList(name);
    mistakes.add('FT_CONFIG_FILE', [], 'this is not text in UTF-8', {
      hint: 'name a YAML file with a configuration',
    });
    return { ...nothing, mistakes };
  }
  const reading = readYaml(text);
  const mistakes = new MistakeList(name, reading.places);
  for (const { message, hint, path, place } of reading.problems)
    mistakes.add('FT_CONFIG_YAML', path, message, { hint, place });
  if (reading.usable && (reading.value === null || reading.value === undefined)) {
    mistakes.add('FT_CONFIG_YAML', [], 'the file is empty', {
      hint: 'a configuration begins with `pieces:`',
    });
    return { ...nothing, mistakes };
  }
  const value = reading.usable ? reading.value : undefined;
  return { ...nothing, value, mistakes, places: reading.places };
}

export interface TextOptions {
  /** How long a pipe may take for the whole of it. */
  readonly waitMs?: number;
  /** The stream for a configuration named `-`. */
  readonly standardInput?: AsyncIterable<Uint8Array> | undefined;
  /** Refuses a file that another user can write. */
  readonly isTrusted?: boolean;
  /** The name of the file in messages; the given one by default. */
  readonly title?: string | ConfigurationObject;
}

/** The reason why a file may have the content of another user. */
class Untrusted {
  readonly why: string;

  constructor(why: string) {
    this.why = why;
  }
}

/** The bytes of a stream up to its end, or the reason why it cannot be read. */
async function readStream(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array | string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of stream) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_FILE_BYTES) return TOO_LARGE;
    }
  } catch (error) {
    return `this cannot be read (${error instanceof Error && 'code' in error ? error.code : error})`;
  }
  return Buffer.concat(chunks);
}

/** The bytes of a file, or the reason why it cannot be read. */
async function readFile(
  file: string,
  waitMs: number,
  isTrusted: boolean,
): Promise<Uint8Array | string | Untrusted> {
  let handle: FileHandle;
  try {
    // A pipe without a writer would block a thread of the process for ever.
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') return NO_FILE;
    if (code === 'EACCES') return NO_PERMISSION;
    return `this cannot be read (${code ?? error})`;
  }
  try {
    const status = await handle.stat();
    if (status.isDirectory()) return IS_DIRECTORY;
    const isPipe = status.isFIFO();
    const why = isTrusted ? await whyUnsafe(file, status) : undefined;
    if (why !== undefined) return new Untrusted(why);
    // One byte beyond the limit shows that the file is too large. A pipe or a device cannot continue for
    // ever, neither with bytes nor without.
    const bytes = Buffer.alloc(MAX_FILE_BYTES + 1);
    const latest = performance.now() + waitMs;
    let length = 0;
    while (length < bytes.length) {
      const bytesRead = await readNow(handle, bytes, length);
      // A pipe without a writer looks ended before its writer has come.
      if (bytesRead === 0 && !(isPipe && length === 0)) return bytes.subarray(0, length);
      if (bytesRead !== undefined) length += bytesRead;
      if (bytesRead) continue;
      if (performance.now() > latest) return NOTHING_COMES;
      await pause(POLL_MS);
    }
    return TOO_LARGE;
  } catch (error) {
    return `this cannot be read (${error instanceof Error && 'code' in error ? error.code : error})`;
  } finally {
    await handle.close();
  }
}

/** Returns why an open file may have the content of another user. */
async function whyUnsafe(file: string, { dev, ino }: Stats): Promise<string | undefined> {
  const path = await realpath(file);
  const now = statSync(path);
  if (now.dev !== dev || now.ino !== ino) return `${file} was replaced while it was opened`;
  return whyUntrusted(path, process.geteuid?.() ?? 0);
}

/** The number of bytes that were read; undefined where there are none yet. */
async function readNow(handle: FileHandle, bytes: Buffer, from: number): Promise<number | undefined> {
  try {
    return (await handle.read(bytes, from, bytes.length - from, null)).bytesRead;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return undefined;
    throw error;
  }
}

const UNSAFE_HINT = 'whoever can write it decides what this Funnel does: use chmod go-w and chown';
const NO_FILE = 'there is no such file';
const NO_PERMISSION = 'there is no permission to read this';
const IS_DIRECTORY = 'this is a directory';
const NOTHING_COMES = 'its writer sends nothing more';

const HINTS: Record<string, string> = {
  [NO_FILE]: 'check the path; it is relative to the working directory',
  [NO_PERMISSION]: 'change the mode of the file, or run as its owner',
};

/** A thousand pieces take a tenth of this. A test measures the cost of a hostile file of this size. */
const MAX_FILE_BYTES = 256 * 1024;
const TOO_LARGE = `this is larger than ${MAX_FILE_BYTES} bytes`;
/** The time limit for a whole configuration from a pipe. */
const MAX_WAIT_MS = 5000;
const POLL_MS = 10;
