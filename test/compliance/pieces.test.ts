import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import { buildCPiece } from '../fixtures/build-c-piece.ts';
import { builtPiece } from '../fixtures/built-piece.ts';
import { type ComplianceOptions, complianceChecks } from './compliance-checks.ts';

/** Settings without which a piece does not start. */
const SETTINGS: Record<string, ComplianceOptions['settings']> = {
  '6bed4': [['router', '192.0.2.1']],
  '6bed4-router': [['address', '192.0.2.1']],
  sipproxy64: [
    ['ipv4', '192.0.2.1'],
    ['ipv6', '2001:db8::1'],
  ],
  srtp: [
    ['send-key', 'VsmATUTBXnTc6GPYYwB6SzVpqZWvYxqUJZcW4b0q'],
    ['receive-key', '9oqRWcVBDdEQPqF8hYrVvWg0CLEQF5dgyM3Wq2xL'],
  ],
};

/**
 * The first check of each piece builds it and turns it into bindings: seconds, and many more on a machine
 * that is busy.
 */
const TIMEOUT_MS = 300_000;

const folders = readdirSync(join(packageRoot(), 'pieces-as')).map((name) =>
  join(packageRoot(), 'pieces-as', name),
);
const probe = join(packageRoot(), 'test', 'fixtures', 'probe');

for (const folder of [...folders, probe]) {
  const name = folder.slice(folder.lastIndexOf('/') + 1);
  describe(name, () => {
    for (const { name: check, run } of complianceChecks(() => builtPiece(folder), {
      settings: SETTINGS[name],
    })) {
      test(check, run, TIMEOUT_MS);
    }
  });
}

for (const form of ['plain', 'logging', 'helped'] as const) {
  describe(`pass, in C, ${form}`, () => {
    for (const { name, run } of complianceChecks(() => buildCPiece(form))) test(name, run, TIMEOUT_MS);
  });
}
