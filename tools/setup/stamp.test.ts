import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { contentHash, filesUnder, Stamp } from './stamp.mjs';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'funnel-stamp-'));
  writeFileSync(join(root, 'source'), 'one');
  writeFileSync(join(root, 'made'), 'something');
});

afterEach(() => rmSync(root, { recursive: true }));

const hash = () => contentHash(root, [join(root, 'source')]);
const stamp = () => new Stamp(join(root, '.setup', 'stamp.json'), root);

test('a step is done until it has been done', () => {
  expect(stamp().holds(hash())).toBe(false);
  stamp().put(hash(), [join(root, 'made')]);
  expect(stamp().holds(hash())).toBe(true);
});

test('other content counts, another time does not', () => {
  stamp().put(hash(), [join(root, 'made')]);
  utimesSync(join(root, 'source'), 1, 1);
  expect(stamp().holds(hash())).toBe(true);
  writeFileSync(join(root, 'source'), 'two');
  expect(stamp().holds(hash())).toBe(false);
});

test('output that has gone, or was cut short, is made again', () => {
  stamp().put(hash(), [join(root, 'made')]);
  writeFileSync(join(root, 'made'), 'some');
  expect(stamp().holds(hash())).toBe(false);
  rmSync(join(root, 'made'));
  expect(stamp().holds(hash())).toBe(false);
});

test('a file that came, went or was renamed changes the hash', () => {
  const before = contentHash(root, filesUnder(root));
  writeFileSync(join(root, 'other'), '');
  const after = contentHash(root, filesUnder(root));
  expect(after).not.toBe(before);
  rmSync(join(root, 'other'));
  expect(contentHash(root, filesUnder(root))).toBe(before);
});

test('a half-written stamp is no stamp', () => {
  stamp().put(hash(), []);
  writeFileSync(join(root, '.setup', 'stamp.json'), '{"hash":');
  expect(stamp().holds(hash())).toBe(false);
});
