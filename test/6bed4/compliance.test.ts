import { describe, test } from 'vitest';
import { complianceChecks } from '../compliance/compliance-checks.ts';
import { builtPiece, type Settings } from './driver.ts';

const pieces: [string, string, Settings][] = [
  ['6bed4', 'plain', [['router', '192.0.2.1']]],
  [
    '6bed4',
    'tcp',
    [
      ['router', '192.0.2.1'],
      ['variant', 'tcp'],
    ],
  ],
  ['6bed4-router', 'as it is', [['address', '192.0.2.1']]],
];

for (const [name, variant, settings] of pieces) {
  describe(`${name}, ${variant}`, () => {
    for (const check of complianceChecks(builtPiece(name), { settings }))
      test(check.name, check.run, 300_000);
  });
}
