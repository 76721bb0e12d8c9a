import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';

const folder = join(packageRoot(), 'test', 'hostile');

it('the table names tests that exist, of both kinds', () => {
  const rows = readFileSync(join(folder, 'README.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| what |'));
  expect(rows.length).toBeGreaterThan(25);
  const missing: string[] = [];
  const counts: Record<string, number> = {};
  for (const row of rows) {
    // A file, and behind it what stands in quotes there: the whole title of a test, or what an `it.each` puts
    // into it.
    for (const [, file, titles] of row.matchAll(/`([\w-]+\.test\.ts)`((?:,? “[^”]+”)+)/g)) {
      const path = join(folder, file!);
      const source = existsSync(path) ? readFileSync(path, 'utf8').replaceAll('\\"', '"') : '';
      for (const [, title] of titles!.matchAll(/“([^”]+)”/g)) {
        counts[file!] = (counts[file!] ?? 0) + 1;
        if (!source.includes(title!)) missing.push(`${file}: ${title}`);
      }
    }
  }
  expect(missing).toEqual([]);
  expect(counts['outcomes.test.ts']).toBeGreaterThan(50);
  expect(counts['assembly.test.ts']).toBeGreaterThan(40);
});
