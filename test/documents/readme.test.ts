import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { buildPiece } from '../../abi/build/build-piece.ts';
import { loadComponent } from '../../host/engine/load-component.ts';
import { checkConfiguration } from '../../host/index.ts';
import { checkForLeaks } from '../../host/puzzle/testing/leak-check.ts';
import { runByOffset } from '../compliance/run-by-offset.ts';
import { funnelCommand, projectRoot } from '../net/project-root.ts';
import { PieceRig } from '../pieces/piece-rig.ts';
import { MarkdownDocument } from './markdown.ts';

checkForLeaks();

/** A newcomer tries the examples of the README first. */
const readme = MarkdownDocument.read('README.md');
const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

test('the configuration that it explains has no mistake', async () => {
  const file = join(scratchFolder(), 'six.yaml');
  writeFileSync(file, readme.block('yaml', 'pieces:'));
  const { mistakes } = await checkConfiguration(file);
  expect(mistakes).toEqual([]);
});

test('the configuration that the page on captures shows has no mistake', async () => {
  const file = join(scratchFolder(), 'captures.yaml');
  writeFileSync(file, MarkdownDocument.read('docs/captures.md').block('yaml', 'pieces:'));
  const { mistakes } = await checkConfiguration(file);
  expect(mistakes).toEqual([]);
});

test('the commands that it shows run', () => {
  const file = join(scratchFolder(), 'six.yaml');
  writeFileSync(file, readme.block('yaml', 'pieces:'));
  const commands = readme
    .block('sh', 'funnel check')
    .split('\n')
    .filter((line) => line.startsWith('funnel '))
    .map((line) =>
      line
        .replace(/ +#.*$/, '')
        .split(' ')
        .slice(1),
    );
  expect(commands.length).toBeGreaterThan(5);
  for (const args of commands) {
    // It needs the right to make devices, and does not end by itself: `run --help` shows that it is there.
    const given =
      args[0] === 'run' ? ['run', '--help'] : args.map((each) => (each === 'six.yaml' ? file : each));
    execFileSync(process.execPath, [funnelCommand, ...given], { cwd: projectRoot, stdio: 'pipe' });
  }
});

test('the service that it shows runs, and ends by itself', () => {
  const file = join(scratchFolder(), 'service.mjs');
  const main = join(projectRoot, 'dist', 'host', 'index.js');
  writeFileSync(file, readme.block('ts', 'openFunnel').replace("'funnel-tunnel'", JSON.stringify(main)));
  const output = execFileSync(process.execPath, [file], { encoding: 'utf8', timeout: 120_000 });
  expect(output).toBe('left running\nhub running\nright running\n');
});

test('the piece that it shows is built, says what it is, and sends every frame back', async () => {
  const folder = scratchFolder();
  mkdirSync(join(folder, 'assembly'));
  writeFileSync(join(folder, 'assembly', 'index.ts'), readme.block('ts', 'class Back'));
  const built = await buildPiece(folder);
  const component = await loadComponent(built);
  expect(component.describe([])).toMatchObject({ name: 'back', edges: [{ name: 'net' }] });
  const rig = new PieceRig(await runByOffset(built)).join();
  const header = { protocol: 'ipv4', role: 'header', bytes: [0x45, ...Array(19).fill(7)] } as const;
  const { sent, ends } = rig.process(
    { edge: 'net', parts: [header, { bytes: [1, 2, 3] }] },
    { edge: 'net', parts: [header] },
  );
  expect(sent.map(({ edge, ticket, bytes }) => [edge, ticket, [...bytes]])).toEqual([
    ['net', 1, [...header.bytes, 1, 2, 3]],
    ['net', 2, [...header.bytes]],
  ]);
  expect(ends).toEqual([]);
}, 300_000);

test('every file and folder that it names is there', () => {
  expect(readme.links.length).toBeGreaterThan(5);
  expect(readme.links.filter((link) => !existsSync(join(projectRoot, link)))).toEqual([]);
});

function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'funnel-readme-'));
  folders.push(folder);
  return folder;
}
