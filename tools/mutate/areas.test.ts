import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { areas, areasNamed, pieceAreas } from './areas.mjs';

const root = join(import.meta.dirname, '../..');

it('each piece that comes with the Funnel is an area', () => {
  const folders = readdirSync(join(root, 'pieces-as'), { withFileTypes: true })
    .filter((each) => each.isDirectory())
    .map(({ name }) => `pieces-as/${name}`);
  expect(pieceAreas.map(({ name }) => name).sort()).toEqual(folders.sort());
});

it('each file of tests that an area names is there, and so is each folder', () => {
  const places = areas
    .flatMap(({ tests }) => tests)
    .map((pattern) => pattern.replace(/^!/, '').replace(/\/[^/]*[*{].*$/, ''));
  expect(places.filter((place) => !existsSync(join(root, place)))).toEqual([]);
});

it('a file is in the area that its folder names, and the kernel is an area inside the engine', () => {
  expect(areasNamed(['host/engine/kernel/assembly/lift.ts'])[0]!.area.name).toBe('host/engine/kernel');
  expect(areasNamed(['host/engine/wasm/'])[0]).toMatchObject({ below: 'host/engine/wasm/' });
  expect(areasNamed(['host/engine/wasm/'])[0]!.area.name).toBe('host/engine');
  expect(() => areasNamed(['docs'])).toThrow(RangeError);
});
