import { askFunnel } from '../../daemon/control-client.ts';
import { findControl } from '../../daemon/control-path.ts';
import { differenceText } from '../text/difference-text.ts';
import type { AddCommand } from './command-context.ts';
import type { ControlOption } from './control-option.ts';

/** `funnel apply`: a running Funnel changes to another configuration. */
export const addApply: AddCommand = (parent, { output, paint }) => {
  parent
    .command('apply')
    .description(
      'change a running Funnel to this configuration while traffic flows: completely, or not at all',
    )
    .argument('<file>', 'a configuration in YAML')
    .option('--dry-run', 'only show what would change')
    .option('--consent', 'accept that new versions of components want more than the running ones')
    .option('--control <path>', 'the control socket of that Funnel')
    .action(async (file: string, options: ApplyOptions) => {
      const control = options.control ?? findControl(file);
      const { dryRun = false, consent = false } = options;
      const parameters = { file, directory: process.cwd(), dryRun, consent };
      const difference = await askFunnel(control, 'apply', parameters);
      output.write(differenceText(difference, paint));
    });
};

interface ApplyOptions extends ControlOption {
  readonly dryRun?: boolean;
  readonly consent?: boolean;
}
