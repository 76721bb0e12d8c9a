import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../abi/build/package-root.ts';

it('each file of tests that runs a lane checks that nothing of it is left', () => {
  const root = packageRoot();
  const files = ['host', 'test']
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true }).map((name) => join(folder, String(name))),
    )
    .filter((name) => name.endsWith('.test.ts'));
  const running = files.filter((name) => RUNS.test(readFileSync(join(root, name), 'utf8')));
  expect(running.length).toBeGreaterThan(15);
  const careless = running.filter(
    (name) => !/^checkForLeaks\(\);$/m.test(readFileSync(join(root, name), 'utf8')),
  );
  expect(careless.filter((name) => !ELSEWHERE.has(name))).toEqual([]);
});

const RUNS = /\bnew Lane\(|\bopenFunnel\(|\bstartPuzzle\(|HostileScene\.(with|start)\(/;
/** Their work runs in processes of their own, which end. */
const ELSEWHERE: ReadonlySet<string> = new Set(['test/e2e/watchdog.test.ts', 'test/package/package.test.ts']);
