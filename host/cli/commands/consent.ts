import { relative } from 'node:path';
import { reviewConsent } from '../../policy/check/consent.ts';
import { printable } from '../../stack/foreign-text.ts';
import { consentText } from '../text/consent-text.ts';
import type { AddCommand } from './command-context.ts';

/** `funnel consent`: records what the component files of a configuration want. */
export const addConsent: AddCommand = (parent, { output, paint }) => {
  parent
    .command('consent')
    .description(
      'record what the component files of a configuration want; a version that wants more is refused from then on',
    )
    .argument('<file>', 'a configuration in YAML')
    .option('--show', 'only show what they want, beside what the record allows')
    .action(async (file: string, { show = false }: { show?: boolean }) => {
      const review = await reviewConsent(file);
      output.write(consentText(review, paint));
      if (show || (review.changes.length === 0 && review.gone.length === 0)) return;
      await review.record();
      output.write(`recorded in ${printable(relative('.', review.file))}\n`);
    });
};
