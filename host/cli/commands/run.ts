import { fstatSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { defaultControlPath } from '../../daemon/control-path.ts';
import { ControlServer } from '../../daemon/control-server.ts';
import { controlServiceOf } from '../../daemon/control-service.ts';
import { tidySockets } from '../../daemon/find-control.ts';
import { preparePuzzle } from '../../policy/check/check-configuration.ts';
import { configurationPath } from '../../policy/configuration/configuration-name.ts';
import type { ConfigurationObject } from '../../policy/configuration/configuration-schema.ts';
import { type Funnel, type FunnelEvent, type LaneSnapshot, startPuzzle } from '../../policy/funnel.ts';
import { ServiceManager } from '../../policy/service-manager.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import { CountersFile } from '../report/counters-file.ts';
import { EndWatch } from '../report/end-watch.ts';
import type { Output } from '../report/output.ts';
import { PatientReporter } from '../report/patient-reporter.ts';
import {
  JsonReporter,
  LineReporter,
  QuietReporter,
  type RunReporter,
  ScreenReporter,
} from '../report/run-reporter.ts';
import { EXIT } from '../text/exit-status.ts';
import type { Paint } from '../text/paint.ts';
import { plural } from '../text/quantity.ts';
import {
  type AddCommand,
  type CommandContext,
  FILE_ARGUMENT,
  jsonOption,
  quietOption,
  type SetOption,
  setOption,
} from './command-context.ts';
import { HangUp, Reloading } from './reload.ts';

/** `funnel run`: runs a configuration until a signal, or `funnel end`, ends it. */
export const addRun: AddCommand = (parent, context) => {
  const command = parent
    .command('run')
    .description('run a configuration until SIGINT or SIGTERM; shows a table on a terminal, else plain lines')
    .argument('<file>', FILE_ARGUMENT)
    .addOption(setOption());
  addRunOptions(command).action((file: string, options: RunOptions) => run(file, options, context));
};

/** Adds the options of every command that runs a puzzle. */
export function addRunOptions(command: Command): Command {
  return command
    .addOption(jsonOption())
    .addOption(quietOption())
    .option('--plain', 'print plain lines on a terminal as well')
    .option('--reasons', 'explain below the table each reason for which frames ended')
    .option('--timestamps', 'put the time before each plain line')
    .option('--interval <seconds>', 'time between two lines of counters', seconds, 10)
    .option('--verbose', 'also print the debug messages of pieces')
    .option('--stats-file <path>', 'rewrite this file with the counters as JSON at each interval')
    .option('--totals <path>', 'write the last counters to this file as JSON')
    .option('--control <path>', 'listen at this path for funnel apply, status and end')
    .option('--no-control', 'open no control socket')
    .option(
      '--until-end',
      'end when all captures that are read have ended, and their frames have gone through',
    )
    .option('--no-worker', 'run frames in the main thread, without a watchdog');
}

/**
 * Starts a puzzle and reports what it does, until a signal ends it.
 *
 * SIGINT, SIGTERM, the hang-up of its terminal and `funnel end` end it cleanly, with totals. A repeated
 * signal within a second counts as one: npx, npm, timeout(1) and a terminal send it to the Funnel and to its
 * parent, which forwards it. A signal after that second ends the process at once, without totals. A piece
 * that fails is reported, and the others continue.
 *
 * Any other SIGHUP reads the configuration again, as `funnel apply` does.
 *
 * With `--until-end` the end of all captures and standard streams ends it in the same way: with status 0, or
 * 4 where one of them could not be read to its end.
 *
 * @throws {FunnelError} `FT_RUN_ENDLESS` with `--until-end`, where no piece reads a capture
 */
export async function run(
  source: string | ConfigurationObject,
  given: RunOptions,
  { output: standard, errors, paint, input }: CommandContext,
): Promise<void> {
  const puzzle = await preparePuzzle(source, { standardInput: input, parameters: given.set });
  // The bytes of a piece do not mix with lines of ours.
  const isTaken = puzzle.pieces.some(({ usesStandardStreams }) => usesStandardStreams === true);
  // Under inetd the peer would read the standard error, too.
  if (isTaken && isSameSocket(0, 2)) errors.silence();
  const [output, options] = isTaken ? [errors, { ...given, plain: true }] : [standard, given];
  const reporter = new PatientReporter(reporterFor(options, output, paint), output);
  let control: ControlServer | undefined;
  const totalsFile = options.totals === undefined ? undefined : new CountersFile(options.totals);
  totalsFile?.check();
  reporter.started(puzzle);
  const reloading = new Reloading((level, message) =>
    onEvent({ kind: 'log', piece: 'funnel', level, message }),
  );
  const stopping = stopSignal(
    () => control?.close(),
    () => reloading.request(),
  );
  process.once('exit', () => reporter.restore());

  const onEvent = (event: FunnelEvent): void => {
    if (event.kind !== 'log' || event.level !== 'debug' || options.verbose === true) reporter.event(event);
  };
  const manager = new ServiceManager(process.env, process.pid, (message) =>
    onEvent({ kind: 'log', piece: 'funnel', level: 'warn', message }),
  );
  let funnel: Funnel | undefined;
  let timer: NodeJS.Timeout | undefined;
  try {
    control = await openControl(source, options, onEvent);
    funnel = await startPuzzle(puzzle, { onEvent, worker: options.worker !== false });
    const running = funnel;
    control?.serve(
      controlServiceOf(running, stopping.stop, (change) => manager.reload(change)),
      running,
    );
    const statistics = options.statsFile === undefined ? undefined : new CountersFile(options.statsFile);
    const warn = (message: string): void => onEvent({ kind: 'log', piece: 'funnel', level: 'warn', message });
    const first = await running.counters();
    statistics?.write(first);
    reporter.ready();
    manager.ready(puzzle.title, () => running.counters());
    reloading.begin(() => manager.reload(() => running.apply(readAgain(source), { parameters: given.set })));
    if (output.isTTY && options.quiet !== true) reporter.counters(first);
    let writtenAtMs = 0;
    let isAsking = false;
    const reportCounters = (snapshot: LaneSnapshot): void => {
      if (timer === undefined) return;
      reporter.counters(snapshot);
      if (snapshot.uptimeMs - writtenAtMs < (options.interval - 0.05) * 1000) return;
      writtenAtMs = snapshot.uptimeMs;
      statistics?.rewrite(snapshot, warn);
    };
    const ask = (): void => {
      // A lane that is being replaced replies late. Until then there is nothing to report.
      if (isAsking) return;
      isAsking = true;
      running
        .counters()
        .then(reportCounters, (error: unknown) => warn(`the counters are not known: ${String(error)}`))
        .finally(() => {
          isAsking = false;
        });
    };
    timer = setInterval(ask, reporter.intervalMs);
    output.onResize(() => reporter.counters(running.snapshot()));
    if (options.untilEnd === true) await untilEnd(running, stopping, warn);
    else await stopping.promise;
    reloading.end();
    manager.stopping();
    clearInterval(timer);
    timer = undefined;
    // The totals include what pieces do while they close, such as writing the end of a capture.
    await running.close();
    const totals = await running.counters();
    statistics?.rewrite(totals, warn);
    reporter.ended(totals);
    totalsFile?.write(totals);
  } finally {
    clearInterval(timer);
    control?.close();
    try {
      await funnel?.close();
    } finally {
      stopping.forget();
      reporter.restore();
    }
  }
}

/** The file of a configuration that can be read again. */
function readAgain(source: string | ConfigurationObject): string {
  if (typeof source === 'string' && source !== '-') return source;
  throw new FunnelError(
    'FT_RUN_RELOAD',
    'this configuration came from no file that can be read again. Change it with funnel apply',
  );
}

/** Resolves when the captures have ended and their frames have gone through, or at a signal. */
async function untilEnd(
  running: Funnel,
  { promise }: { readonly promise: Promise<void> },
  warn: (message: string) => void,
): Promise<void> {
  const watch = new EndWatch(performance.now());
  const stopped = promise.then(() => true);
  for (;;) {
    const look = watch.look(await running.counters(), performance.now());
    if (look === 'endless')
      throw new FunnelError(
        'FT_RUN_ENDLESS',
        'no piece of this configuration reads something that ends, so --until-end would wait for ever. Give it a pcap-reader or stdio, or leave the option out',
      );
    if (look === 'ended') break;
    if (await Promise.race([stopped, sleep(LOOK_MS, false)])) return;
  }
  if (watch.held > 0) warn(`ends although pieces still hold ${plural(watch.held, 'frame')}`);
  if (watch.hasFailed) process.exitCode = EXIT.refused;
}

/** The interval at which the counters are looked at with `--until-end`. */
const LOOK_MS = 50;

function isSameSocket(one: number, other: number): boolean {
  const [a, b] = [fstatSync(one), fstatSync(other)];
  return a.isSocket() && a.ino === b.ino && a.dev === b.dev;
}

export interface RunOptions extends SetOption {
  readonly json?: boolean;
  readonly plain?: boolean;
  readonly quiet?: boolean;
  readonly timestamps?: boolean;
  readonly reasons?: boolean;
  /** Seconds. */
  readonly interval: number;
  readonly verbose?: boolean;
  readonly statsFile?: string;
  readonly totals?: string;
  /** The path of the control socket; false for none. */
  readonly control?: string | false;
  readonly untilEnd?: boolean;
  /** False to run in this thread. */
  readonly worker?: boolean;
}

/**
 * Opens the control socket. A path from `--control` must work. At the default path a failure is only a
 * warning, since a Funnel runs without a control socket as well.
 *
 * @throws {FunnelError} `FT_CONTROL_IN_USE`, `FT_CONTROL_PATH`, `FT_CONTROL_PERMISSION`
 */
async function openControl(
  source: string | ConfigurationObject,
  { control }: RunOptions,
  onEvent: (event: FunnelEvent) => void,
): Promise<ControlServer | undefined> {
  if (control === false) return undefined;
  if (control !== undefined) return ControlServer.open(control);
  // A configuration without a file has no path of its own.
  const path = typeof source === 'string' ? defaultControlPath(configurationPath(source)) : undefined;
  if (path === undefined) return undefined;
  try {
    const server = await ControlServer.open(path);
    await tidySockets(dirname(path));
    return server;
  } catch (error) {
    if (!(error instanceof FunnelError)) throw error;
    const message = `runs without a control socket: ${error.code}: ${error.message}`;
    onEvent({ kind: 'log', piece: 'funnel', level: 'warn', message });
    return undefined;
  }
}

function reporterFor(options: RunOptions, output: Output, paint: Paint): RunReporter {
  const intervalMs = options.interval * 1000;
  const { timestamps = false, reasons = false } = options;
  const report = { reasons, ...(timestamps ? { now: () => new Date() } : {}) };
  const lines =
    options.json === true
      ? new JsonReporter(output.write, intervalMs)
      : new LineReporter(output.write, intervalMs, report);
  if (options.quiet === true) return new QuietReporter(lines);
  if (options.json === true || !output.isTTY || options.plain === true || timestamps) return lines;
  return new ScreenReporter(output, paint, report);
}

/**
 * A promise that resolves at the first signal or call of `stop`. A signal more than {@link SAME_WISH_MS}
 * later ends the process at once, after a call of `cleanUp`. A SIGHUP that is no hang-up calls `reload`.
 */
function stopSignal(
  cleanUp: () => void,
  reload: () => void,
): {
  readonly promise: Promise<void>;
  stop(): void;
  forget(): void;
} {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const hangUp = new HangUp();
  process.once('exit', () => hangUp.endByIt());
  let listener = (_: NodeJS.Signals): void => {};
  let deadline: NodeJS.Timeout | undefined;
  let stop = (): void => {};
  const promise = new Promise<void>((resolve) => {
    let stoppedAt = Infinity;
    stop = () => {
      stoppedAt = Math.min(stoppedAt, performance.now());
      resolve();
      // A thread that the system keeps, as in a read of a dead network file system, would keep the process,
      // and `exit` waits for it as well.
      deadline ??= setTimeout(() => process.kill(process.pid, 'SIGKILL'), MOST_CLOSING_MS).unref();
    };
    listener = (signal) => {
      if (signal === 'SIGHUP' && !hangUp.hasHungUp) {
        reload();
        return;
      }
      if (performance.now() < stoppedAt + SAME_WISH_MS) {
        stop();
        return;
      }
      cleanUp();
      process.exit(128 + constants.signals[signal]);
    };
  });
  const listenTo = (next: typeof listener | undefined): void => {
    for (const signal of signals) {
      if (next !== undefined) process.on(signal, next);
      process.off(signal, listener);
    }
    if (next !== undefined) listener = next;
  };
  for (const signal of signals) process.on(signal, listener);
  return {
    promise,
    stop,
    forget() {
      clearTimeout(deadline);
      // A repetition that comes while the process ends has no effect, and must not cause status 130.
      listenTo(() => {});
      setTimeout(() => listenTo(undefined), SAME_WISH_MS).unref();
    },
  };
}

/** A repeated signal within this time counts as one. */
const SAME_WISH_MS = 1000;
/** Many times the duration of an orderly end, in which pieces have two seconds to close. */
const MOST_CLOSING_MS = 15_000;

function seconds(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value >= 0.1 && value <= 86_400) return value;
  throw new InvalidArgumentError('Give a number of seconds from 0.1 to 86400.');
}
