import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, fstatSync, mkdtempSync, readdirSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { unnamedFile } from './temporary-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'funnel-temporary-'));
  vi.stubEnv('TMPDIR', folder);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

describe('a temporary file', () => {
  it('holds its content, is for its user alone, and leaves no name', () => {
    const descriptor = unnamedFile('text');
    const room = Buffer.alloc(10);
    expect(room.subarray(0, readSync(descriptor, room, 0, 10, 0)).toString()).toBe('text');
    expect(fstatSync(descriptor).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual([]);
    closeSync(descriptor);
  });

  it('is refused by a code where its folder is gone', () => {
    rmSync(folder, { recursive: true });
    expect(() => unnamedFile('text')).toThrow(
      expect.objectContaining({ code: 'FT_TEMPORARY_FILE', message: expect.stringContaining('ENOENT') }),
    );
  });

  it('is refused by a code where its folder is full, and leaves nothing open', ({ skip }) => {
    const inNamespace = process.getuid?.() === 0 ? ['--mount'] : ['--map-root-user', '--mount'];
    if (spawnSync('unshare', [...inNamespace, 'true']).status !== 0)
      skip('no mount namespace can be made here');
    const compiled = new URL('../../dist/host/endpoint/temporary-file.js', import.meta.url);
    const script = `
      const { unnamedFile } = await import(${JSON.stringify(compiled)});
      const { readdirSync } = await import('node:fs');
      const open = () => readdirSync('/proc/self/fd').length;
      const attempt = (content) => {
        try {
          unnamedFile(content);
          return 'written';
        } catch (error) {
          return error.code + ' ' + /[(](.*)[)]/.exec(error.message)[1];
        }
      };
      console.log(attempt('x'.repeat(100_000)));
      const before = open();
      for (let n = 0; n < 20; n++) attempt('x'.repeat(100_000));
      console.log(open() - before < 10 ? 'closed' : 'left open');
      console.log(attempt(''));`;
    const mount = `mount -t tmpfs -o size=8k,nr_inodes=2 tmpfs "$0" && export TMPDIR="$0" && "$@" && touch "$0/last" && exec "$@"`;
    const node = [process.execPath, '--input-type=module', '-e', script];
    const output = execFileSync('unshare', [...inNamespace, 'sh', '-c', mount, folder, ...node], {
      encoding: 'utf8',
    });
    expect(output.trim().split('\n')).toEqual([
      ...['FT_TEMPORARY_FILE ENOSPC', 'closed', 'written'],
      ...['FT_TEMPORARY_FILE ENOSPC', 'closed', 'FT_TEMPORARY_FILE ENOSPC'],
    ]);
  });
});
