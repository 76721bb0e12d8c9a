import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkOutputFile, writeOutputFile } from './output-file.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'funnel-output-'));
  file = join(folder, 'a');
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('writeOutputFile', () => {
  it('replaces a regular file with the same permissions, and leaves no other file', () => {
    for (const text of ['one', 'two']) {
      writeOutputFile(file, text);
      expect(readFileSync(file, 'utf8')).toBe(text);
    }
    chmodSync(file, 0o600);
    writeOutputFile(file, 'three');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['a']);
  });

  it.each([
    ['to a file', () => writeFileSync(join(folder, 'target'), 'old')],
    ['to a file that does not exist yet', () => undefined],
  ])('follows a link %s', (_what, prepare) => {
    prepare();
    symlinkSync('target', join(folder, 'between'));
    symlinkSync(join(folder, 'between'), file);
    writeOutputFile(file, 'new');
    expect(readFileSync(join(folder, 'target'), 'utf8')).toBe('new');
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
    expect(readdirSync(folder).sort()).toEqual(['a', 'between', 'target']);
  });

  it('writes a pipe in place', () => {
    execFileSync('mkfifo', [file]);
    expect(() => writeOutputFile(file, 'unread')).toThrow(expect.objectContaining({ code: 'ENXIO' }));
    const reader = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    writeOutputFile(file, 'text');
    const room = Buffer.alloc(10);
    expect(room.subarray(0, readSync(reader, room)).toString()).toBe('text');
    closeSync(reader);
    expect(lstatSync(file).isFIFO()).toBe(true);
  });

  it('leaves a device a device', ({ skip }) => {
    if (!existsSync('/dev/full') || !statSync('/dev/full').isCharacterDevice())
      skip('there is no device /dev/full here');
    symlinkSync('/dev/full', file);
    for (const path of ['/dev/full', file])
      expect(() => writeOutputFile(path, 'x')).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
    writeOutputFile('/dev/null', 'x');
    for (const path of ['/dev/full', '/dev/null']) expect(statSync(path).isCharacterDevice()).toBe(true);
  });

  it('appends to the file or pipe of /dev/stdout', () => {
    const url = new URL('./output-file.ts', import.meta.url);
    const script = `import { writeOutputFile } from ${JSON.stringify(compiled(url))};
      console.log('before');
      writeOutputFile('/dev/stdout', 'written ');
      writeOutputFile('/dev/fd/1', 'twice');`;
    const args = ['--input-type=module', '-e', script];
    expect(spawnSync(process.execPath, args, { encoding: 'utf8' }).stdout).toBe('before\nwritten twice');
    const out = openSync(file, 'a');
    spawnSync(process.execPath, args, { stdio: ['ignore', out, 'inherit'] });
    closeSync(out);
    expect(readFileSync(file, 'utf8')).toBe('before\nwritten twice');
    expect(readdirSync(folder)).toEqual(expect.not.arrayContaining([expect.stringContaining('.new')]));
  });
});

describe('checkOutputFile', () => {
  it('refuses a path that cannot be written, and changes nothing', () => {
    writeFileSync(file, 'old');
    mkdirSync(join(folder, 'there'));
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    const before = readdirSync(folder);
    checkOutputFile(file);
    checkOutputFile(join(folder, 'new'));
    checkOutputFile(join(folder, 'pipe'));
    expect(() => checkOutputFile(join(folder, 'there'))).toThrow(expect.objectContaining({ code: 'EISDIR' }));
    expect(() => checkOutputFile(join(folder, 'none', 'a'))).toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    );
    symlinkSync('round', join(folder, 'round'));
    expect(() => checkOutputFile(join(folder, 'round'))).toThrow(expect.objectContaining({ code: 'ELOOP' }));
    rmSync(join(folder, 'round'));
    expect(readdirSync(folder)).toEqual(before);
    expect(readFileSync(file, 'utf8')).toBe('old');
  });
});

/** The module as JavaScript, for a process that compiles nothing. */
function compiled(url: URL): string {
  const path = join(folder, 'output-file.mjs');
  const source = readFileSync(url, 'utf8');
  writeFileSync(path, ts.transpileModule(source, { compilerOptions }).outputText);
  return path;
}

const compilerOptions: ts.CompilerOptions = {
  module: ts.ModuleKind.ESNext,
  target: ts.ScriptTarget.ES2022,
};
