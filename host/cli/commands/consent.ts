import { relative } from 'node:path';
import { reviewConsent } from '../../policy/check/consent.ts';
import { jsonText, printable } from '../../stack/foreign-text.ts';
import { consentText } from '../text/consent-text.ts';
import { type AddCommand, jsonOption, quietOption, type SetOption, setOption } from './command-context.ts';

/** `funnel consent`: records what the component files of a configuration want. */
export const addConsent: AddCommand = (parent, { output, paint }) => {
  parent
    .command('consent')
    .description(
      'record what the component files of a configuration want; a version that wants more is refused from then on',
    )
    .argument('<file>', 'a configuration: a name, or a YAML file')
    .option('--show', 'only show what they want, beside what the record allows')
    .addOption(setOption())
    .addOption(jsonOption())
    .addOption(quietOption())
    .action(async (file: string, { show = false, json = false, quiet = false, set }: ConsentOptions) => {
      const { record, ...review } = await reviewConsent(file, { parameters: set });
      const isRecorded = !show && (review.changes.length > 0 || review.gone.length > 0);
      if (!json && !quiet) output.write(consentText(review, paint));
      if (isRecorded) await record();
      if (json) output.write(`${jsonText({ ...review, isRecorded }, 2)}\n`);
      else if (isRecorded && !quiet) output.write(`recorded in ${printable(relative('.', review.file))}\n`);
    });
};

interface ConsentOptions extends SetOption {
  readonly show?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}
