import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { checkConfiguration } from './check-configuration.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'funnel-shared-'));
  file = join(folder, 'a.pcapng');
  writeFileSync(file, 'a capture');
  mkdirSync(join(folder, 'sub'));
  symlinkSync(file, join(folder, 'link'));
  symlinkSync(folder, join(folder, 'sub', 'up'));
  linkSync(file, join(folder, 'hard'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const edges = { frames: 'net' };
const piece = (kind: string, path: string) => ({ piece: kind, settings: { file: path }, edges });

async function codes(pieces: Record<string, ReturnType<typeof piece>>) {
  const { mistakes } = await checkConfiguration({ pieces });
  return mistakes.filter(({ code }) => code === 'FT_FILE_SHARED');
}

it.each([
  ['the same path', () => file],
  ['a relative path', () => relative(process.cwd(), file)],
  ['a link', () => join(folder, 'link')],
  ['a path through a linked folder', () => join(folder, 'sub', 'up', 'a.pcapng')],
  ['a hard link', () => join(folder, 'hard')],
])('refuses a reader and a writer, and two writers, of one file, by %s', async (_what, path) => {
  for (const [one, two] of [
    ['pcap-reader', 'pcap-writer'],
    ['pcap-writer', 'pcap-reader'],
    ['pcap-writer', 'pcap-writer'],
  ]) {
    expect(await codes({ one: piece(one!, file), two: piece(two!, path()) })).toMatchObject([
      { path: ['pieces', 'two', 'settings', 'file'], message: expect.stringContaining('`one`') },
    ]);
  }
  expect(readFileSync(file, 'utf8')).toBe('a capture');
});

it('refuses two writers of a file that does not exist yet', async () => {
  const path = join(folder, 'new');
  const other = join(folder, 'sub', 'up', 'new');
  expect(await codes({ one: piece('pcap-writer', path), two: piece('pcap-writer', other) })).toHaveLength(1);
});

it('permits two readers of one file, and files that are not regular', async () => {
  expect(await codes({ one: piece('pcap-reader', file), two: piece('pcap-reader', file) })).toEqual([]);
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  for (const path of [pipe, '/dev/null'])
    expect(await codes({ one: piece('pcap-writer', path), two: piece('pcap-writer', path) })).toEqual([]);
});
