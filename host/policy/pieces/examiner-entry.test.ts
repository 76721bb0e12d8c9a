import { createHash } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { watPiece } from '../../engine/testing/wat-piece.ts';
import type { ExaminerMessage, ExaminerRequest } from './examiner-messages.ts';

// The entry of the examiner's thread, in this thread: the test is the other end of its port.

const thread = vi.hoisted(() => ({ port: undefined as unknown }));
vi.mock('node:worker_threads', () => ({
  get parentPort() {
    return thread.port;
  },
}));

class Port extends EventEmitter {
  readonly sent: ExaminerMessage[] = [];
  postMessage(message: ExaminerMessage): void {
    this.sent.push(message);
  }
}

const folder = mkdtempSync(join(tmpdir(), 'funnel-examined-'));
const file = join(folder, 'piece.wasm');
const terms = { grants: [], limits: {} } as const;
let bytes: Uint8Array;
let port: Port;

beforeAll(async () => {
  bytes = await watPiece({ imports: ['log'] });
  writeFileSync(file, bytes);
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(async () => {
  vi.resetModules();
  thread.port = port = new Port();
  await import('./examiner-entry.ts');
});

async function reply(request: ExaminerRequest): Promise<Record<string, unknown>> {
  const before = port.sent.length;
  port.emit('message', request);
  while (port.sent.length === before) await new Promise((resolve) => setImmediate(resolve));
  return port.sent[before] as unknown as Record<string, unknown>;
}

const digest = () => createHash('sha256').update(bytes).digest('hex');

it('reports first that it has loaded its code, with the number of its thread', () => {
  expect(port.sent).toEqual([{ thread: process.pid }]);
});

it('admits a component file with its digest, and describes what it has admitted', async () => {
  const order = { file, maxBytes: 1 << 20, terms: { ...terms, grants: ['log'] as const } };
  const { value } = (await reply({ kind: 'admit', order: { ...order, known: [] } })) as {
    value: { sha256: string; component: never };
  };
  expect(value).toEqual({ sha256: digest(), component: expect.anything() });
  expect(await reply({ kind: 'admit', order: { ...order, known: ['00', digest()] } })).toEqual({
    value: { sha256: digest() },
  });
  const described = await reply({ kind: 'describe', order: { component: value.component, settings: [] } });
  expect(described).toHaveProperty('value');
});

it('inspects a file with each of the terms', async () => {
  const few = { ...terms, limits: { maxComponentBytes: bytes.length - 1 } };
  const { value } = (await reply({
    kind: 'inspect',
    order: { file, maxBytes: 1 << 20, terms: [terms, few] },
  })) as { value: { sha256: string; inspections: { refusals: { code: string }[] }[] } };
  expect(value.sha256).toBe(digest());
  expect(value.inspections.map(({ refusals }) => refusals.map(({ code }) => code))).toEqual([
    ['FT_COMPONENT_IMPORT'],
    ['FT_COMPONENT_TOO_LARGE'],
  ]);
});

it.each([
  ['is not there', join(folder, 'none'), 1 << 20, 'FT_COMPONENT_READ'],
  ['is too large', file, 10, 'FT_COMPONENT_TOO_LARGE'],
])('reports a file that %s by its code', async (_, path, maxBytes, code) => {
  const answer = await reply({ kind: 'admit', order: { file: path, maxBytes, terms, known: [] } });
  expect(answer).toEqual({ error: expect.objectContaining({ kind: 'component', code }) });
});
