import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CountersFile } from './counters-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'funnel-counters-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const snapshot = (uptimeMs: number) => ({ uptimeMs }) as never;

it('holds the counters of one moment, and no other file is left', () => {
  const file = new CountersFile(join(folder, 'a.json'));
  file.check();
  expect(readdirSync(folder)).toEqual([]);
  for (const uptimeMs of [1, 2]) {
    file.write(snapshot(uptimeMs));
    expect(JSON.parse(readFileSync(join(folder, 'a.json'), 'utf8'))).toEqual({ uptimeMs });
  }
  expect(readdirSync(folder)).toEqual(['a.json']);
});

it('reports a remedy if it cannot be written, and leaves nothing', () => {
  mkdirSync(join(folder, 'there'));
  expect(() => new CountersFile(join(folder, 'there')).write(snapshot(1))).toThrow(
    expect.objectContaining({
      code: 'FT_OUTPUT_FILE',
      message: `${join(folder, 'there')} cannot be written (EISDIR); it is a folder: name a file in it`,
    }),
  );
  expect(() => new CountersFile(join(folder, 'none', 'a.json')).check()).toThrow(
    /\(ENOENT\); its folder does not exist/,
  );
  expect(readdirSync(folder)).toEqual(['there']);
});

it('reports once that it cannot be written, and again after a success', () => {
  const path = join(folder, 'a.json');
  const file = new CountersFile(path);
  const messages: string[] = [];
  for (const isInTheWay of [true, true, false, true]) {
    rmSync(path, { recursive: true, force: true });
    if (isInTheWay) mkdirSync(path);
    file.rewrite(snapshot(1), (message) => messages.push(message));
  }
  expect(messages).toEqual([expect.stringContaining('EISDIR'), expect.stringContaining('EISDIR')]);
  expect(readdirSync(folder)).toEqual(['a.json']);
});

it('follows no link that another user put in its place', () => {
  writeFileSync(join(folder, 'theirs'), 'precious');
  symlinkSync(join(folder, 'theirs'), join(folder, `a.json.${process.pid}.new`));
  new CountersFile(join(folder, 'a.json')).write(snapshot(3));
  expect(readFileSync(join(folder, 'theirs'), 'utf8')).toBe('precious');
  // No other user can know the name of the draft.
  expect(readdirSync(folder)).toEqual(['a.json', `a.json.${process.pid}.new`, 'theirs']);
});
