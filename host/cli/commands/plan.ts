import { preparePuzzle } from '../../policy/check/check-configuration.ts';
import { jsonText } from '../../stack/foreign-text.ts';
import { jsonValues } from '../text/json-values.ts';
import { planJson, planText } from '../text/plan-text.ts';
import { type AddCommand, FILE_ARGUMENT, jsonOption, type SetOption, setOption } from './command-context.ts';

/** `funnel plan`: the joins of a configuration with their reasons. */
export const addPlan: AddCommand = (parent, { output, paint, input }) => {
  parent
    .command('plan')
    .description('show which Edges would be joined, why, and which properties each join has; opens nothing')
    .argument('<file>', FILE_ARGUMENT)
    .addOption(setOption())
    .addOption(jsonOption())
    .action(async (file: string, { json = false, set }: SetOption & { json?: boolean }) => {
      const puzzle = await preparePuzzle(file, { standardInput: input, parameters: set });
      output.write(json ? `${jsonText(jsonValues(planJson(puzzle)), 2)}\n` : planText(puzzle, paint));
    });
};
