#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../policy/package-root.ts';
import { funnelCommand } from './command.ts';
import { Output } from './output.ts';
import { paintFor } from './paint.ts';
import { errorText } from './report-error.ts';

const output = new Output(process.stdout);
const errors = new Output(process.stderr);
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
