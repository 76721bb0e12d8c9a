import { randomBytes } from 'node:crypto';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type CommandEnd, exec } from '../../exec/exec.ts';
import { ExecError } from '../../exec/exec-error.ts';
import { execBySocks } from '../../exec/exec-socks.ts';
import { type OneLine, oneLineConfiguration, socksConfiguration } from '../../exec/one-line.ts';
import { ownAddresses } from '../../exec/own-addresses.ts';
import { type PublishedPort, parsePublished } from '../../exec/publish.ts';
import { parseResolverChoice } from '../../exec/resolver.ts';
import { preparePuzzle } from '../../policy/check/check-configuration.ts';
import type { ConfigurationObject } from '../../policy/configuration/configuration-schema.ts';
import type { FunnelEvent } from '../../policy/funnel.ts';
import { describePiece, PieceRegistry } from '../../policy/pieces/piece-registry.ts';
import { jsonText } from '../../stack/foreign-text.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import { eventJson, eventLine, isNotable } from '../report/run-reporter.ts';
import { yamlText } from '../text/yaml-text.ts';
import {
  type AddCommand,
  type CommandContext,
  jsonOption,
  quietOption,
  type SetOption,
  setOption,
} from './command-context.ts';

/** `funnel exec`: runs a command behind a puzzle, without privileges. */
export const addExec: AddCommand = (parent, context) => {
  parent
    .command('exec')
    .description('run a command whose whole network is a puzzle; its exit status is that of the command')
    .usage('[options] [file] -- <command> [argument...]')
    .argument(
      '[operands...]',
      'a configuration (a name, or a YAML file), or options instead; and a command behind `--`',
    )
    .optionsGroup('Options in place of a file (a fault may be OUT/IN, for packets from and to the command):')
    .option('--loss <share>', 'lose packets, such as 5%')
    .option('--burst <packets>', 'lose them in bursts of this average length')
    .option('--delay <time>', 'delay packets, such as 100ms, in each direction')
    .option('--jitter <time>', 'vary the delay by as much in both directions')
    .option('--rate <rate>', 'limit the rate, such as 1mbit')
    .option('--duplicate <share>', 'duplicate packets')
    .option('--reorder <share>', 'let later packets overtake others')
    .option('--corrupt <share>', 'change a bit of packets')
    .option('--seed <number>', 'the start of the random sequence')
    .option('--capture <file>', 'record packets from and to the command, as pcapng')
    .option('--through <piece>', 'put a piece in the way, as PIECE?setting=value; may be repeated', collect)
    .option('--keep-address', 'give the command the addresses of this machine')
    .option('--print', 'only print the configuration that these options stand for')
    .optionsGroup('Options:')
    .addOption(setOption())
    .option(
      '--publish <port>',
      'lead a port of this machine to the command, as OUTER:INNER; may be repeated',
      ports,
    )
    .option('--dns <choice>', 'the resolver of names: host, none, or addresses behind the puzzle')
    .option('--socks', 'lead connections by SOCKS5 instead, where network namespaces are forbidden')
    .option('--map-root', 'let the command be root in its namespace')
    .addOption(
      new Option('--leftovers <what>', 'processes that outlive the command: end them, or wait for them')
        .choices(['end', 'wait'])
        .default('end'),
    )
    .option('--patience <seconds>', 'how long the command waits for an address', patience, 10)
    .option('--verbose', 'also print the debug messages of pieces')
    .option('--timestamps', 'put the time before each message of the Funnel')
    .addOption(jsonOption())
    .addOption(quietOption())
    .action(async (operands: string[], options: ExecCommandOptions, command: Command) => {
      try {
        const end = await run(operands, options, command, context);
        if (end !== undefined) finish(end);
      } catch (error) {
        if (error instanceof ExecError) process.exitCode = error.status;
        else if (error instanceof FunnelError) process.exitCode = FAILED;
        throw error;
      }
    });
};

