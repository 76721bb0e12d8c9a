import { expect, test } from 'vitest';
import { changedLines } from './changed-lines.mjs';

test('lines that a change adds or alters are found by file, and lines that it removes are not', () => {
  const diff = [
    'diff --git a/host/a.ts b/host/a.ts',
    '--- a/host/a.ts',
    '+++ b/host/a.ts',
    '@@ -3 +3 @@ function a() {',
    '-old',
    '+new',
    '@@ -10,2 +10,0 @@',
    '-gone',
    '-gone',
    '@@ -20,0 +19,3 @@',
    '+one',
    '+two',
    '+three',
    'diff --git a/host/b.ts b/host/b.ts',
    '--- a/host/b.ts',
    '+++ /dev/null',
    '@@ -1,2 +0,0 @@',
    '-gone',
    '-gone',
    'diff --git a/host/c.ts b/host/c.ts',
    '--- /dev/null',
    '+++ b/host/c.ts',
    '@@ -0,0 +1,2 @@',
    '+one',
    '+two',
  ].join('\n');
  expect([...changedLines(diff)]).toEqual([
    [
      'host/a.ts',
      [
        { from: 3, to: 3 },
        { from: 19, to: 21 },
      ],
    ],
    ['host/c.ts', [{ from: 1, to: 2 }]],
  ]);
});
