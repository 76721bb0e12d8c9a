import { askFunnel } from '../../daemon/control-client.ts';
import { findControl } from '../../daemon/find-control.ts';
import { jsonText } from '../../stack/foreign-text.ts';
import { type AddCommand, jsonOption } from './command-context.ts';
import type { ControlOption } from './control-option.ts';

/** `funnel end`: ends a running Funnel as a signal would. */
export const addEnd: AddCommand = (parent, { output }) => {
  parent
    .command('end')
    .description('end a running Funnel')
    .option('--control <path>', 'its control socket')
    .addOption(jsonOption())
    .action(async ({ control: given, json = false }: ControlOption & { json?: boolean }) => {
      const control = given ?? (await findControl());
      await askFunnel(control, 'end', {});
      if (json) output.write(`${jsonText({ control })}\n`);
    });
};
