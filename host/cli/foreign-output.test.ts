import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { PassThrough } from 'node:stream';
import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import type { LaneSnapshot, PieceSnapshot } from '../policy/funnel.ts';
import { jsonText } from '../stack/foreign-text.ts';
import { funnelCommand } from './command.ts';
import { Output } from './report/output.ts';
import { errorJson, errorText } from './text/error-text.ts';
import { plainPaint } from './text/paint.ts';

/*
 * Every command with foreign names in all its inputs: arguments, file names, a configuration, a component,
 * and the replies of a control socket. test/hostile/words.test.ts covers the texts of pieces.
 */

/**
 * A terminal sequence, a turn of direction, a line separator, and characters that show nothing. No character
 * is a line end.
 */
const EVIL = '\u009b31m\u202e\u2028\u061c\ufeff\u200b\u00ad\u180e\u3164\u{e0041}\ue000';
/** Everything in {@link EVIL} that is not ASCII, and similar characters. */
const DANGEROUS = /[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}\p{Default_Ignorable_Code_Point}]/u;

const folder = mkdtempSync(join(tmpdir(), 'funnel-foreign-'));
const at = (name: string) => join(folder, name);
const evilFile = at(`x${EVIL}.yaml`);
const evilPiece = at(`x${EVIL}.wasm`);

const replies = createServer((socket) => {
  socket.on('error', () => {});
  socket.resume();
  socket.end(`${JSON.stringify({ id: 1, error: { code: 'FT_X', message: `no ${EVIL}` } })}\n`);
});
const snapshots = createServer((socket) => {
  socket.on('error', () => {});
  socket.resume();
  const edge = {
    name: EVIL,
    network: EVIL,
    framesIn: 1,
    bytesIn: 1,
    framesOut: 1,
    bytesOut: 1,
    framesRefused: 0,
  };
  const counts = { faults: 1, restarts: 0, bypassed: 0, held: 0, waiting: 0 };
  const names = { name: EVIL, piece: EVIL, kind: 'component', state: 'failed', fault: EVIL };
  const reasons = [{ name: EVIL, frames: 1, loss: true }];
  const pieces = [{ ...names, ...counts, edges: [edge], reasons }];
  const snapshot: LaneSnapshot = { uptimeMs: 1, freeRows: 1, rows: 2, pieces: pieces as PieceSnapshot[] };
  const result = { configuration: EVIL, process: 1, snapshot };
  socket.end(`${JSON.stringify({ id: 1, result })}\n`);
});

beforeAll(async () => {
  const named = at(`c${EVIL}/funnel`);
  mkdirSync(named, { recursive: true });
  writeFileSync(join(named, 'six.yaml'), `${EVIL}: [`);
  vi.stubEnv('XDG_CONFIG_HOME', at(`c${EVIL}`));
  const plain = 'a'.repeat(Buffer.byteLength(EVIL));
  const bytes = await parse(
    `(component (import "${plain}" (func $f)) (core func (canon lower (func $f))) (export "${plain}x" (func $f)))`,
  );
  const text = Buffer.from(bytes);
  for (let found = text.indexOf(plain); found >= 0; found = text.indexOf(plain)) text.write(EVIL, found);
  writeFileSync(evilPiece, text);
  const piece = JSON.stringify(relative(folder, evilPiece).replace(/^/, './'));
  // YAML forbids some of these characters as such, and allows all of them as escapes.
  const key = `"${Array.from({ length: EVIL.length }, (_, n) => `\\u${EVIL.charCodeAt(n).toString(16).padStart(4, '0')}`).join('')}"`;
  writeFileSync(
    evilFile,
    `pieces:\n  ${key}: { piece: tun, edges: { ${key}: ${key} }, settings: { ${key}: ${key} } }\n`,
  );
  writeFileSync(at('component.yaml'), `pieces:\n  x: { piece: ${piece}, edges: { ${key}: ${key} } }\n`);
  writeFileSync(at('syntax.yaml'), `pieces: [${EVIL}\n`);
  writeFileSync(
    at('good.yaml'),
    `pieces:\n  a: { piece: udp, settings: { port: 0, address: 127.0.0.1, family: ipv4 }, edges: { udp: ${key} } }\n  b: { piece: udp, settings: { port: 0, address: 127.0.0.1, family: ipv4 }, edges: { udp: ${key} } }\n`,
  );
  copyFileSync(at('good.yaml'), at(`good${EVIL}.yaml`));
  await Promise.all([
    new Promise<void>((resolve) => replies.listen(at('answers'), resolve)),
    new Promise<void>((resolve) => snapshots.listen(at('snapshots'), resolve)),
  ]);
});
afterAll(() => {
  vi.unstubAllEnvs();
  replies.close();
  snapshots.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => () => {
  process.exitCode = undefined;
});

function emptyInput(): PassThrough {
  const input = new PassThrough();
  input.end();
  return input;
}

async function textOf(args: readonly string[]): Promise<string> {
  let text = '';
  const stream = new PassThrough();
  stream.on('data', (data: Buffer) => {
    text += data.toString();
  });
  const output = new Output(stream as unknown as NodeJS.WriteStream, () => {});
  const program = funnelCommand(
    { output, errors: output, paint: plainPaint, input: emptyInput() },
    { version: '1' },
  );
  for (const command of [program, ...program.commands, ...program.commands.flatMap((each) => each.commands)])
    command.exitOverride();
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof Error && 'exitCode' in error))
      output.write(args.includes('--json') ? jsonText(errorJson(error)) : errorText(error));
  }
  await new Promise((resolve) => stream.end(resolve));
  return text;
}

