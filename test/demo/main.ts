import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findIsolation } from '../net/isolation.ts';
import { projectRoot } from '../net/project-root.ts';
import { Job } from './job.ts';
import { runRecorded } from './recorded.ts';

/**
 * `npm start`: does the main job in network namespaces, and where this machine allows none, runs a recording
 * through the same pieces.
 *
 * @returns the exit status: 0 only when everything held
 */
export async function runDemo(args: readonly string[]): Promise<number> {
  let options: ReturnType<typeof readOptions>;
  try {
    options = readOptions(args);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
    return 1;
  }
  const { recorded, bytes } = options;
  if (recorded) return recording();
  const isolation = await findIsolation();
  if (isolation.kind === 'user-namespace') {
    say('not root: everything runs in a user namespace');
    return within(isolation.wrapper, args);
  }
  if (isolation.kind === 'none') {
    say(isolation.reason);
    say(
      'so a recording goes through the same pieces instead; as root it would be real traffic, or for a user who',
    );
    say('may open /dev/net/tun, where the system lets users make namespaces');
    return recording();
  }
  return inNamespaces(bytes);
}

const USAGE = `npm start -- [--bytes N] [--recorded]
  --bytes N     send so many bytes over TCP, each time; 16000000 when not given
  --recorded    use no network namespaces, but a recording
`;
const captures = join(projectRoot, 'build', 'captures');

function readOptions(args: readonly string[]): { recorded: boolean; bytes: number } {
  const { values } = parseArgs({
    args: [...args],
    options: {
      recorded: { type: 'boolean', default: false },
      bytes: { type: 'string', default: '16000000' },
    },
  });
  const bytes = Number(values.bytes);
  if (!Number.isSafeInteger(bytes) || bytes < 1)
    throw new Error(`--bytes ${values.bytes}: that is no number of bytes`);
  return { recorded: values.recorded, bytes };
}

async function recording(): Promise<number> {
  try {
    return report(await runRecorded(say, captures));
  } catch (error) {
    process.stderr.write(`${reasonOf(error)}\n`);
    return 1;
  }
}

async function inNamespaces(bytes: number): Promise<number> {
  const job = new Job(say, captures, bytes);
  let interrupted: NodeJS.Signals | undefined;
  const interrupt = (signal: NodeJS.Signals): void => {
    // The second signal is for users who do not want to wait; the process ends with what is left.
    if (interrupted !== undefined) process.exit(exitStatus(signal));
    interrupted = signal;
    say(`${signal}: cleaning up`);
    void job.close().then(() => process.exit(exitStatus(signal)));
  };
  for (const signal of SIGNALS) process.on(signal, interrupt);
  try {
    return report(await job.run());
  } catch (error) {
    // Closing the lab under the job makes whatever it waits for fail.
    if (interrupted !== undefined) return new Promise(() => {});
    process.stderr.write(`${reasonOf(error)}\n`);
    return 1;
  } finally {
    if (interrupted === undefined) {
      await job.close();
      for (const signal of SIGNALS) process.off(signal, interrupt);
    }
  }
}

/** Runs the same again through a command, and passes signals and its exit status on. */
function within(wrapper: readonly string[], args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const start = join(projectRoot, 'tools', 'start.mjs');
    const child = spawn(wrapper[0]!, [...wrapper.slice(1), process.execPath, start, ...args], {
      stdio: 'inherit',
    });
    // Ctrl-C reaches the child by itself; a signal to us alone is passed on.
    const pass = (signal: NodeJS.Signals): void => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    };
    for (const signal of SIGNALS) process.on(signal, pass);
    child.on('error', reject);
    child.on('close', (status, signal) => {
      for (const each of SIGNALS) process.off(each, pass);
      resolve(status ?? exitStatus(signal ?? 'SIGTERM'));
    });
  });
}

/** The message of a failure; if a file of this project is wrong, it says what to do. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const isOfDisk =
    code === 'ENOSPC' || code === 'EROFS' || code === 'EACCES' || /\((ENOSPC|EDQUOT)\)/.test(message);
  if (!isOfDisk) return message;
  return `${message}\nwhat this writes is in ${join(projectRoot, 'build')}: make room there for some 100 MB, or have the right to write`;
}

function report(shortcomings: readonly string[]): number {
  if (shortcomings.length === 0) {
    say('every packet arrived: all is as it should be');
    return 0;
  }
  for (const shortcoming of shortcomings) say(`NOT AS IT SHOULD BE: ${shortcoming}`);
  return 1;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

function exitStatus(signal: NodeJS.Signals): number {
  return 128 + ({ SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }[signal as string] ?? 15);
}
