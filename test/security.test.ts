import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../abi/build/package-root.ts';
import { nativePieces } from '../host/endpoint/catalogue.ts';

const page = readFileSync(join(packageRoot(), 'SECURITY.md'), 'utf8');

it('SECURITY.md states the posture of each endpoint and each piece, and of no other', () => {
  const section = page.slice(
    page.indexOf('## Endpoints and pieces'),
    page.indexOf('## What is not there yet'),
  );
  // A row may state the posture of several that are alike.
  const rows = [...section.matchAll(/^\| (`[\w-]+`(?:, `[\w-]+`)*) \|/gm)].map(([, names]) => names!);
  const told = rows.flatMap((names) => names.split(', ').map((name) => name.slice(1, -1)));
  const built = readdirSync(join(packageRoot(), 'pieces-as'));
  expect(told.toSorted()).toEqual([...built, ...nativePieces.keys()].toSorted());
});

it('SECURITY.md names faults that there are', () => {
  const engine = join(packageRoot(), 'host', 'engine');
  const sources = readdirSync(engine, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => readFileSync(join(engine, file), 'utf8'))
    .join('\n');
  const codes = new Set([...page.matchAll(/`(FT_FAULT_\w+)`/g)].map(([, code]) => code!));
  expect(codes.size).toBeGreaterThan(3);
  expect([...codes].filter((code) => !sources.includes(`'${code}'`))).toEqual([]);
});