const configurations = [
  evilFile,
  at('component.yaml'),
  at('syntax.yaml'),
  at(`none${EVIL}`),
  at(`good${EVIL}.yaml`),
];
const cases: (readonly string[])[] = [
  ['list'],
  ['list', '--json'],
  ...configurations.flatMap((file) =>
    ['check', 'consent', 'graph', 'plan', 'explain'].flatMap((command) => [
      [command, file],
      [command, file, '--json'],
    ]),
  ),
  ...['dot', 'svg'].map((format) => ['graph', '--format', format, at('good.yaml')]),
  ...configurations.slice(0, 4).flatMap((file) => [
    ['run', '--plain', '--no-control', file],
    ['run', '--json', '--no-control', file],
  ]),
  ...configurations.map((file) => ['exec', file, '--', EVIL]),
  ['apply', evilFile, '--control', at('answers')],
  ['apply', evilFile, '--control', at('snapshots')],
  ['status', '--control', at('answers')],
  ['status', '--control', at('snapshots')],
  ['status', '--json', '--control', at('snapshots')],
  ['status', '--control', at(EVIL)],
  ['end', '--control', at('answers')],
  ['join', EVIL, EVIL],
  ['join', '--print', `tun:${EVIL}`, 'udp:'],
  ['join', '--print', 'tun:', 'udp:', '--through', EVIL],
  ['match', EVIL, EVIL],
  ['match', 'ip', 'ip', '--piece', EVIL],
  ['match', 'ip', 'ip', '--piece', evilPiece],
  ['match', '--json', EVIL, EVIL],
  ['schema'],
  ['piece', 'list', '--json'],
  ['piece', 'doc', '--json', evilPiece],
  ['exec', '--json', evilFile, '--', EVIL],
  ['apply', '--json', evilFile, '--control', at('answers')],
  ['piece', 'list'],
  ['piece', 'doc', EVIL],
  ['piece', 'doc', evilPiece],
  ['piece', 'new', EVIL],
  ['piece', 'build', at(`none${EVIL}`)],
  ['piece', 'test', at(`none${EVIL}`)],
  ['piece', 'inspect', EVIL],
  ['piece', 'inspect', evilPiece],
  ['piece', 'inspect', '--json', evilPiece],
  ['piece', 'inspect', '--json', evilPiece, '--configuration', at('component.yaml')],
  ['piece', 'inspect', evilPiece, '--configuration', evilFile],
  [EVIL],
  ['graph', '--format', EVIL, evilFile],
  ['run', `--${EVIL}`],
];

it.each(cases.map((args) => [args.join(' ').replaceAll(folder, '').replaceAll(EVIL, 'EVIL'), args] as const))(
  'funnel %s shows no dangerous character',
  async (_, args) => {
    const text = await textOf(args);
    expect(text).not.toBe('');
    if (args.includes(at('snapshots')) && args[0] === 'status') expect(text).toContain('\\u{202e}');
    const found = text.search(DANGEROUS);
    expect(found < 0 ? '' : JSON.stringify(text.slice(Math.max(0, found - 80), found + 20))).toBe('');
  },
);

const SIP003 = {
  SS_REMOTE_HOST: '127.0.0.1',
  SS_REMOTE_PORT: '1',
  SS_LOCAL_HOST: '127.0.0.1',
  SS_LOCAL_PORT: '1',
};
const PT = {
  TOR_PT_MANAGED_TRANSPORT_VER: '1',
  TOR_PT_STATE_LOCATION: folder,
  TOR_PT_CLIENT_TRANSPORTS: 'funnel',
};
const plugins: (readonly [args: readonly string[], environment: Readonly<Record<string, string>>])[] = [
  ...Object.keys(SIP003).map((name): [string[], Record<string, string>] => [
    ['plugin', 'sip003', '--json'],
    { ...SIP003, [name]: EVIL },
  ]),
  [['plugin', 'sip003'], { ...SIP003, SS_PLUGIN_OPTIONS: `config=${evilFile}` }],
  [['plugin', 'pt', evilFile], PT],
  [['plugin', 'pt', '--json', at(`none${EVIL}`)], PT],
  [['plugin', 'pt', '--transport', EVIL, evilFile], { ...PT, TOR_PT_CLIENT_TRANSPORTS: EVIL }],
  [['plugin', 'pt'], { ...PT, TOR_PT_MANAGED_TRANSPORT_VER: EVIL }],
  [['plugin', 'pt', evilFile], { ...PT, TOR_PT_PROXY: EVIL }],
];

it.each(plugins.map(([args, environment], n) => [`${args[1]} ${n}`, args, environment] as const))(
  'funnel plugin %s shows no dangerous character, with foreign text in its environment',
  async (_, args, environment) => {
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
    try {
      const text = await textOf(args);
      expect(text).not.toBe('');
      const found = text.search(DANGEROUS);
      expect(found < 0 ? '' : JSON.stringify(text.slice(Math.max(0, found - 80), found + 20))).toBe('');
    } finally {
      vi.unstubAllEnvs();
    }
  },
);

it('covers every command', () => {
  const output = new Output(new PassThrough() as unknown as NodeJS.WriteStream, () => {});
  const program = funnelCommand(
    { output, errors: output, paint: plainPaint, input: emptyInput() },
    { version: '1' },
  );
  const names = program.commands.flatMap((each) =>
    each.commands.length === 0 ? [each.name()] : each.commands.map((sub) => `${each.name()} ${sub.name()}`),
  );
  const covered = new Set(
    [...cases, ...plugins.map(([args]) => args)].map(([first, second]) =>
      first === 'piece' || first === 'plugin' ? `${first} ${second}` : first,
    ),
  );
  expect(names.filter((name) => !covered.has(name))).toEqual([]);
});
