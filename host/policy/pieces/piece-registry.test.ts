import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { builtPiece } from '../../../test/fixtures/built-piece.ts';
import type { Grant } from '../../engine/component/grants.ts';
import { checkConfiguration } from '../check/check-configuration.ts';
import { packageRoot } from './package-root.ts';
import { type FoundComponent, PieceRegistry } from './piece-registry.ts';

const folder = mkdtempSync(join(tmpdir(), 'funnel-registry-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('compiles the same content once, under any path, and other content again', async () => {
  const registry = new PieceRegistry();
  const load = (path: string, grants: readonly Grant[]) => registry.load(foreign(path), grants, {});
  const file = join(folder, 'a.wasm');
  writeFileSync(file, await builtPiece(join(packageRoot(), 'pieces-as/hub')));
  copyFileSync(file, join(folder, 'b.wasm'));
  const first = await load(file, ['log']);
  const second = await load(join(folder, 'b.wasm'), ['log']);
  expect([second.sha256, second.component]).toEqual([first.sha256, first.component]);
  expect((await load(file, ['log'])).component).toBe(first.component);
  expect((await load(file, [])).component).not.toBe(first.component);
  writeFileSync(file, await builtPiece(join(packageRoot(), 'pieces-as/tap')));
  expect((await load(file, ['log'])).sha256).not.toBe(first.sha256);
  writeFileSync(file, 'no component');
  for (let n = 0; n < 2; n++) await expect(load(file, ['log'])).rejects.toThrow(/WebAssembly/);
});

it('refuses a pipe, and does not wait for a writer', async () => {
  const file = join(folder, 'pipe.wasm');
  execFileSync('mkfifo', [file]);
  await expect(new PieceRegistry().load(foreign(file), [], {})).rejects.toThrow(/pipe\.wasm is not a file/);
});

it('recognizes pieces that would be made alike', async () => {
  writeFileSync(join(folder, 'mine.wasm'), await builtPiece(join(packageRoot(), 'pieces-as/hub')));
  const identity = async (entry: object) => {
    const pieces = {
      hub: { piece: './mine.wasm', edges: { net: ['a', 'b'] }, ...entry },
      a: { piece: 'udp', edges: { udp: 'a' } },
      b: { piece: 'udp', edges: { udp: 'b' } },
    };
    const { puzzle, mistakes } = await checkConfiguration({ pieces } as never, { directory: folder });
    expect(mistakes).toEqual([]);
    return puzzle!.pieces[0]!.spec.identity;
  };
  const plain = await identity({});
  expect(plain).toMatch(/^[0-9a-f]{64}$/);
  expect(await identity({ edges: { net: ['b', 'a'] } })).toBe(plain);
  const others = [
    { failure: 'restart' },
    { settings: { stack: 'ip/udp' } },
    { grants: ['log'] },
    { limits: { memory: '8MiB' } },
  ];
  const identities = await Promise.all([{}, ...others].map(identity));
  expect(new Set(identities).size).toBe(identities.length);
});

function foreign(file: string): FoundComponent {
  return { kind: 'component', name: 'mine', file, builtIn: false };
}
