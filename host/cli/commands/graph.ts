import { Option } from 'commander';
import { preparePuzzle } from '../../policy/check/check-configuration.ts';
import { graphDot, graphSvg } from '../text/graph-dot.ts';
import { graphText } from '../text/graph-text.ts';
import type { AddCommand } from './command-context.ts';

/** `funnel graph`: the pieces and networks of a configuration, as text or as a picture. */
export const addGraph: AddCommand = (parent, { output, paint }) => {
  parent
    .command('graph')
    .description('show how the pieces of a configuration join')
    .argument('<file>', 'a configuration in YAML')
    .addOption(
      new Option('--format <format>', 'what to print').choices(['text', 'dot', 'svg']).default('text'),
    )
    .action(async (file: string, { format }: { format: 'text' | 'dot' | 'svg' }) => {
      const puzzle = await preparePuzzle(file);
      if (format === 'svg') output.write(await graphSvg(puzzle));
      else output.write(format === 'dot' ? graphDot(puzzle) : graphText(puzzle, paint));
    });
};
