import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the project: this file runs both from its source and, compiled, from `dist/`. */
export const projectRoot = findRoot(dirname(fileURLToPath(import.meta.url)));

/** The compiled `funnel` command. */
export const funnelCommand = join(projectRoot, 'dist', 'host', 'cli', 'main.js');

function findRoot(from: string): string {
  let folder = from;
  while (!existsSync(join(folder, 'package.json'))) {
    const above = dirname(folder);
    if (above === folder) throw new Error(`no package.json above ${from}`);
    folder = above;
  }
  return folder;
}
