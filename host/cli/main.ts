#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../policy/pieces/package-root.ts';
import { FunnelError } from '../stack/funnel-error.ts';
import { funnelCommand } from './command.ts';
import { Output } from './output.ts';
import { paintFor } from './paint.ts';
import { errorText } from './report-error.ts';

// Whoever was not told all has a status that says so, also when a running Funnel went on.
const errors = new Output(process.stderr, () => {
  process.exitCode = 1;
});
const output = new Output(process.stdout, (code) => {
  fail(
    new FunnelError(
      'FT_OUTPUT',
      `standard output cannot be written (${code}), and what was to stand there is lost; make room there, or send it elsewhere`,
    ),
  );
});
const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as {
  version: string;
};

function fail(error: unknown): void {
  errors.write(errorText(error, paintFor(process.stderr)));
  process.exitCode = 1;
}

// What is thrown outside of any promise, such as from a callback of a socket, leaves the Funnel in no known state.
process.on('uncaughtException', (error) => {
  fail(error);
  process.exit(1);
});

try {
  await funnelCommand({ output, errors, version }).parseAsync();
} catch (error) {
  fail(error);
}
