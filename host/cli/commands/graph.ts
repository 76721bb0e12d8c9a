import { Option } from 'commander';
import { preparePuzzle } from '../../policy/check/check-configuration.ts';
import { puzzleGraph } from '../../policy/check/puzzle-graph.ts';
import { jsonText } from '../../stack/foreign-text.ts';
import { graphDot, graphSvg } from '../text/graph-dot.ts';
import { graphText } from '../text/graph-text.ts';
import { type AddCommand, FILE_ARGUMENT, jsonOption, type SetOption, setOption } from './command-context.ts';

/** `funnel graph`: the pieces and networks of a configuration, as text or as a picture. */
export const addGraph: AddCommand = (parent, { output, paint, input }) => {
  parent
    .command('graph')
    .description('show how the pieces of a configuration join')
    .argument('<file>', FILE_ARGUMENT)
    .addOption(
      new Option('--format <format>', 'what to print').choices(['text', 'dot', 'svg']).default('text'),
    )
    .addOption(setOption())
    .addOption(jsonOption().conflicts('format'))
    .action(async (file: string, { format, json = false, set }: GraphOptions) => {
      const puzzle = await preparePuzzle(file, { standardInput: input, parameters: set });
      if (json) output.write(`${jsonText(puzzleGraph(puzzle), 2)}\n`);
      else if (format === 'svg') output.write(await graphSvg(puzzle));
      else output.write(format === 'dot' ? graphDot(puzzle) : graphText(puzzle, paint));
    });
};

interface GraphOptions extends SetOption {
  readonly format: 'text' | 'dot' | 'svg';
  readonly json?: boolean;
}
