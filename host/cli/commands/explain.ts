import { preparePuzzle } from '../../policy/check/check-configuration.ts';
import { explainPuzzle } from '../../policy/check/explain-puzzle.ts';
import { explainText } from '../text/explain-text.ts';
import type { AddCommand } from './command-context.ts';

/** `funnel explain`: the parsing and the frame paths of a configuration. */
export const addExplain: AddCommand = (parent, { output, paint }) => {
  parent
    .command('explain')
    .description('show what may be parsed on each network, and the paths that frames may take')
    .argument('<file>', 'a configuration in YAML')
    .action(async (file: string) => {
      const puzzle = await preparePuzzle(file);
      output.write(explainText(puzzle, explainPuzzle(puzzle), paint));
    });
};
