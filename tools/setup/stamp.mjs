import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/**
 * A stamp records the content from which a step's output was made, and the output. So a step runs again when,
 * and only when, its inputs have changed or its output is missing. The times of files play no part, because a
 * fresh clone or a switch of branch changes them all.
 */
export class Stamp {
  /** @param {string} file where the stamp is kept @param {string} root what names in it are relative to */
  constructor(file, root) {
    this.file = file;
    this.root = root;
  }

  /** @param {string} hash of what the step would be made from now */
  holds(hash) {
    const stamp = this.#read();
    if (stamp?.hash !== hash) return false;
    for (const [name, size] of Object.entries(stamp.made)) {
      if (statSync(join(this.root, name), { throwIfNoEntry: false })?.size !== size) return false;
    }
    return true;
  }

  /**
   * Names, from the root, of the files that the step made when it ran last; none where it never ran to its
   * end.
   */
  made() {
    return Object.keys(this.#read()?.made ?? {});
  }

  #read() {
    try {
      return JSON.parse(readFileSync(this.file, 'utf8'));
    } catch {
      return undefined; // never written, or half written: either way the step has to run
    }
  }

  /** @param {string} hash @param {readonly string[]} made absolute names of the files that the step made */
  put(hash, made) {
    const sizes = {};
    for (const file of made) sizes[relative(this.root, file)] = statSync(file).size;
    mkdirSync(dirname(this.file), { recursive: true });
    writeFileSync(this.file, JSON.stringify({ hash, made: sizes }));
  }
}

/** The hash of these files' names and contents, and of `also`. */
export function contentHash(root, files, also = '') {
  const hash = createHash('sha256').update(also);
  for (const file of [...files].sort()) {
    const content = readFileSync(file);
    hash.update(`\0${relative(root, file)}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

/**
 * All files under `folder` (or `folder` itself where it is a file) whose name passes `wanted`; none where it
 * is absent.
 */
export function filesUnder(folder, wanted = () => true) {
  const about = statSync(folder, { throwIfNoEntry: false });
  if (about === undefined) return [];
  if (about.isFile()) return wanted(folder) ? [folder] : [];
  const found = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === 'node_modules') continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) found.push(...filesUnder(path, wanted));
    else if (entry.isFile() && wanted(path)) found.push(path);
  }
  return found;
}
