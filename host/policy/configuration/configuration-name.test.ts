// biome-ignore-all lint/suspicious/noTemplateCurlyInString: parameters look like that
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatMistake } from './configuration-error.ts';
import { configurationFolders, configurationPath, listNames } from './configuration-name.ts';
import { readConfiguration } from './read-configuration.ts';

let base: string;
let own: string;
let system: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'funnel-name-'));
  own = join(base, 'own');
  system = join(base, 'system');
  for (const folder of [own, system]) mkdirSync(folder, { mode: 0o755 });
});
afterEach(() => rmSync(base, { recursive: true }));

const write = (folder: string, name: string, text = 'pieces: {}\n') => {
  const path = join(folder, name);
  writeFileSync(path, text, { mode: 0o644 });
  return path;
};
const folders = () => [own, system];
const codeOf = (name: string): string => {
  try {
    return configurationPath(name, folders());
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe('a name of a configuration', () => {
  it('means the file of that name in the folder of the user, or of the system', () => {
    const six = write(own, 'six.yaml');
    const net = write(system, 'net.yaml');
    expect([codeOf('six'), codeOf('net')]).toEqual([six, net]);
    expect(listNames(folders())).toEqual([
      { name: 'net', files: [net] },
      { name: 'six', files: [six] },
    ]);
  });

  it.each(['./six', 'six.yaml', '../six', '/etc/funnel/six.yaml', '-', '..', 'a.b'])(
    'is not %s, a path',
    (path) => {
      expect(codeOf(path)).toBe(path);
    },
  );

  it.each(['', ' ', '-six', 'six\n', 'a b', 'ü', '~', 'six\u0000', 'a'.repeat(64)])('is not %j', (name) => {
    expect(codeOf(name)).toBe('FT_NAME');
  });

  it('is refused where two folders have it, or none', () => {
    write(own, 'six.yaml');
    write(system, 'six.yaml');
    expect([codeOf('six'), codeOf('sax')]).toEqual(['FT_NAME_CLASH', 'FT_NAME_UNKNOWN']);
    expect(listNames(folders())).toHaveLength(1);
  });

  it('is refused where the file is a link out of its folder, or to nothing', () => {
    const elsewhere = write(base, 'elsewhere.yaml');
    symlinkSync(elsewhere, join(own, 'out.yaml'));
    symlinkSync('nothing', join(own, 'dangling.yaml'));
    const six = write(own, 'six.yaml');
    symlinkSync('six.yaml', join(own, 'alias.yaml'));
    expect([codeOf('out'), codeOf('dangling')]).toEqual(['FT_NAME_LINK', 'FT_NAME_LINK']);
    expect(codeOf('alias')).toBe(join(own, 'alias.yaml'));
    expect(codeOf('six')).toBe(six);
  });

  it.each([
    ['XDG_CONFIG_HOME', { XDG_CONFIG_HOME: '/x', HOME: '/h' }, '/x/funnel'],
    ['HOME', { HOME: '/h' }, '/h/.config/funnel'],
    ['HOME, where the other is relative', { XDG_CONFIG_HOME: 'x', HOME: '/h' }, '/h/.config/funnel'],
  ])('is looked up by %s', (_, environment, folder) => {
    expect(configurationFolders(environment)).toEqual([folder, '/etc/funnel']);
  });
});

/** The value, or the mistakes without the folders of this test. */
async function read(configuration: string, parameters: Record<string, string> = {}) {
  const { value, mistakes } = await readConfiguration(configuration, base, {
    folders: folders(),
    parameters,
  });
  const lines = mistakes.sorted().map((each) => formatMistake(each).replaceAll(base, ''));
  return lines.length > 0 ? lines.map((line) => line.split(/(?<=FT_[A-Z_]+):/)[0]!) : value;
}

describe('a file of a name', () => {
  it('is refused where another user can write it, also by its path, and so is what it includes', async () => {
    const six = write(own, 'six.yaml', 'include: ../common.yaml\npieces: {}\n');
    const common = write(base, 'common.yaml', 'pieces: {}\n');
    expect(await read('six')).toEqual({ pieces: {} });
    chmodSync(common, 0o664);
    expect(await read('six')).toEqual(
      ['/common.yaml:1:1: FT_NAME_UNSAFE'].map((each) => each.replace(':1:1', '')),
    );
    // A file that is given by its path is for its user to judge.
    expect(await read('./common.yaml')).toEqual({ pieces: {} });
    chmodSync(six, 0o646);
    expect(await read('six')).toEqual(['/own/six.yaml: FT_NAME_UNSAFE']);
    expect(await read('own/six.yaml')).toEqual(['own/six.yaml: FT_NAME_UNSAFE']);
  });

  it('reports a name that cannot be read like any other mistake', async () => {
    expect(await read('nothing')).toEqual(['nothing: FT_NAME_UNKNOWN']);
  });
});

describe('a configuration with includes', () => {
  it('is one of all files, each with its own folder for relative paths', async () => {
    mkdirSync(join(base, 'sub'));
    write(
      base,
      'sub/a.yaml',
      'parameters: { p: 7 }\npieces: { a: { piece: ./a.wasm, settings: { s: "${p}", t: 1 } } }\n',
    );
    const main = write(base, 'main.yaml', 'include: sub/a.yaml\npieces: { a: { settings: { t: 2 } } }\n');
    const source = await readConfiguration(main, base, { folders: [], parameters: { p: '8' } });
    expect(source.mistakes.sorted()).toEqual([]);
    expect(source.value).toEqual({ pieces: { a: { piece: './a.wasm', settings: { s: 8, t: 2 } } } });
    expect(source.directoryAt(['pieces', 'a', 'piece'])).toBe(join(base, 'sub'));
    expect(source.directoryAt(['pieces', 'a', 'settings', 's'])).toBe(join(base, 'sub'));
    expect(source.directoryAt(['pieces', 'a', 'settings', 't'])).toBe(base);
    expect(source.written(['pieces', 'a', 'settings', 't'])).toBe('2');
    expect(source.written(['pieces', 'a', 'settings', 's'])).toBeUndefined();
    source.mistakes.add('FT_X', ['pieces', 'a', 'settings', 's'], 'x');
    source.mistakes.add('FT_Y', ['pieces', 'a', 'settings', 't'], 'y');
    expect(source.mistakes.sorted().map((each) => formatMistake(each).replaceAll(base, ''))).toEqual([
      '/main.yaml:2:31: FT_Y: y',
      '/sub/a.yaml:2:48: FT_X: x',
    ]);
  });

  it('is included by name, and twice on two ways', async () => {
    write(own, 'd.yaml', 'pieces: { d: { piece: tun } }\n');
    write(own, 'b.yaml', 'include: d\n');
    write(own, 'a.yaml', 'include: [b, ./d.yaml]\npieces: { a: { piece: tun } }\n');
    expect(await read('a')).toEqual({ pieces: { d: { piece: 'tun' }, a: { piece: 'tun' } } });
  });

  it.each([
    ['itself', { 'a.yaml': 'include: a.yaml\npieces: {}\n' }, ['a.yaml:1:10: FT_INCLUDE_LOOP']],
    [
      'a loop',
      { 'a.yaml': 'include: b.yaml\npieces: {}\n', 'b.yaml': 'include:\n  - ./a.yaml\n' },
      ['b.yaml:2:5: FT_INCLUDE_LOOP'],
    ],
    ['nothing', { 'a.yaml': 'include: b.yaml\npieces: {}\n' }, ['b.yaml: FT_CONFIG_FILE']],
    ['no name', { 'a.yaml': 'include: b\npieces: {}\n' }, ['a.yaml:1:10: FT_NAME_UNKNOWN']],
    ['no text', { 'a.yaml': 'include: { b: c }\npieces: {}\n' }, ['a.yaml:1:10: FT_CONFIG_SCHEMA']],
    [
      'a list',
      { 'a.yaml': 'include: b.yaml\npieces: {}\n', 'b.yaml': '[1]\n' },
      ['b.yaml:1:1: FT_CONFIG_SCHEMA'],
    ],
    [
      'a wrong key',
      { 'a.yaml': 'include: b.yaml\npieces: {}\n', 'b.yaml': 'piece: {}\npieces: 5\n' },
      ['b.yaml:1:1: FT_CONFIG_SCHEMA', 'b.yaml:2:9: FT_CONFIG_SCHEMA'],
    ],
    [
      'two entries of one name',
      {
        'a.yaml': 'include: [b.yaml, c.yaml]\npieces: {}\n',
        'b.yaml': 'pieces: { x: { piece: tun } }\n',
        'c.yaml': 'pieces: { x: { piece: tun } }\n',
      },
      ['a.yaml:1:1: FT_INCLUDE_CLASH'],
    ],
    [
      'broken YAML',
      { 'a.yaml': 'include: b.yaml\npieces: {}\n', 'b.yaml': 'pieces: {}\n  x: [\n' },
      [expect.stringMatching(/^b.yaml:\d+:\d+: FT_CONFIG_YAML$/)],
    ],
    [
      'an unknown parameter',
      { 'a.yaml': 'include: b.yaml\n', 'b.yaml': 'pieces:\n  x: { piece: "${y}" }\n' },
      ['b.yaml:2:15: FT_PARAMETER_UNKNOWN'],
    ],
  ])('is refused where it includes %s', async (_, files: Record<string, string>, expected) => {
    for (const [name, text] of Object.entries(files)) write(base, name, text);
    expect(await read('a.yaml')).toEqual(expected);
  });

  it('ends at a limit of files, and of a chain', async () => {
    for (let n = 0; n < 40; n++) write(base, `f${n}.yaml`, `pieces: { p${n}: { piece: tun } }\n`);
    const all = Array.from({ length: 40 }, (_, n) => `f${n}.yaml`);
    write(base, 'wide.yaml', `include: [${all.join(', ')}]\n`);
    expect(await read('wide.yaml')).toEqual(
      Array.from({ length: 8 }, () => expect.stringContaining('FT_INCLUDE_LIMIT')),
    );
    for (let n = 0; n < 12; n++) write(base, `c${n}.yaml`, `include: c${n + 1}.yaml\n`);
    expect(await read('c0.yaml')).toEqual([expect.stringContaining('FT_INCLUDE_LIMIT')]);
  });

  it('has the mistakes of parameters at their declaration, and those of the command line at its beginning', async () => {
    write(base, 'a.yaml', 'pieces: {}\nparameters:\n  a:\n  b: [1]\n');
    expect(await read('a.yaml', { c: 'x' })).toEqual([
      'a.yaml:1:1: FT_PARAMETER_UNKNOWN',
      'a.yaml:3:5: FT_PARAMETER_MISSING',
      'a.yaml:4:6: FT_PARAMETER_VALUE',
    ]);
  });
});
