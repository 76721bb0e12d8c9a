import { defaultControlPath } from '../daemon/control-path.ts';
import { ControlServer } from '../daemon/control-server.ts';
import { controlServiceOf } from '../daemon/control-service.ts';
import { preparePuzzle } from '../policy/check/check-configuration.ts';
import { type Funnel, type FunnelEvent, type LaneSnapshot, startPuzzle } from '../policy/funnel.ts';
import { FunnelError } from '../stack/funnel-error.ts';
import { CountersFile } from './counters-file.ts';
import type { Output } from './output.ts';
import { paintFor } from './paint.ts';
import { PatientReporter } from './patient-reporter.ts';
import { JsonReporter, LineReporter, type RunReporter, ScreenReporter } from './run-reporter.ts';

/**
 * `funnel run`: starts a puzzle and tells what it does, until a signal ends it.
 *
 * SIGINT, SIGTERM and SIGHUP end it cleanly, with totals, and so does `funnel end`; another signal while it ends, at once. A
 * piece that fails is told, and the rest goes on.
 */
export async function run(file: string, options: RunOptions, { output }: { output: Output }): Promise<void> {
  const reporter = new PatientReporter(reporterFor(options, output), output);
  const puzzle = await preparePuzzle(file);
  const totalsFile = options.totals === undefined ? undefined : new CountersFile(options.totals);
  totalsFile?.check();
  reporter.started(puzzle);
  const stopping = stopSignal();
  process.once('exit', () => reporter.restore());

  const onEvent = (event: FunnelEvent): void => {
    if (event.kind !== 'log' || event.level !== 'debug' || options.verbose === true) reporter.event(event);
  };
  let control: ControlServer | undefined;
  let funnel: Funnel | undefined;
  let timer: NodeJS.Timeout | undefined;
  try {
    control = await openControl(file, options, onEvent);
    funnel = await startPuzzle(puzzle, { onEvent, worker: options.worker !== false });
    const running = funnel;
    control?.serve(controlServiceOf(running, stopping.stop), running);
    const statistics = options.statsFile === undefined ? undefined : new CountersFile(options.statsFile);
    const warn = (message: string): void => onEvent({ kind: 'log', piece: 'funnel', level: 'warn', message });
    const first = await running.counters();
    statistics?.write(first);
    reporter.ready();
    if (output.isTTY) reporter.counters(first);
    let told = 0;
    let isAsking = false;
    const tellCounters = (snapshot: LaneSnapshot): void => {
      if (timer === undefined) return;
      reporter.counters(snapshot);
      if (snapshot.uptimeMs - told < (options.interval - 0.05) * 1000) return;
      told = snapshot.uptimeMs;
      statistics?.rewrite(snapshot, warn);
    };
    const ask = (): void => {
      // A lane that is being replaced answers late; then there is nothing to tell meanwhile.
      if (isAsking) return;
      isAsking = true;
      running
        .counters()
        .then(tellCounters, (error: unknown) => warn(`the counters are not known: ${String(error)}`))
        .finally(() => {
          isAsking = false;
        });
    };
    timer = setInterval(ask, reporter.intervalMs);
    output.onResize(() => reporter.counters(running.snapshot()));
    await stopping.promise;
    clearInterval(timer);
    timer = undefined;
    // What a piece still does while it closes, such as writing the end of a capture, counts too.
    await running.close();
    const totals = await running.counters();
    statistics?.rewrite(totals, warn);
    reporter.ended(totals);
    totalsFile?.write(totals);
  } finally {
    clearInterval(timer);
    stopping.forget();
    control?.close();
    await funnel?.close();
    reporter.restore();
  }
}

/** What the command line says. */
export interface RunOptions {
  readonly json?: boolean;
  readonly plain?: boolean;
  /** Seconds. */
  readonly interval: number;
  readonly verbose?: boolean;
  readonly statsFile?: string;
  readonly totals?: string;
  /** The path of the control socket; false for none. */
  readonly control?: string | false;
  /** False to run in this thread. */
  readonly worker?: boolean;
}

/**
 * The control socket. One that was asked for must be had; where nothing was said, a Funnel runs without one as well.
 *
 * @throws {FunnelError} `FT_CONTROL_IN_USE`, `FT_CONTROL_PATH`, `FT_CONTROL_PERMISSION`
 */
async function openControl(
  file: string,
  { control }: RunOptions,
  onEvent: (event: FunnelEvent) => void,
): Promise<ControlServer | undefined> {
  if (control === false) return undefined;
  if (control !== undefined) return ControlServer.open(control);
  const path = defaultControlPath(file);
  if (path === undefined) return undefined;
  try {
    return await ControlServer.open(path);
  } catch (error) {
    if (!(error instanceof FunnelError)) throw error;
    const message = `runs without a control socket: ${error.code}: ${error.message}`;
    onEvent({ kind: 'log', piece: 'funnel', level: 'warn', message });
    return undefined;
  }
}

function reporterFor(options: RunOptions, output: Output): RunReporter {
  const intervalMs = options.interval * 1000;
  if (options.json === true) return new JsonReporter(output.write, intervalMs);
  if (!output.isTTY || options.plain === true) return new LineReporter(output.write, intervalMs);
  return new ScreenReporter(output, paintFor(process.stdout));
}

/** A promise of the first signal, or call of `stop`, that is to end the process; after it, the next signal ends it at once. */
function stopSignal(): { readonly promise: Promise<void>; stop(): void; forget(): void } {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  let listener = (): void => {};
  let stop = (): void => {};
  const promise = new Promise<void>((resolve) => {
    let isStopping = false;
    stop = () => {
      isStopping = true;
      resolve();
    };
    listener = () => {
      if (isStopping) process.exit(1);
      stop();
    };
  });
  for (const signal of signals) process.on(signal, listener);
  return {
    promise,
    stop,
    forget() {
      for (const signal of signals) process.off(signal, listener);
    },
  };
}
