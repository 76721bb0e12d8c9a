import { PassThrough } from 'node:stream';
import type { Command } from 'commander';
import { afterEach, expect, it } from 'vitest';
import { ConfigurationError } from '../policy/configuration/configuration-error.ts';
import { FunnelError } from '../stack/funnel-error.ts';
import { funnelCommand, usageStatusOf } from './command.ts';
import { Output } from './report/output.ts';
import { exitStatusOf } from './text/exit-status.ts';
import { plainPaint } from './text/paint.ts';

/* The conventions that every command keeps, for scripts. */

const GOOD = `pieces:
  a: { piece: udp, settings: { port: 0, address: 127.0.0.1 }, edges: { udp: x } }
  b: { piece: hub, settings: { stack: ip/udp }, edges: { net: [x, y] } }
  c: { piece: udp, settings: { port: 0, address: 127.0.0.1 }, edges: { udp: y } }
`;

afterEach(() => {
  process.exitCode = undefined;
});

/** Runs a command in this process. */
async function run(args: readonly string[], input = '') {
  const stream = new PassThrough();
  let out = '';
  stream.on('data', (data: Buffer) => {
    out += data.toString();
  });
  const output = new Output(stream as unknown as NodeJS.WriteStream, () => {});
  const stdin = new PassThrough();
  stdin.end(input);
  const context = { output, errors: output, paint: plainPaint, input: stdin };
  let error: unknown;
  try {
    await funnelCommand(context, { version: '1' }).parseAsync(args, { from: 'user' });
  } catch (thrown) {
    error = thrown;
  }
  await new Promise((resolve) => stream.end(resolve));
  return { out, error };
}

function commandsOf(command: Command): readonly Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(commandsOf);
}

it('every command prints JSON with --json', () => {
  const output = new Output(new PassThrough() as unknown as NodeJS.WriteStream, () => {});
  const context = { output, errors: output, paint: plainPaint, input: new PassThrough() };
  const all = commandsOf(funnelCommand(context, { version: '1' }));
  expect(all.length).toBeGreaterThan(12);
  const without = all.filter(({ options }) => !options.some(({ long }) => long === '--json'));
  expect(without.map((command) => command.name())).toEqual([]);
});

it.each([
  ['check', '-'],
  ['graph', '-'],
  ['plan', '-'],
  ['explain', '-'],
  ['match', 'ip/udp', 'ip'],
  ['schema'],
  ['piece', 'list'],
  ['piece', 'doc', 'udp'],
  ['piece', 'inspect', 'hub'],
  ['exec', '--print', '--loss', '5%'],
])('funnel %s %s: one value of JSON', async (...args) => {
  const { out, error } = await run([...args, '--json'], GOOD);
  expect(error).toBeUndefined();
  expect(JSON.parse(out)).toBeTypeOf('object');
});

it('check - reads standard input, and reports lines in it', async () => {
  expect((await run(['check', '-'], GOOD)).out).toBe('(standard input): good: 3 pieces on 2 networks\n');
  const { error } = await run(['check', '-'], GOOD.replace('piece: hub', 'piece: hubb'));
  expect(error).toMatchObject({
    mistakes: [{ code: 'FT_PIECE_UNKNOWN', file: '(standard input)', line: 3 }],
    isRefusal: false,
  });
});

it.each([
  ['empty', ''],
  ['too large', `# ${'x'.repeat(300 * 1024)}`],
  ['not text', '\u0000'],
])('refuses standard input that is %s', async (_, input) => {
  expect((await run(['check', '-'], input)).error).toMatchObject({ code: 'FT_CONFIG' });
});

it('check --json has the mistakes in its output, and the status of a configuration', async () => {
  const { out, error } = await run(['check', '-', '--json'], GOOD.replace('hub', 'hubb'));
  expect(error).toBeUndefined();
  expect(JSON.parse(out)).toMatchObject({ good: false, mistakes: [{ code: 'FT_PIECE_UNKNOWN', line: 3 }] });
  expect(process.exitCode).toBe(3);
});

it('--quiet prints nothing if all is well', async () => {
  expect(await run(['check', '-', '--quiet'], GOOD)).toEqual({ out: '', error: undefined });
  expect(await run(['match', '--quiet', 'ip', 'arp'])).toEqual({ out: '', error: undefined });
  expect(process.exitCode).toBe(1);
});

it('each kind of failure has its own status', async () => {
  const mistakes = [{ code: 'FT_X', message: 'wrong', path: [] }];
  const statuses = [
    exitStatusOf(new ConfigurationError(mistakes)),
    exitStatusOf(new ConfigurationError(mistakes, { isRefusal: true })),
    exitStatusOf(new FunnelError('FT_CONTROL_ABSENT', 'none')),
    exitStatusOf(new TypeError('a fault of ours')),
  ];
  expect(statuses).toEqual([3, 4, 4, 70]);
  const usage = async (...args: string[]) => usageStatusOf((await run(args)).error as never, args);
  expect(await usage('chek')).toBe(2);
  expect(await usage('check')).toBe(2);
  expect(await usage('check', 'x', '--no-such-option')).toBe(2);
  expect(await usage('run', 'x', '--interval', 'soon')).toBe(2);
  expect(await usage('exec', '--patience', 'much')).toBe(125);
  expect(await usage('--help')).toBe(0);
  expect(await usage('check', '--help')).toBe(0);
});

it('--help lists the statuses', async () => {
  expect((await run(['--help'])).out).toMatch(
    /Exit status:\n {2}0 [\s\S]*\n {2}3 +the configuration has mistakes/,
  );
});
