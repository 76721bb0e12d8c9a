import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { defaultControlPath } from '../daemon/control-path.ts';
import { ControlServer } from '../daemon/control-server.ts';
import { controlServiceOf } from '../daemon/control-service.ts';
import { preparePuzzle } from '../policy/check-configuration.ts';
import type { LaneSnapshot } from '../policy/funnel.ts';
import { type Funnel, type FunnelEvent, startPuzzle } from '../policy/funnel.ts';
import { FunnelError } from '../stack/funnel-error.ts';
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
  if (options.totals !== undefined) checkWritable(options.totals);
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
    const statistics =
      options.statsFile === undefined ? undefined : new StatisticsFile(options.statsFile, onEvent);
    const first = await running.counters();
    statistics?.write(first);
    reporter.ready();
    if (output.isTTY) reporter.counters(first);
    let told = 0;
    let isAsking = false;
    const ask = async (): Promise<void> => {
      // A lane that is being replaced answers late; then there is nothing to tell meanwhile.
      if (isAsking) return;
      isAsking = true;
      const snapshot = await running.counters();
      isAsking = false;
      if (timer === undefined) return;
      reporter.counters(snapshot);
      if (snapshot.uptimeMs - told < (options.interval - 0.05) * 1000) return;
      told = snapshot.uptimeMs;
      statistics?.rewrite(snapshot);
    };
    timer = setInterval(() => void ask(), reporter.intervalMs);
    output.onResize(() => reporter.counters(running.snapshot()));
    await stopping.promise;
    clearInterval(timer);
    timer = undefined;
    // What a piece still does while it closes, such as writing the end of a capture, counts too.
    await running.close();
    const totals = await running.counters();
    statistics?.rewrite(totals);
    reporter.ended(totals);
    if (options.totals !== undefined) replaceFile(options.totals, totals);
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

/** A file that always holds the counters of one instant, whole. */
class StatisticsFile {
  readonly #path: string;
  readonly #onEvent: (event: FunnelEvent) => void;
  #hasFailed = false;

  constructor(path: string, onEvent: (event: FunnelEvent) => void) {
    this.#path = path;
    this.#onEvent = onEvent;
  }

  /** @throws {FunnelError} `FT_OUTPUT_FILE` */
  write(snapshot: LaneSnapshot): void {
    replaceFile(this.#path, snapshot);
  }

  /** While traffic flows, a disk that is full is told once, and does not end it. */
  rewrite(snapshot: LaneSnapshot): void {
    try {
      replaceFile(this.#path, snapshot);
      this.#hasFailed = false;
    } catch (error) {
      if (!this.#hasFailed) {
        this.#onEvent({
          kind: 'log',
          piece: 'funnel',
          level: 'warn',
          message: error instanceof Error ? error.message : String(error),
        });
      }
      this.#hasFailed = true;
    }
  }
}

/** What can only be written at the end is tried at the beginning. */
function checkWritable(path: string): void {
  const draft = draftOf(path);
  try {
    writeFileSync(draft, '');
    rmSync(draft);
  } catch (error) {
    throw unwritable(path, error);
  }
}

/** Whoever reads the file meanwhile sees the former content or the new one, never a part. */
function replaceFile(path: string, snapshot: LaneSnapshot): void {
  const draft = draftOf(path);
  try {
    writeFileSync(draft, `${JSON.stringify(snapshot, undefined, 2)}\n`);
    renameSync(draft, path);
  } catch (error) {
    throw unwritable(path, error);
  }
}

function draftOf(path: string): string {
  return `${path}.${process.pid}.new`;
}

function unwritable(path: string, error: unknown): FunnelError {
  const code = error instanceof Error && 'code' in error ? error.code : error;
  const message = `${path} cannot be written (${code}); name a file in a folder that is yours`;
  return new FunnelError('FT_OUTPUT_FILE', message, { cause: error });
}
