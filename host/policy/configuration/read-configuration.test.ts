import { execFileSync } from 'node:child_process';
import { constants, mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfiguration } from './read-configuration.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'funnel-read-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function pipe(name: string): string {
  const path = join(folder, name);
  execFileSync('mkfifo', [path]);
  return path;
}

describe('a configuration from something other than a file', () => {
  it('is refused if nothing comes from a pipe, and many such pipes block no thread', async () => {
    const paths = Array.from({ length: 12 }, (_, n) => pipe(`p${n}`));
    const read = await Promise.all(paths.map((path) => readConfiguration(path, '.', { waitMs: 50 })));
    for (const { value, mistakes } of read) {
      expect(value).toBeUndefined();
      expect(mistakes.sorted().map(({ code, message }) => `${code} ${message}`)).toEqual([
        'FT_CONFIG_FILE its writer sends nothing more',
      ]);
    }
  });

  it('is refused if a writer of a pipe stops in the middle', async () => {
    const path = pipe('slow');
    const writer = await open(path, constants.O_RDWR);
    await writer.write('pieces: {}\n');
    const { mistakes } = await readConfiguration(path, '.', { waitMs: 50 });
    await writer.close();
    expect(mistakes.sorted().map(({ message }) => message)).toEqual(['its writer sends nothing more']);
  });

  it('is read from a pipe whose writer comes, and ends', async () => {
    const path = pipe('good');
    const reading = readConfiguration(path, '.', { waitMs: 60_000 });
    const writer = await open(path, 'w');
    await writer.write('pieces: {}\n');
    await writer.close();
    expect((await reading).value).toEqual({ pieces: {} });
  });

  it('is refused if a device has no end', async () => {
    const { mistakes } = await readConfiguration('/dev/zero', '.');
    expect(mistakes.sorted().map(({ message }) => message)).toEqual([
      expect.stringContaining('this is larger than'),
    ]);
  });
});
