import type { LaneSnapshot } from '../../policy/funnel.ts';
import { jsonText } from '../../stack/foreign-text.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import { checkOutputFile, writeOutputFile } from '../../stack/output-file.ts';

/**
 * A file with the counters of one moment. A reader sees the former content or the new one, never a part. A
 * pipe or a device is written in place.
 */
export class CountersFile {
  readonly #path: string;
  #hasFailed = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** Tests at the start whether the file can be written at the end. @throws {FunnelError} `FT_OUTPUT_FILE` */
  check(): void {
    try {
      checkOutputFile(this.#path);
    } catch (error) {
      throw this.#unwritable(error);
    }
  }

  /** @throws {FunnelError} `FT_OUTPUT_FILE` */
  write(snapshot: LaneSnapshot): void {
    try {
      writeOutputFile(this.#path, `${jsonText(snapshot, 2)}\n`);
    } catch (error) {
      throw this.#unwritable(error);
    }
  }

  /** Writes while traffic flows: a full disk is reported once, and the Funnel continues. */
  rewrite(snapshot: LaneSnapshot, warn: (message: string) => void): void {
    try {
      this.write(snapshot);
      this.#hasFailed = false;
    } catch (error) {
      if (!this.#hasFailed) warn(error instanceof Error ? error.message : String(error));
      this.#hasFailed = true;
    }
  }

  #unwritable(error: unknown): FunnelError {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const advice = ADVICE[code] ?? 'name a file in a folder that is yours';
    return new FunnelError('FT_OUTPUT_FILE', `${this.#path} cannot be written (${code}); ${advice}`, {
      cause: error,
    });
  }
}

const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'its disk is full: make room there, or name a file elsewhere',
  EDQUOT: 'your share of its disk is used up: make room there, or name a file elsewhere',
  EROFS: 'its file system is read-only: name a file elsewhere',
  ENOENT: 'its folder does not exist: make it, or name a file elsewhere',
  ENXIO: 'it is a pipe without a reader: start its reader, or name another file',
  EAGAIN: 'it is a pipe whose reader does not read: start it, or name another file',
  EISDIR: 'it is a folder: name a file in it',
};
