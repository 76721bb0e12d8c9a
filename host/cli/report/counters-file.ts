import { renameSync, rmSync, writeFileSync } from 'node:fs';
import type { LaneSnapshot } from '../../policy/funnel.ts';
import { jsonText } from '../../stack/foreign-text.ts';
import { FunnelError } from '../../stack/funnel-error.ts';

/**
 * A file with the counters of one moment. A reader sees the former content or the new one, never a part. A
 * failed write leaves no other file behind.
 */
export class CountersFile {
  readonly #path: string;
  readonly #draft: string;
  #hasFailed = false;

  constructor(path: string) {
    this.#path = path;
    this.#draft = `${path}.${process.pid}.new`;
  }

  /** Tests at the start whether the file can be written at the end. @throws {FunnelError} `FT_OUTPUT_FILE` */
  check(): void {
    try {
      this.#writeDraft('');
    } catch (error) {
      throw this.#unwritable(error);
    } finally {
      rmSync(this.#draft, { force: true });
    }
  }

  /** @throws {FunnelError} `FT_OUTPUT_FILE` */
  write(snapshot: LaneSnapshot): void {
    try {
      this.#writeDraft(`${jsonText(snapshot, 2)}\n`);
      renameSync(this.#draft, this.#path);
    } catch (error) {
      rmSync(this.#draft, { force: true });
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

  /**
   * Creates the draft as a new file. In a shared folder another user may have put a link there, which is not
   * followed.
   */
  #writeDraft(text: string): void {
    rmSync(this.#draft, { force: true });
    writeFileSync(this.#draft, text, { flag: 'wx' });
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
  ENOENT: 'its folder is not there: make it, or name a file elsewhere',
  EISDIR: 'it is a folder: name a file in it',
};
