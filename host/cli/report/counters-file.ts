import { renameSync, rmSync, writeFileSync } from 'node:fs';
import type { LaneSnapshot } from '../../policy/funnel.ts';
import { jsonText } from '../../stack/foreign-text.ts';
import { FunnelError } from '../../stack/funnel-error.ts';

/**
 * A file with the counters of one instant, whole: whoever reads it meanwhile sees the former content or the new one, never a
 * part. What cannot be written leaves nothing behind.
 */
export class CountersFile {
  readonly #path: string;
  readonly #draft: string;
  #hasFailed = false;

  constructor(path: string) {
    this.#path = path;
    this.#draft = `${path}.${process.pid}.new`;
  }

  /** What can only be written at the end is tried at the beginning. @throws {FunnelError} `FT_OUTPUT_FILE` */
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

  /** While traffic flows, a disk that is full is told once, and does not end it. */
  rewrite(snapshot: LaneSnapshot, tell: (message: string) => void): void {
    try {
      this.write(snapshot);
      this.#hasFailed = false;
    } catch (error) {
      if (!this.#hasFailed) tell(error instanceof Error ? error.message : String(error));
      this.#hasFailed = true;
    }
  }

  /** A file of its own: where somebody else put a link under this name, in a folder for everybody, it is not followed. */
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
