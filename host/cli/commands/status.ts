import { askFunnel } from '../../daemon/control-client.ts';
import { findControl } from '../../daemon/find-control.ts';
import { jsonText } from '../../stack/foreign-text.ts';
import { reasonSentences, renderCounters, renderTitle } from '../text/counter-table.ts';
import { type AddCommand, jsonOption } from './command-context.ts';
import type { ControlOption } from './control-option.ts';

/** `funnel status`: the counters of a running Funnel, once. */
export const addStatus: AddCommand = (parent, { output, paint }) => {
  parent
    .command('status')
    .description('show the counters of a running Funnel')
    .option('--control <path>', 'its control socket')
    .option('--reasons', 'explain each reason for which frames ended')
    .addOption(jsonOption())
    .action(async ({ control, json, reasons = false }: StatusOptions) => {
      const status = await askFunnel(control ?? (await findControl()), 'snapshot', {});
      if (json === true) {
        output.write(`${jsonText(status, 2)}\n`);
        return;
      }
      const columns = output.isTTY ? output.columns : 100;
      const title = `${status.configuration} (process ${status.process})`;
      const lines = [
        renderTitle(title, status.snapshot, columns, paint),
        '',
        ...renderCounters(status.snapshot, undefined, columns, paint),
        ...(reasons ? ['', ...reasonSentences(status.snapshot, columns)] : []),
      ];
      output.write(`${lines.join('\n')}\n`);
    });
};

interface StatusOptions extends ControlOption {
  readonly json?: boolean;
  readonly reasons?: boolean;
}