interface ExecCommandOptions extends Omit<OneLine, 'addresses'>, SetOption {
  readonly keepAddress?: boolean;
  readonly print?: boolean;
  readonly publish?: readonly PublishedPort[];
  readonly dns?: string;
  readonly socks?: boolean;
  readonly mapRoot?: boolean;
  readonly leftovers: 'end' | 'wait';
  /** Seconds. */
  readonly patience: number;
  readonly verbose?: boolean;
  readonly timestamps?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

async function run(
  operands: readonly string[],
  options: ExecCommandOptions,
  command: Command,
  { output, errors }: CommandContext,
): Promise<CommandEnd | undefined> {
  const [files, argv] = split(operands, command);
  if (options.socks === true) refuseForSocks(options, files.length > 0);
  // Other users of this machine must not use the proxy, so that of these options has a password.
  const isOwnProxy = options.socks === true && files.length === 0 && options.print !== true;
  const user = isOwnProxy ? `funnel:${randomBytes(16).toString('hex')}` : undefined;
  const configuration = await configurationOf(files, options, argv.length > 0, user);
  if (options.print === true) {
    const print = options.json === true ? (value: object) => `${jsonText(value, 2)}\n` : yamlText;
    output.write(typeof configuration === 'string' ? '' : print(configuration));
    return undefined;
  }
  if (argv.length === 0) throw usage('a command is missing');
  const resolver = options.dns === undefined ? undefined : parseResolverChoice(options.dns);
  const puzzle = await preparePuzzle(configuration, { parameters: options.set });
  const stamp = options.timestamps === true ? (): string => `${new Date().toISOString()} ` : () => '';
  const line = (text: string): void => errors.write(`funnel: ${stamp()}${text}\n`);
  const report = (event: FunnelEvent): void => {
    // The terminal is the command's: events that report nothing wrong are for those who ask.
    const isAsked = options.quiet !== true && (options.verbose === true || options.json === true);
    if (event.kind === 'log' ? !isShown(event.level, options) : !isNotable(event) && !isAsked) return;
    if (options.json === true) errors.write(eventJson(event, new Date()));
    else line(eventLine(event));
  };
  const warn = (message: string): void =>
    options.json === true ? report({ kind: 'log', piece: 'funnel', level: 'warn', message }) : line(message);
  if (options.socks === true)
    return execBySocks(puzzle, argv, {
      leftovers: options.leftovers,
      warn,
      onEvent: report,
    });
  return exec(puzzle, argv, {
    mapRoot: options.mapRoot === true,
    leftovers: options.leftovers,
    patienceMs: options.patience * 1000,
    publish: options.publish ?? [],
    ...(resolver === undefined ? {} : { resolver }),
    warn,
    onEvent: report,
  });
}

/** The configuration: a file, or the puzzle that options describe. */
async function configurationOf(
  files: readonly string[],
  options: ExecCommandOptions,
  hasCommand: boolean,
  user: string | undefined,
): Promise<string | ConfigurationObject> {
  const [file, ...more] = files;
  if (more.length > 0) throw usage('there is more than one configuration');
  const given = ONE_LINE.filter((name) => options[name] !== undefined && options[name] !== false);
  const isOneLine = given.length > 0;
  if (file !== undefined) {
    if (!isOneLine && options.print !== true) return file;
    const [name = 'print'] = given;
    throw usage(
      `--${dashed(name)} describes a configuration, but ${file} is one already. Give only one of both`,
    );
  }
  if (!isOneLine && !hasCommand && options.print !== true)
    throw usage('a configuration and a command are missing');
  const registry = new PieceRegistry();
  const describe = (reference: string) => describePiece(registry, reference, process.cwd());
  if (options.socks === true) {
    const names = options.dns?.split(',').map((each) => each.trim());
    return socksConfiguration(options, describe, {
      ...(user === undefined ? {} : { user }),
      ...(names === undefined ? {} : { names }),
    });
  }
  return oneLineConfiguration(
    { ...options, ...(options.keepAddress === true ? { addresses: ownAddresses() } : {}) },
    describe,
  );
}

/** Refuses the options that belong to a namespace. */
function refuseForSocks(options: ExecCommandOptions, hasFile: boolean): void {
  for (const name of ['publish', 'mapRoot', 'keepAddress'] as const) {
    if (options[name] !== undefined && options[name] !== false)
      throw usage(
        `--${dashed(name)} is for a command with a network of its own, which --socks does not make`,
      );
  }
  if (hasFile && options.dns !== undefined)
    throw usage(
      'with --socks and a configuration, the setting `names` of its piece socks5 is in place of --dns',
    );
  if (options.dns !== undefined) parseResolverChoice(options.dns);
}

const ONE_LINE = [
  ...(['loss', 'burst', 'delay', 'jitter', 'rate', 'duplicate', 'reorder', 'corrupt'] as const),
  ...(['seed', 'capture', 'through', 'keepAddress'] as const),
] as const;

function dashed(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function usage(what: string): ExecError {
  return new ExecError(
    'FT_EXEC_USAGE',
    `${what}. Write for example: funnel exec six.yaml -- ping -6 2001:db8::1, or: funnel exec --loss 5% -- curl https://example.org`,
  );
}

function isShown(level: string, { verbose = false }: ExecCommandOptions): boolean {
  return verbose || level === 'warn' || level === 'error';
}

/** Divides the operands at `--`, because Commander keeps both parts together. */
function split(operands: readonly string[], command: Command): [readonly string[], readonly string[]] {
  let root = command;
  while (root.parent !== null) root = root.parent;
  const { rawArgs } = root as Command & { readonly rawArgs: readonly string[] };
  const at = rawArgs.indexOf('--');
  const count = at < 0 ? 0 : rawArgs.length - at - 1;
  const from = operands.length - count;
  return [operands.slice(0, from), operands.slice(from)];
}

/** Ends like the command did, so that a waiting shell sees the same. */
function finish(end: CommandEnd): void {
  if ('status' in end) {
    process.exitCode = end.status;
    return;
  }
  process.exitCode = 128 + end.signal;
  // Shells treat the signals with which a user ends a program differently from a status.
  if (PASSED_ON.has(end.signal)) process.once('exit', () => process.kill(process.pid, end.signal));
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function ports(value: string, before: readonly PublishedPort[] = []): readonly PublishedPort[] {
  return [...before, parsePublished(value)];
}

function patience(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value >= 0 && value <= 3600) return value;
  throw new InvalidArgumentError('Give a number of seconds from 0 to 3600.');
}

/** The status for failures of the Funnel itself, as in `env` and `timeout`. */
const FAILED = 125;
/** SIGHUP, SIGINT, SIGTERM. */
const PASSED_ON = new Set([1, 2, 15]);
