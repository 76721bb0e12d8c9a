import { existsSync } from 'node:fs';
import { checkConfiguration } from '../../policy/check/check-configuration.ts';
import { ConfigurationError } from '../../policy/configuration/configuration-error.ts';
import { configurationPath } from '../../policy/configuration/configuration-name.ts';
import { consentFileOf } from '../../policy/pieces/consent-record.ts';
import { jsonText, printable } from '../../stack/foreign-text.ts';
import { EXIT } from '../text/exit-status.ts';
import { plural } from '../text/quantity.ts';
import {
  type AddCommand,
  FILE_ARGUMENT,
  jsonOption,
  quietOption,
  type SetOption,
  setOption,
} from './command-context.ts';

/** `funnel check`: every mistake in a configuration. Opens nothing. */
export const addCheck: AddCommand = (parent, { output, input }) => {
  parent
    .command('check')
    .description('report every mistake in a configuration, or that there is none')
    .argument('<file>', FILE_ARGUMENT)
    .addOption(setOption())
    .addOption(jsonOption())
    .addOption(quietOption())
    .action(async (file: string, { json = false, quiet = false, set }: CheckOptions) => {
      const { puzzle, mistakes } = await checkConfiguration(file, { standardInput: input, parameters: set });
      if (puzzle === undefined) {
        if (!json) throw new ConfigurationError(mistakes);
        process.exitCode = EXIT.configuration;
      }
      const componentFiles = puzzle?.pieces.filter(({ claims }) => claims !== undefined) ?? [];
      const isUnrecorded =
        componentFiles.length > 0 && (file === '-' || !existsSync(consentFileOf(configurationPath(file))));
      if (json) {
        const counts =
          puzzle === undefined ? {} : { pieces: puzzle.pieces.length, networks: puzzle.networks.size };
        const result = { configuration: file, good: puzzle !== undefined, ...counts, mistakes, isUnrecorded };
        output.write(`${jsonText(result, 2)}\n`);
        return;
      }
      if (puzzle === undefined || quiet) return;
      const pieces = plural(puzzle.pieces.length, 'piece');
      output.write(
        `${printable(puzzle.title)}: good: ${pieces} on ${plural(puzzle.networks.size, 'network')}\n`,
      );
      if (!isUnrecorded || file === '-') return;
      output.write(
        'there is no consent record for its component files, so newer versions that want more are accepted ' +
          `until you run \`funnel consent ${printable(file)}\`\n`,
      );
    });
};

interface CheckOptions extends SetOption {
  readonly json?: boolean;
  readonly quiet?: boolean;
}
