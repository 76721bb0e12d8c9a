import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A step of the set-up that could not be done. Its message is for the user; there is no stack trace to show.
 */
export class SetupFailure extends Error {
  /** @param {string} message @param {string} [log] everything the failed step printed */
  constructor(message, log) {
    super(message);
    this.name = 'SetupFailure';
    this.log = log;
  }
}

/** One line about the progress, on the error stream: the output belongs to what runs after the set-up. */
export function say(text) {
  process.stderr.write(`setup: ${text}\n`);
}

/**
 * Runs one command of a step quietly, keeps its output in `.setup/log/NAME.log`, and reports its time.
 *
 * @param {{ root: string, name: string, title: string, command: string, args: string[], env?:
 * NodeJS.ProcessEnv }} step
 * @returns {Promise<string>} what it printed
 * @throws {SetupFailure} with the whole log, when the command does not end with 0
 */
export async function runStep({ root, name, title, command, args, env }) {
  say(`${title} …`);
  const begun = performance.now();
  const { status, output } = await capture(command, args, root, env);
  const folder = join(root, '.setup', 'log');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.log`);
  writeFileSync(file, `$ ${[command, ...args].join(' ')}\n${output}`);
  if (status !== 0) {
    throw new SetupFailure(
      `${title}: failed (${status}). The log is also in ${file}`,
      readFileSync(file, 'utf8'),
    );
  }
  say(`${title}: done in ${((performance.now() - begun) / 1000).toFixed(1)} s`);
  return output;
}

const running = new Set();

/** Ends the command that is running, if any: an interrupt of the set-up interrupts that too. */
export function endRunningStep() {
  for (const child of running) child.kill('SIGTERM');
}

function capture(command, args, cwd, env) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env: env ?? process.env, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    let output = '';
    const take = (chunk) => {
      output += chunk;
    };
    child.stdout.setEncoding('utf8').on('data', take);
    child.stderr.setEncoding('utf8').on('data', take);
    const end = (status) => {
      running.delete(child);
      resolve({ status, output });
    };
    child.on('error', (error) => {
      output += `${error.message}\n`;
      end('could not be started');
    });
    child.on('close', (code, signal) => end(code ?? signal));
  });
}
