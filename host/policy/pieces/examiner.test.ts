import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { builtPiece } from '../../../test/fixtures/built-piece.ts';
import {
  body,
  componentOf,
  coreModule,
  functions,
  NOTHING,
  name,
  section,
  vector,
} from '../../../test/hostile/component-bytes.ts';
import { watPiece } from '../../engine/testing/wat-piece.ts';
import { checkConfiguration } from '../check/check-configuration.ts';
import { Examiner } from './examiner.ts';
import { packageRoot } from './package-root.ts';
import { PieceRegistry } from './piece-registry.ts';

const folder = mkdtempSync(join(tmpdir(), 'funnel-examiner-'));
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(bytes: Uint8Array): { file: string; maxBytes: number } {
  const file = join(folder, 'piece.wasm');
  writeFileSync(file, bytes);
  return { file, maxBytes: 2 ** 30 };
}

const TERMS = { grants: [], limits: { maxComponentBytes: 2 ** 30 } } as const;
const FOREVER = '(loop $l (br $l)) unreachable';

describe('the examiner', () => {
  it('admits and describes a component in its own thread', async () => {
    const examiner = new Examiner();
    const order = fileOf(await builtPiece(join(packageRoot(), 'pieces-as/hub')));
    const { sha256, component } = await examiner.admit({ ...order, terms: TERMS, known: [] });
    expect(await examiner.describe(component!, [])).toMatchObject({ name: 'hub' });
    const again = await examiner.admit({ ...order, terms: TERMS, known: [sha256] });
    expect(again).toEqual({ sha256 });
  });

  it('reports the same refusals and faults as the thread that asks would', async () => {
    const examiner = new Examiner();
    const bad = { ...fileOf(Uint8Array.from([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0, 99, 0])), terms: TERMS };
    await expect(examiner.admit({ ...bad, known: [] })).rejects.toMatchObject({
      name: 'ComponentError',
      code: 'FT_COMPONENT_INVALID',
      offset: 8,
    });
    const { inspections } = await examiner.inspect({ ...bad, terms: [TERMS] });
    expect(inspections[0]?.refusals[0]).toMatchObject({ name: 'ComponentError', offset: 8 });
    const loops = fileOf(await watPiece({ bodies: { describe: FOREVER } }));
    const { component } = await examiner.admit({ ...loops, terms: TERMS, known: [] });
    await expect(examiner.describe(component!, [])).rejects.toMatchObject({ code: 'FT_FAULT_FUEL' });
  });

  it('refuses a component that exceeds the deadline, and examines the next one', async () => {
    const order = { ...fileOf(await watPiece({})), terms: TERMS, known: [] };
    const hasty = new Examiner({ deadlineMs: 1 });
    await expect(hasty.admit(order)).rejects.toMatchObject({ code: 'FT_COMPONENT_COSTLY' });
    await expect(hasty.admit(order)).rejects.toMatchObject({ code: 'FT_COMPONENT_COSTLY' });
    await expect(new Examiner().admit(order)).resolves.toMatchObject({ component: {} });
  });

  it('refuses a component that exceeds the heap, and examines the next one', async () => {
    // Eight modules of 90 000 long names each, which their reader keeps: more than a heap of 16 MiB holds.
    const exported = Array.from({ length: 90_000 }, (_, n) => [...name(`${n}`.padStart(120, 'n')), 0, 0]);
    const [types, declared, code] = functions([NOTHING], [[0, body([], [])]]);
    const module = section(1, coreModule(types, declared, section(7, vector(exported)), code));
    const many = componentOf(...Array.from({ length: 8 }, () => module), section(2, vector([[0, 0, 0]])));
    const examiner = new Examiner({ heapMebibytes: 16 });
    const costly = { ...fileOf(many), terms: [TERMS] };
    await expect(examiner.inspect(costly)).rejects.toMatchObject({ code: 'FT_COMPONENT_COSTLY' });
    const order = { ...fileOf(await watPiece({})), terms: TERMS, known: [] };
    await expect(examiner.admit(order)).resolves.toMatchObject({ component: {} });
  });

  it('names the piece of a configuration whose file is costly', async () => {
    fileOf(await watPiece({}));
    const { mistakes } = await checkConfiguration(
      { pieces: { mine: { piece: './piece.wasm' } } },
      { directory: folder },
    );
    expect(mistakes.map(({ code }) => code)).not.toContain('FT_COMPONENT_COSTLY');
    const registry = new PieceRegistry(undefined, undefined, new Examiner({ deadlineMs: 1 }));
    const found = registry.find('./piece.wasm', folder);
    if (found.kind !== 'component') throw new Error('no component');
    await expect(registry.load(found, [], {})).rejects.toMatchObject({ code: 'FT_COMPONENT_COSTLY' });
  });
});
