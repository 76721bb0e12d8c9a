import { joinConfiguration } from '../../exec/join-line.ts';
import { describePiece, PieceRegistry } from '../../policy/pieces/piece-registry.ts';
import { jsonText } from '../../stack/foreign-text.ts';
import { yamlText } from '../text/yaml-text.ts';
import type { AddCommand } from './command-context.ts';
import { addRunOptions, type RunOptions, run } from './run.ts';

/** `funnel join`: runs a puzzle that the command line describes, by the URLs of its endpoints. */
export const addJoin: AddCommand = (parent, context) => {
  const command = parent
    .command('join')
    .description('join endpoints, each by its URL, and run until SIGINT or SIGTERM')
    .argument('<url...>', 'endpoints, such as tun://fun0 or udp://0.0.0.0:25790 (funnel piece doc NAME: URL)')
    .option('--through <piece>', 'put a piece between, as PIECE?setting=value; may be repeated', collect)
    .option('--print', 'only print the configuration that this stands for');
  addRunOptions(command).action(async (urls: readonly string[], options: JoinOptions) => {
    const registry = new PieceRegistry();
    const configuration = await joinConfiguration(urls, options.through ?? [], (reference) =>
      describePiece(registry, reference, process.cwd()),
    );
    if (options.print !== true) return run(configuration, options, context);
    context.output.write(options.json === true ? `${jsonText(configuration, 2)}\n` : yamlText(configuration));
  });
};

interface JoinOptions extends RunOptions {
  readonly through?: readonly string[];
  readonly print?: boolean;
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
