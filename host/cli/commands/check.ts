import { existsSync } from 'node:fs';
import { checkConfiguration } from '../../policy/check/check-configuration.ts';
import { ConfigurationError } from '../../policy/configuration/configuration-error.ts';
import { consentFileOf } from '../../policy/pieces/consent-record.ts';
import { printable } from '../../stack/foreign-text.ts';
import { plural } from '../text/quantity.ts';
import type { AddCommand } from './command-context.ts';

/** `funnel check`: every mistake in a configuration. Opens nothing. */
export const addCheck: AddCommand = (parent, { output }) => {
  parent
    .command('check')
    .description('report every mistake in a configuration, or that there is none')
    .argument('<file>', 'a configuration in YAML')
    .action(async (file: string) => {
      const { puzzle, mistakes } = await checkConfiguration(file);
      if (puzzle === undefined) throw new ConfigurationError(mistakes);
      const pieces = plural(puzzle.pieces.length, 'piece');
      output.write(`${printable(file)}: good: ${pieces} on ${plural(puzzle.networks.size, 'network')}\n`);
      const componentFiles = puzzle.pieces.filter(({ claims }) => claims !== undefined);
      if (componentFiles.length === 0 || existsSync(consentFileOf(file))) return;
      output.write(
        'no record says what its component files want: newer versions that want more are accepted ' +
          `until you run \`funnel consent ${printable(file)}\`\n`,
      );
    });
};
