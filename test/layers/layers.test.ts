import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cruise, type ICruiseOptions, type ICruiseResult } from 'dependency-cruiser';
import { afterEach, expect, test } from 'vitest';
import { projectRoot } from '../net/project-root.ts';
import { layers, rules, subfolders } from './layers.ts';

const roots = ['abi', 'host', 'pieces-as', 'test'];
const planted: string[] = [];

afterEach(() => {
  for (const folder of planted.splice(0)) rmSync(folder, { recursive: true });
});

test('no module of the project climbs, and none are in a cycle', async () => {
  const result = await look(projectRoot);
  expect(broken(result)).toEqual([]);
});

test('every TypeScript file was looked at, with what it imports', async () => {
  const result = await look(projectRoot);
  const seen = result.modules
    .map((module) => module.source)
    .filter((source) => roots.includes(source.split('/')[0]!));
  expect(seen.filter((source) => source.endsWith('.ts')).sort()).toEqual(typeScriptFiles(projectRoot).sort());
  // Silence would be no success: a compiler that it cannot use makes dependency-cruiser see modules without
  // imports.
  const frames = result.modules.find((module) => module.source === 'host/piece/piece.ts');
  expect(frames?.dependencies.map((dependency) => dependency.resolved)).toContain('abi/host/contract.ts');
  expect(result.summary.totalDependenciesCruised).toBeGreaterThan(result.modules.length / 2);
});

test('an import that climbs is found, of values and of types alone', async () => {
  const root = plant({
    'host/stack/stack.ts': "import { frame } from '../frame/frame.ts';\nexport const stack = frame;\n",
    'host/frame/frame.ts': 'export const frame = 1;\nexport type Frame = number;\n',
    'host/engine/engine.ts': "import type { Lane } from '../puzzle/lane.ts';\nexport type Engine = Lane;\n",
    'host/puzzle/lane.ts': "import { frame } from '../frame/frame.ts';\nexport type Lane = typeof frame;\n",
    'abi/host/contract.ts': "export { frame } from '../../host/frame/frame.ts';\n",
  });
  expect(broken(await look(root))).toEqual([
    'climbs: abi/host/contract.ts → host/frame/frame.ts',
    'climbs: host/engine/engine.ts → host/puzzle/lane.ts',
    'climbs: host/stack/stack.ts → host/frame/frame.ts',
  ]);
});

test('an import that climbs from one subfolder of a folder to another is found, in each subfolder', async () => {
  const files: Record<string, string> = { 'host/endpoint/catalogue.ts': 'export const catalogue = 1;\n' };
  for (const [subfolder] of subfolders) {
    const folder = subfolder.split('/').slice(0, 2).join('/');
    files[`${folder}/loft/above.ts`] = 'export const above = 1;\n';
    files[`${subfolder}/planted.ts`] =
      "import { above } from '../loft/above.ts';\nexport const planted = above;\n";
    files[`${subfolder}/planted.test.ts`] = "import '../loft/above.ts';\n";
  }
  files['host/endpoint/socket/entry.ts'] =
    "import { catalogue } from '../catalogue.ts';\nexport const e = catalogue;\n";
  files['host/policy/pieces/early.ts'] =
    "import { planted } from '../check/planted.ts';\nexport const early = planted;\n";
  expect(broken(await look(plant(files)))).toEqual(
    [
      ...subfolders.map(
        ([subfolder]) =>
          `climbs-inside: ${subfolder}/planted.ts → ${subfolder.split('/').slice(0, 2).join('/')}/loft/above.ts`,
      ),
      'climbs-inside: host/endpoint/socket/entry.ts → host/endpoint/catalogue.ts',
      'climbs-inside: host/policy/pieces/early.ts → host/policy/check/planted.ts',
    ].sort(),
  );
});

