import { preparePuzzle } from '../../policy/check/check-configuration.ts';
import { planText } from '../text/plan-text.ts';
import type { AddCommand } from './command-context.ts';

/** `funnel plan`: the joins of a configuration with their reasons. */
export const addPlan: AddCommand = (parent, { output, paint }) => {
  parent
    .command('plan')
    .description('show which Edges would be joined, why, and which properties each join has; opens nothing')
    .argument('<file>', 'a configuration in YAML')
    .action(async (file: string) => output.write(planText(await preparePuzzle(file), paint)));
};
