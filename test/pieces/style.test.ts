import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import { stylePieces } from '../../tools/style-pieces.mjs';

/** A process that checks some 170 files: a second, and many more on a machine that is busy. */
const TIMEOUT_MS = 120_000;

test(
  'all AssemblyScript has one style, and decorators come back from the check as they were',
  () => {
    mkdirSync(join(packageRoot(), 'build'), { recursive: true });
    const folder = mkdtempSync(join(packageRoot(), 'build', 'style-'));
    const file = join(folder, 'index.ts');
    const folders = [relative(packageRoot(), folder)];
    try {
      expect(stylePieces()).toBe('');
      writeFileSync(
        file,
        '@inline\nexport function one(): i32 {\n    return 1\n}\n@inline const TWO: i32 = 2;\n',
      );
      expect(stylePieces({ folders })).toContain('index.ts');
      stylePieces({ folders, write: true });
      expect(readFileSync(file, 'utf8')).toContain('@inline\nexport function one(): i32 {\n  return 1;\n}\n');
      expect(readFileSync(file, 'utf8')).toContain('@inline const');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  TIMEOUT_MS,
);
