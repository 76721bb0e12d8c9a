#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../policy/pieces/package-root.ts';
import { FunnelError } from '../stack/funnel-error.ts';
import { funnelCommand } from './command.ts';
import { Output } from './report/output.ts';
import { errorText } from './text/error-text.ts';
import { paintFor } from './text/paint.ts';

// A message that could not be written makes the status 1, also when a running Funnel continued.
const errors = new Output(process.stderr, () => {
  process.exitCode = 1;
});
const output = new Output(process.stdout, (code) => {
  fail(
    new FunnelError(
      'FT_OUTPUT',
      `standard output cannot be written (${code}), and the text is lost; make room there, or send it elsewhere`,
    ),
  );
});
const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as {
  version: string;
};

function fail(error: unknown): void {
  errors.write(errorText(error, paintFor(process.stderr)));
  // A command may have set a status that says more.
  process.exitCode ||= 1;
}

// An error thrown outside any promise, such as in a callback of a socket, leaves the Funnel in an unknown
// state.
process.on('uncaughtException', (error) => {
  fail(error);
  process.exit(1);
});

try {
  const paint = paintFor(process.stdout);
  await funnelCommand({ output, errors, paint }, { version }).parseAsync();
} catch (error) {
  fail(error);
}
