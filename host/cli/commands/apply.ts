import { askFunnel } from '../../daemon/control-client.ts';
import { findControl } from '../../daemon/find-control.ts';
import { ConfigurationError } from '../../policy/configuration/configuration-error.ts';
import { configurationPath } from '../../policy/configuration/configuration-name.ts';
import { readText } from '../../policy/configuration/read-text.ts';
import { jsonText } from '../../stack/foreign-text.ts';
import { differenceText } from '../text/difference-text.ts';
import {
  type AddCommand,
  FILE_ARGUMENT,
  jsonOption,
  quietOption,
  type SetOption,
  setOption,
} from './command-context.ts';
import type { ControlOption } from './control-option.ts';

/** `funnel apply`: a running Funnel changes to another configuration. */
export const addApply: AddCommand = (parent, { output, paint, input }) => {
  parent
    .command('apply')
    .description(
      'change a running Funnel to this configuration while traffic flows: completely, or not at all',
    )
    .argument('<file>', FILE_ARGUMENT)
    .option('--dry-run', 'only show what would change')
    .option('--consent', 'accept that new versions of components want more than the running ones')
    .option('--control <path>', 'the control socket of that Funnel')
    .addOption(setOption())
    .addOption(jsonOption())
    .addOption(quietOption())
    .action(async (given: string, options: ApplyOptions) => {
      const file = configurationPath(given);
      const control = options.control ?? (await findControl(file === '-' ? undefined : file));
      const { dryRun = false, consent = false } = options;
      const subject = file === '-' ? { configuration: await readInput(input) } : { file };
      const { set = {} } = options;
      const difference = await askFunnel(control, 'apply', {
        ...subject,
        directory: process.cwd(),
        parameters: { ...set },
        dryRun,
        consent,
      });
      if (options.json === true) output.write(`${jsonText(difference, 2)}\n`);
      else if (options.quiet !== true) output.write(differenceText(difference, paint));
    });
};

interface ApplyOptions extends ControlOption, SetOption {
  readonly dryRun?: boolean;
  readonly consent?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/**
 * The structure on standard input, as it is written. The running Funnel cannot read this stream, so the
 * structure goes to it, and the Funnel reads what it includes.
 *
 * @throws {ConfigurationError} if it is not YAML, or not a mapping
 */
async function readInput(input: AsyncIterable<Uint8Array>): Promise<Record<string, unknown>> {
  const { value, mistakes } = await readText('-', process.cwd(), { standardInput: input });
  if (mistakes.length === 0 && (typeof value !== 'object' || value === null || Array.isArray(value))) {
    const hint = 'a configuration begins with `pieces:`';
    mistakes.add('FT_CONFIG_STRUCTURE', [], 'this is no mapping', { hint });
  }
  if (mistakes.length > 0) throw new ConfigurationError(mistakes.sorted());
  return value as Record<string, unknown>;
}
