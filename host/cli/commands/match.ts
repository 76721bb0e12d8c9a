import { resolve } from 'node:path';
import { matchStacks } from '../../policy/pieces/match-stacks.ts';
import { PieceRegistry } from '../../policy/pieces/piece-registry.ts';
import { jsonText } from '../../stack/foreign-text.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import { EXIT } from '../text/exit-status.ts';
import { matchText } from '../text/match-text.ts';
import { type AddCommand, jsonOption, quietOption } from './command-context.ts';

/** `funnel match`: compares two protocol stacks. */
export const addMatch: AddCommand = (parent, { output, paint }) => {
  parent
    .command('match')
    .description('show whether two protocol stacks match, and why; the exit status is 1 when they do not')
    .argument('<stack>', 'for example ip/udp/sip')
    .argument('<stack>', 'for example ethernet/ip')
    .option('--piece <name...>', 'pieces that define protocols which the stacks name')
    .addOption(jsonOption())
    .addOption(quietOption())
    .action(async (first: string, second: string, { piece = [], json, quiet }: MatchOptions) => {
      const match = await matchStacks(new PieceRegistry(), first, second, {
        pieces: piece,
        directory: resolve('.'),
      }).catch((error: unknown) => {
        // The stacks are arguments.
        if (error instanceof FunnelError && error.code.startsWith('FT_STACK_')) process.exitCode = EXIT.usage;
        throw error;
      });
      if (json === true) output.write(`${jsonText(match, 2)}\n`);
      else if (quiet !== true) output.write(matchText(match, paint));
      if (!match.matches) process.exitCode = EXIT.no;
    });
};

interface MatchOptions {
  readonly piece?: string[];
  readonly json?: boolean;
  readonly quiet?: boolean;
}
