import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { watPiece } from '../../host/engine/testing/wat-piece.ts';
import { projectRoot } from '../net/project-root.ts';

/*
 * A process with little address space. The engine of Node ends the process where it cannot reserve memory for
 * a thread, so the host does not try.
 */

const folder = mkdtempSync(join(tmpdir(), 'funnel-space-'));
afterAll(() => rmSync(folder, { recursive: true }));
const MAIN = join(projectRoot, 'dist', 'host', 'cli', 'main.js');

/** Runs Node with at most this many mebibytes of address space. */
function node(mebibytes: number, ...args: readonly string[]) {
  const command = `ulimit -v ${mebibytes * 1024} && exec "$0" "$@"`;
  return spawnSync('/bin/sh', ['-c', command, process.execPath, ...args], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 120_000,
  });
}

describe('with little address space', () => {
  it('examining and starting report a code, and the process is not ended by a signal', async () => {
    writeFileSync(join(folder, 'mine.wasm'), await watPiece());
    writeFileSync(join(folder, 'mine.yaml'), 'pieces:\n  mine: { piece: ./mine.wasm }\n');
    writeFileSync(join(folder, 'echo.yaml'), 'pieces:\n  one: { piece: fifo, settings: { path: pipe } }\n');
    const seen = new Set<string>();
    // Below the first of these, Node itself does not start.
    for (const mebibytes of [800, 900, 1000, 1050, 1100, 1200, 1500, 2200, 3500, 6000]) {
      if (node(mebibytes, '-e', 'setTimeout(() => {}, 1)').status !== 0) continue;
      for (const args of [
        ['check', 'mine.yaml'],
        ['piece', 'inspect', 'mine.wasm'],
        ['run', '--no-control', 'echo.yaml'],
      ]) {
        const { status, signal, stdout, stderr } = node(mebibytes, MAIN, ...args);
        const codes = `${stdout}${stderr}`.match(/FT_[A-Z_]+/g) ?? [];
        expect({ mebibytes, args, signal, status, codes }).toMatchObject({ signal: null });
        expect(status, stderr).toBeLessThan(128);
        if (status !== 0) expect(codes, stderr).not.toEqual([]);
        for (const code of codes) seen.add(code);
      }
    }
    expect([...seen]).toContain('FT_ADDRESS_SPACE');
  }, 300_000);
});
