import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BUILD_INFO, staleTypeScriptOutput } from './build.mjs';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'funnel-build-'));
  for (const file of ['host/a.ts', 'dist/host/a.js', 'dist/host/a.d.ts', 'dist/host/b.js', BUILD_INFO])
    put(file);
});

afterEach(() => rmSync(root, { recursive: true }));

test('only the output of a source that is gone is removed before a compilation', () => {
  const made = ['dist/host/a.js', 'dist/host/a.d.ts', 'dist/host/b.js'];
  expect(staleTypeScriptOutput(root, made)).toEqual(['dist/host/b.js']);
});

test('where some output is missing, everything is compiled again', () => {
  const all = ['dist/host', 'dist/abi', 'dist/test', BUILD_INFO];
  expect(staleTypeScriptOutput(root, [])).toEqual(all);
  expect(staleTypeScriptOutput(root, ['dist/host/a.js', 'dist/host/gone.js'])).toEqual(all);
  rmSync(join(root, BUILD_INFO));
  expect(staleTypeScriptOutput(root, ['dist/host/a.js'])).toEqual(all);
});

function put(file: string): void {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), '');
}