test('every folder inside a folder of the host is a known subfolder', () => {
  const folders = layers.map(([folder]) => folder).filter((folder) => folder.startsWith('host/'));
  const inside = folders.flatMap((folder) =>
    readdirSync(join(projectRoot, folder), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !NOT_LAYERED.includes(entry.name))
      .map((entry) => `${folder}/${entry.name}`),
  );
  expect(inside.sort()).toEqual(subfolders.map(([subfolder]) => subfolder).sort());
});

test('host code that imports test support is found, wherever the support stands', async () => {
  const files: Record<string, string> = {};
  for (const folder of ['host/stack', ...subfolders.map(([subfolder]) => subfolder)]) {
    files[`${folder}/testing/support.ts`] = 'export const support = 1;\n';
    files[`${folder}/user.ts`] =
      "import { support } from './testing/support.ts';\nexport const u = support;\n";
    files[`${folder}/user.test.ts`] = "import './testing/support.ts';\n";
  }
  const found = broken(await look(plant(files))).filter((line) => line.startsWith('host-knows-tests'));
  expect(found).toEqual(
    ['host/stack', ...subfolders.map(([subfolder]) => subfolder)]
      .map((folder) => `host-knows-tests: ${folder}/user.ts → ${folder}/testing/support.ts`)
      .sort(),
  );
});

test('a cycle is found', async () => {
  const root = plant({
    'host/stack/a.ts': "import { b } from './b.ts';\nexport const a = () => b;\n",
    'host/stack/b.ts': "import { c } from './c.ts';\nexport const b = () => c;\n",
    'host/stack/c.ts': "import { a } from './a.ts';\nexport const c = () => a;\n",
  });
  const { violations } = (await look(root)).summary;
  expect(violations.map(({ rule }) => rule.name)).toEqual(['cycle']);
  expect(violations[0]?.cycle?.map(({ name }) => name).sort()).toEqual(
    ['a', 'b', 'c'].map((n) => `host/stack/${n}.ts`),
  );
});

test('the host importing a test, and an import that leads nowhere, are found', async () => {
  const root = plant({
    'host/stack/a.ts': "import { b } from '../../test/b.ts';\nexport const a = b;\n",
    'host/stack/c.ts': "export { d } from './d.ts';\n",
    'host/stack/e.ts': "export { number } from './testing/number.ts';\n",
    'host/stack/e.test.ts': "import './testing/number.ts';\nimport '../../test/b.ts';\n",
    'host/stack/testing/number.ts': 'export const number = 1;\n',
    'test/b.ts': 'export const b = 1;\n',
  });
  expect(broken(await look(root))).toEqual([
    'host-knows-tests: host/stack/a.ts → test/b.ts',
    'host-knows-tests: host/stack/e.ts → host/stack/testing/number.ts',
    'not-there: host/stack/c.ts → ./d.ts',
  ]);
});

/** A project of these files only, in a folder that is removed after the test. */
function plant(files: Record<string, string>): string {
  const build = join(projectRoot, 'build');
  mkdirSync(build, { recursive: true });
  const root = mkdtempSync(join(build, 'planted-'));
  planted.push(root);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return root;
}

async function look(root: string): Promise<ICruiseResult> {
  const present = roots.filter((name) => readdirSync(root).includes(name));
  const options: ICruiseOptions = {
    baseDir: root,
    validate: true,
    ruleSet: { forbidden: [...rules] },
    // Imports of types alone count too: they are dependencies as well.
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: NOT_OURS },
  };
  const { output } = await cruise(present, options, {
    exportsFields: ['exports'],
    conditionNames: ['import', 'node', 'types', 'default'],
  });
  if (typeof output === 'string') throw new Error(output);
  return output;
}

function broken(result: ICruiseResult): string[] {
  return result.summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`).sort();
}

/** The frame kernel and the addon are built by compilers of their own; test support has a rule of its own. */
const NOT_LAYERED = ['testing', 'kernel', 'addon'];

const NOT_OURS = '^(dist|build)/';

function typeScriptFiles(root: string): string[] {
  return roots.flatMap((name) =>
    readdirSync(join(root, name), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
      .filter((file) => !new RegExp(NOT_OURS).test(file)),
  );
}
