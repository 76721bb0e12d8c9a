import { askFunnel } from '../../daemon/control-client.ts';
import { findControl } from '../../daemon/control-path.ts';
import { jsonText } from '../../stack/foreign-text.ts';
import { renderCounters, renderTitle } from '../text/counter-table.ts';
import type { AddCommand } from './command-context.ts';
import type { ControlOption } from './control-option.ts';

/** `funnel status`: the counters of a running Funnel, once. */
export const addStatus: AddCommand = (parent, { output, paint }) => {
  parent
    .command('status')
    .description('show the counters of a running Funnel')
    .option('--control <path>', 'its control socket')
    .option('--json', 'print JSON')
    .action(async ({ control = findControl(), json }: ControlOption & { json?: boolean }) => {
      const status = await askFunnel(control, 'snapshot', {});
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
      ];
      output.write(`${lines.join('\n')}\n`);
    });
};
