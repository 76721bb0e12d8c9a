import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import { checkConfiguration } from '../../host/policy/check/check-configuration.ts';
import { formatMistake } from '../../host/policy/configuration/configuration-error.ts';

const directory = mkdtempSync(join(tmpdir(), 'funnel-examples-'));
afterAll(() => rmSync(directory, { recursive: true }));

test.each(['fault', 'frame-sequence', 'tap'])(
  'the examples in the README of %s are accepted by funnel check',
  async (name) => {
    const root = packageRoot();
    for (const piece of [name, 'hub', '6bed4'])
      execFileSync(process.execPath, [join(root, 'tools/build-pieces.mjs'), piece], { stdio: 'pipe' });
    const readme = readFileSync(join(root, 'pieces-as', name, 'README.md'), 'utf8');
    const examples = [...readme.matchAll(/```yaml\n([^`]*)```/g)].map((match) => match[1]!);
    expect(examples.length).toBeGreaterThan(0);
    for (const [i, example] of examples.entries()) {
      const file = join(directory, `${name}-${i}.yaml`);
      writeFileSync(file, example);
      const { mistakes } = await checkConfiguration(file, { directory });
      expect(mistakes.map(formatMistake)).toEqual([]);
    }
  },
  300_000,
);
