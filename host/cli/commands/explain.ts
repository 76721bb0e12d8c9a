import { preparePuzzle } from '../../policy/check/check-configuration.ts';
import { explainPuzzle } from '../../policy/check/explain-puzzle.ts';
import { jsonText } from '../../stack/foreign-text.ts';
import { explainText } from '../text/explain-text.ts';
import { type AddCommand, FILE_ARGUMENT, jsonOption, type SetOption, setOption } from './command-context.ts';

/** `funnel explain`: the parsing and the frame paths of a configuration. */
export const addExplain: AddCommand = (parent, { output, paint, input }) => {
  parent
    .command('explain')
    .description('show what may be parsed on each network, and the paths that frames may take')
    .argument('<file>', FILE_ARGUMENT)
    .addOption(setOption())
    .addOption(jsonOption())
    .action(async (file: string, { json = false, set }: SetOption & { json?: boolean }) => {
      const puzzle = await preparePuzzle(file, { standardInput: input, parameters: set });
      const paths = explainPuzzle(puzzle);
      if (json) output.write(`${jsonText({ configuration: puzzle.title, ...paths }, 2)}\n`);
      else output.write(explainText(puzzle, paths, paint));
    });
};
