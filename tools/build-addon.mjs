#!/usr/bin/env node
/**
 * Compiles the native addon (host/endpoint/addon/*.c) into dist/addon/funnel-io.node, and the helper for
 * network namespaces (host/endpoint/namespace/helper/*.c) into dist/addon/funnel-namespace, with the C
 * compiler and the headers of this machine and nothing else. Where it cannot, it says what to install, and
 * the Funnel works without.
 *
 *   node tools/build-addon.mjs [--strict] [--force]
 *
 * `--strict` makes warnings errors, `--force` compiles although nothing has changed.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Builds the addon if its sources, or what compiles them, have changed.
 *
 * @param {{ outDir?: string, strict?: boolean, force?: boolean, env?: Record<string, string | undefined>,
 * headerDirs?: readonly string[] }} [options]
 * @returns {{ ok: true, path: string, built: boolean } | { ok: false, reason: string, install: string }}
 */
export function buildAddon(options = {}) {
  const { strict = false, force = false, env = process.env } = options;
  const outDir = options.outDir ?? join(ROOT, 'dist', 'addon');
  const path = join(outDir, 'funnel-io.node');
  const helperPath = join(outDir, 'funnel-namespace');
  const reasonPath = join(outDir, 'absent.txt');
  const fail = (/** @type {string} */ reason, /** @type {string} */ install) => {
    mkdirSync(outDir, { recursive: true });
    for (const each of [path, helperPath]) rmSync(each, { force: true });
    writeFileSync(reasonPath, `${reason} ${install}\n`);
    return /** @type {const} */ ({ ok: false, reason, install });
  };

  if (process.platform !== 'linux')
    return fail(`The addon is for Linux, and this is ${process.platform}.`, '');
  const compiler = findCompiler(env);
  if (compiler === undefined) return fail('There is no C compiler.', INSTALL_COMPILER);
  const headers = findHeaders(env, options.headerDirs);
  if (headers === undefined)
    return fail("Node's C headers (node_api.h, uv.h) were not found.", INSTALL_HEADERS);

  const common = ['-std=gnu11', '-D_GNU_SOURCE', '-O2', '-fno-strict-aliasing', '-fstack-protector-strong'];
  common.push('-Wall', '-Wextra', ...(strict ? ['-Werror'] : []));
  const flags = [
    ...common,
    ...['-fPIC', '-fvisibility=hidden', '-shared'],
    ...headers.flatMap((folder) => ['-isystem', folder]),
  ];
  const stamp = stampOf([compiler, ...flags, process.version, process.arch]);
  const stampPath = join(outDir, 'funnel-io.stamp');
  const isBuilt = existsSync(path) && existsSync(helperPath) && existsSync(stampPath);
  if (!force && isBuilt && readFileSync(stampPath, 'utf8') === stamp) return { ok: true, path, built: false };

  mkdirSync(outDir, { recursive: true });
  // Under another name first: another process may be building, or have the present one loaded.
  const compile = (
    /** @type {string} */ into,
    /** @type {readonly string[]} */ how,
    /** @type {string} */ folder,
  ) => {
    const made = `${into}.${process.pid}.tmp`;
    const sources = filesIn(folder, '.c').map((name) => join(folder, name));
    const run = spawnSync(compiler, [...how, '-o', made, ...sources], { encoding: 'utf8', env });
    if (run.status === 0) return made;
    rmSync(made, { force: true });
    const output = (run.stderr || run.error?.message || `status ${run.status}`).trim();
    return fail(`The compiler refused ${basename(into)}:\n${output}\n`, INSTALL_COMPILER);
  };
  const helperMade = compile(helperPath, common, HELPER_SOURCES);
  if (typeof helperMade !== 'string') return helperMade;
  const made = compile(path, flags, SOURCES);
  if (typeof made !== 'string') {
    rmSync(helperMade, { force: true });
    return made;
  }
  renameSync(helperMade, helperPath);
  renameSync(made, path);
  writeFileSync(stampPath, stamp);
  rmSync(reasonPath, { force: true });
  return { ok: true, path, built: true };
}

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const SOURCES = join(ROOT, 'host', 'endpoint', 'addon');
const HELPER_SOURCES = join(ROOT, 'host', 'endpoint', 'namespace', 'helper');
/** Works from any folder: this file may be in an installed package. */
const HOW = `node ${fileURLToPath(import.meta.url)}`;
const INSTALL_COMPILER = `Install one (on Debian: apt-get install gcc libc6-dev) and build again: ${HOW}`;
const INSTALL_HEADERS =
  'Install them (on Debian, for its own nodejs: apt-get install libnode-dev libuv1-dev; packages of nodesource and ' +
  'nodejs.org bring them along), or name their folder in the variable NODE_HEADERS, and build again: ' +
  HOW;

/** @param {Record<string, string | undefined>} env */
function findCompiler(env) {
  const wanted = env.CC ? [env.CC] : ['cc', 'gcc', 'clang'];
  return wanted.find((name) => spawnSync(name, ['--version'], { stdio: 'ignore', env }).status === 0);
}

/**
 * The folders that have node_api.h and uv.h between them.
 *
 * @param {Record<string, string | undefined>} env
 * @param {readonly string[]} [folders]
 */
function findHeaders(env, folders) {
  const candidates = folders ?? [
    ...(env.NODE_HEADERS ? [env.NODE_HEADERS] : []),
    resolve(dirname(process.execPath), '..', 'include', 'node'),
    ...(process.config.variables.node_prefix
      ? [join(process.config.variables.node_prefix, 'include', 'node')]
      : []),
    '/usr/include/node',
    '/usr/include/nodejs/src',
    '/usr/local/include/node',
    ...(env.HOME ? [join(env.HOME, '.cache', 'node-gyp', process.versions.node, 'include', 'node')] : []),
  ];
  const node = candidates.find((folder) => existsSync(join(folder, 'node_api.h')));
  if (node === undefined) return undefined;
  const uv = [node, ...candidates, ...(folders ? [] : ['/usr/include'])].find((folder) =>
    existsSync(join(folder, 'uv.h')),
  );
  if (uv === undefined) return undefined;
  // The compiler looks into /usr/include by itself, and warns about an option for it.
  return [...new Set([node, uv])].filter((folder) => folder !== '/usr/include');
}

/** @param {readonly string[]} others */
function stampOf(others) {
  const hash = createHash('sha256').update(others.join('\0'));
  for (const folder of [SOURCES, HELPER_SOURCES])
    for (const name of filesIn(folder, '.c', '.h'))
      hash.update(name).update(readFileSync(join(folder, name)));
  return hash.digest('hex');
}

/** @param {string} folder @param {readonly string[]} endings */
function filesIn(folder, ...endings) {
  return readdirSync(folder)
    .filter((name) => endings.some((ending) => name.endsWith(ending)))
    .sort();
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const result = buildAddon({
    strict: process.argv.includes('--strict'),
    force: process.argv.includes('--force'),
  });
  if (result.ok) console.log(`${result.path}: ${result.built ? 'built' : 'up to date'}`);
  else
    console.error(
      `The native addon was not built: tun devices and UDP headers will be absent. ${result.reason} ${result.install}`,
    );
  process.exitCode = result.ok ? 0 : 1;
}
