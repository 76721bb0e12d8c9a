import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import { packageRoot } from '../policy/pieces/package-root.ts';
import { jsonText } from '../stack/foreign-text.ts';
import { FunnelError } from '../stack/funnel-error.ts';
import { asksForJson, funnelCommand, usageError, usageStatusOf } from './command.ts';
import { Output } from './report/output.ts';
import { errorJson, errorText } from './text/error-text.ts';
import { EXIT, exitStatusOf } from './text/exit-status.ts';
import { paintFor } from './text/paint.ts';

// A message that could not be written shows in the status, also when a running Funnel continued.
const errors = new Output(process.stderr, () => {
  process.exitCode = EXIT.refused;
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

const args = process.argv.slice(2);
let isJson = asksForJson(args);

function fail(error: unknown): void {
  if (error instanceof CommanderError) {
    process.exitCode = usageStatusOf(error, args);
    if (isJson && process.exitCode !== 0) errors.write(`${jsonText(errorJson(usageError(error)))}\n`);
    return;
  }
  errors.write(isJson ? `${jsonText(errorJson(error))}\n` : errorText(error, paintFor(process.stderr)));
  // A command may have set a more specific status.
  process.exitCode ||= exitStatusOf(error);
}

// An error thrown outside any promise, such as in a callback of a socket, leaves the Funnel in an unknown
// state.
process.on('uncaughtException', (error) => {
  fail(error);
  process.exit();
});

try {
  const paint = paintFor(process.stdout);
  const context = { output, errors, paint, input: process.stdin };
  const onJson = (): void => {
    isJson = true;
  };
  await funnelCommand(context, { version, onJson, isJson }).parseAsync();
} catch (error) {
  fail(error);
}
