import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';

const read = (...path: string[]): string => readFileSync(join(packageRoot(), 'test', ...path), 'utf8');

/** The rows of the table in the README: the number of a situation, and its tests. */
const rows = [...read('sipproxy64', 'README.md').matchAll(/^\| (A\d+) \|.*\| ([^|]*) \|$/gm)].map(
  ([, number, tests]) => [number!, tests!] as const,
);

const FILES: Readonly<Record<string, string>> = {
  media: 'sipproxy64/media.test.ts',
  signalling: 'sipproxy64/signalling.test.ts',
  registration: 'sipproxy64/registration.test.ts',
  streams: 'sipproxy64/streams.test.ts',
  e2e: 'e2e/sipproxy64.test.ts',
};

describe('the table of situations', () => {
  it('has each of them once', () => {
    const numbers = [1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 16, 17, 19, 20, 22, 23, 25, 26, 28, 29, 31, 32];
    expect(rows.map(([number]) => number)).toEqual(numbers.map((number) => `A${number}`));
  });

  it.each(rows)('names tests of %s that there are', (_number, tests) => {
    const named = [...tests.matchAll(/(\w+) “([^”]*)”/g)];
    expect(named.length).toBeGreaterThan(0);
    // Nothing else stands there, such as a test without its file.
    expect(tests.replaceAll(/\w+ “[^”]*”(, )?/g, '')).toBe('');
    for (const [, file, title] of named) expect(read(...FILES[file!]!.split('/'))).toContain(`'${title}'`);
  });
});
