import { askFunnel } from '../../daemon/control-client.ts';
import { findControl } from '../../daemon/control-path.ts';
import type { AddCommand } from './command-context.ts';
import type { ControlOption } from './control-option.ts';

/** `funnel end`: ends a running Funnel as a signal would. */
export const addEnd: AddCommand = (parent) => {
  parent
    .command('end')
    .description('end a running Funnel')
    .option('--control <path>', 'its control socket')
    .action(async ({ control = findControl() }: ControlOption) => {
      await askFunnel(control, 'end', {});
    });
};
