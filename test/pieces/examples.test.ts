import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import { checkConfiguration } from '../../host/policy/check/check-configuration.ts';
import { formatMistake } from '../../host/policy/configuration/configuration-error.ts';

const directory = mkdtempSync(join(tmpdir(), 'funnel-examples-'));
afterAll(() => rmSync(directory, { recursive: true }));

test.each([
  'concentrator',
  'fault',
  'frame-sequence',
  'mdns-reflector',
  'ppp',
  'resend-detector',
  'rtp-encryption',
  'sctp',
  'srtp',
  'tap',
])(
  'the examples in the README of %s are accepted by funnel check',
  async (name) => {
    const root = packageRoot();
    for (const piece of [name, 'hub', '6bed4', 'sctp', 'concentrator', 'sipproxy64'])
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

test.each(readdirSync(join(packageRoot(), 'examples')))(
  'the configurations of examples/%s are accepted by funnel check',
  async (name) => {
    const root = packageRoot();
    for (const piece of ['concentrator', 'resend-detector', 'sctp', 'sipproxy64'])
      execFileSync(process.execPath, [join(root, 'tools/build-pieces.mjs'), piece], { stdio: 'pipe' });
    const files = readdirSync(join(root, 'examples', name)).filter((file) => file.endsWith('.yaml'));
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const { mistakes } = await checkConfiguration(join(root, 'examples', name, file), { directory });
      expect(mistakes.map(formatMistake)).toEqual([]);
    }
  },
  300_000,
);
