import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the funnel-tunnel package that this module is part of, wherever it was compiled to. */
export function packageRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (
      existsSync(file) &&
      (JSON.parse(readFileSync(file, 'utf8')) as { name?: string }).name === 'funnel-tunnel'
    ) {
      return folder;
    }
    if (folder === dirname(folder)) throw new Error('the funnel-tunnel package is not where this module is');
  }
}
