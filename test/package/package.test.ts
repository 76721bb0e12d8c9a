import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { projectRoot } from '../net/project-root.ts';

/*
 * The package that npm publishes, installed by npm in the empty project of another author. npm gets it and
 * the packages that it depends on as files, because it may use no network here.
 */

const about = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8'));
const folder = mkdtempSync(join(tmpdir(), 'funnel-package-'));
const modules = join(folder, 'node_modules');
const installed = join(modules, 'funnel-tunnel');
let files: string[];

beforeAll(() => {
  const { file, paths } = pack(projectRoot);
  files = paths;
  const dependencies = Object.keys(about.dependencies).map(
    (name) => pack(join(projectRoot, 'node_modules', name)).file,
  );
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  execFileSync('npm', ['install', '--offline', '--no-audit', '--no-fund', file, ...dependencies], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}, 300_000);

/** Packs the package in a folder into a file of the other author, and returns its name and what it has. */
function pack(from: string): { file: string; paths: string[] } {
  const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
    cwd: from,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [{ filename, files }] = JSON.parse(packed);
  return { file: join(folder, filename), paths: files.map(({ path }: { path: string }) => path) };
}

afterAll(() => rmSync(folder, { recursive: true }));

test('has the contract, the kits for authors, the pieces, and what builds the addon', () => {
  const expected = [
    'LICENSE',
    'README.md',
    'wit/funnel.wit',
    'abi/as/index.ts',
    'abi/as/views/ipv6.ts',
    'abi/c/funnel.h',
    'dist/host/cli/main.js',
    'dist/kernel/frame-kernel.wasm',
    'dist/pieces/6bed4.wasm',
    'dist/pieces/6bed4-router.wasm',
    'dist/pieces/hub.wasm',
    'pieces-as/hub/assembly/index.ts',
    'pieces-as/6bed4/assembly/index.ts',
    'docs/configuration.md',
    'host/endpoint/addon/tun.c',
    'tools/build-addon.mjs',
  ];
  expect(expected.filter((file) => !files.includes(file))).toEqual([]);
});

test('npm installs it with its dependencies, which are all that it needs, and its command', () => {
  const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  expect(dependencies).toEqual(about.dependencies);
  const tree = execFileSync('npm', ['ls', '--all', '--json'], { cwd: folder, encoding: 'utf8' });
  expect(JSON.parse(tree)).not.toHaveProperty('problems');
  expect(Object.keys(JSON.parse(tree).dependencies).sort()).toEqual(
    ['funnel-tunnel', ...Object.keys(about.dependencies)].sort(),
  );
  const shown = execFileSync(join(modules, '.bin', 'funnel'), ['--version'], { encoding: 'utf8' });
  expect(shown).toBe(`${about.version}\n`);
});

test('has no tests, and nothing that only this project needs', () => {
  expect(
    files.filter((file) => /\.test\.|-arbitrary\.|\/testing\/|\.map$|^tools\/setup|\.stamp$/.test(file)),
  ).toEqual([]);
});

test('every entry point is there, with its types', () => {
  const places = Object.values<string | { types: string; default: string }>(about.exports).flatMap((place) =>
    typeof place === 'string' ? [place] : Object.values(place),
  );
  const missing = places.filter((place) => !place.includes('*') && !files.includes(place.slice(2)));
  expect(missing).toEqual([]);
});

test('a host that only runs pieces needs none of the tools that make them', () => {
  const service = `
    import { openFunnel } from 'funnel-tunnel';
    const funnel = await openFunnel({ pieces: {
      a: { piece: 'udp', settings: { port: 0, address: '127.0.0.1' }, edges: { udp: 'x' } },
      hub: { piece: 'hub', settings: { stack: 'ip/udp' }, edges: { net: ['x', 'y'] } },
      b: { piece: 'udp', settings: { port: 0, address: '127.0.0.1' }, edges: { udp: 'y' } },
    } });
    console.log(funnel.snapshot().pieces.map(({ state }) => state).join());
    await funnel.close();`;
  expect(run(service)).toBe('running,running,running');
  const command = join(installed, about.bin.funnel);
  const list = execFileSync(process.execPath, [command, 'piece', 'list'], { encoding: 'utf8' });
  expect(list).toMatch(/^6bed4 /m);
});

test('with the tools beside it, a piece is built and goes through the compliance suite', () => {
  link('assemblyscript');
  link('@bytecodealliance/jco-transpile');
  mkdirSync(join(folder, 'mine', 'assembly'), { recursive: true });
  const readme = readFileSync(join(installed, 'abi', 'as', 'README.md'), 'utf8');
  const source = /```ts\n(import \{ Batch[\s\S]*?)```/.exec(readme)![1]!;
  writeFileSync(join(folder, 'mine', 'assembly', 'index.ts'), source);
  const checks = `
    import { buildPiece } from 'funnel-tunnel/build';
    import { complianceChecks } from 'funnel-tunnel/testing';
    const checks = complianceChecks(await buildPiece('mine'));
    for (const { name, run } of checks) await run();
    console.log(checks.length > 5);`;
  expect(run(checks)).toBe('true');
}, 300_000);

test('an author makes, builds, tests and runs a piece with the command alone', async () => {
  link('assemblyscript');
  link('@bytecodealliance/jco-transpile');
  const command = join(installed, about.bin.funnel);
  const funnel = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...args], {
      cwd: folder,
      encoding: 'utf8',
    });
    return { status, text: stdout + stderr };
  };
  const isRefused = (code: string) => ({ status: 4, text: expect.stringContaining(code) });
  expect(funnel('piece', 'new', 'Wrong')).toMatchObject(isRefused('FT_PIECE_NAME'));
  expect(funnel('piece', 'new', 'no-giants')).toMatchObject({ status: 0 });
  expect(funnel('piece', 'new', 'no-giants')).toMatchObject(isRefused('FT_PIECE_FOLDER'));
  const component = expect.stringMatching(/^no-giants\/no-giants\.wasm: /);
  expect(funnel('piece', 'build', 'no-giants')).toMatchObject({ status: 0, text: component });
  const tested = funnel('piece', 'test', 'no-giants');
  expect(tested.text).toMatch(/the piece keeps the contract\n$/);
  expect(tested.status).toBe(0);
  expect(funnel('check', 'no-giants/no-giants.yaml')).toMatchObject({ status: 0 });
  expect(funnel('piece', 'doc', './no-giants/no-giants.wasm').text).toContain('too-long');
  const running = spawn(process.execPath, [command, 'run', 'no-giants/no-giants.yaml', '--no-control'], {
    cwd: folder,
  });
  let shown = '';
  running.stdout.on('data', (data) => (shown += data));
  running.stderr.on('data', (data) => (shown += data));
  const ended = new Promise((resolve) => running.on('close', resolve));
  await expect.poll(() => shown, { timeout: 120_000 }).toMatch(/^ready$/m);
  running.kill('SIGTERM');
  expect(await ended).toBe(0);
  expect(shown).toMatch(/^ended after/m);
  const source = join(folder, 'no-giants', 'assembly', 'index.ts');
  writeFileSync(source, readFileSync(source, 'utf8').replace('edgeOf(0)', 'edgeOff(0)'));
  expect(funnel('piece', 'build', 'no-giants')).toMatchObject(isRefused('FT_PIECE_BUILD'));
}, 400_000);

/** The other author has this package installed too. */
function link(name: string): void {
  const place = join(modules, name);
  if (existsSync(place)) return;
  mkdirSync(dirname(place), { recursive: true });
  symlinkSync(join(projectRoot, 'node_modules', name), place);
}

function run(source: string): string {
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
    cwd: folder,
    encoding: 'utf8',
  });
  return stdout.trim() || stderr;
}
