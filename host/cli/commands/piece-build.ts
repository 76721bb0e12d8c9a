import { existsSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { jsonText, printable } from '../../stack/foreign-text.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import { plural } from '../text/quantity.ts';
import { buildTools, missingTools } from './author-tools.ts';
import { type AddCommand, jsonOption } from './command-context.ts';

/** `funnel piece build`: a component of a piece in AssemblyScript. */
export const addPieceBuild: AddCommand = (parent, { output }) => {
  parent
    .command('build')
    .description('build a piece in AssemblyScript; makes NAME.wasm in its folder')
    .argument('<folder>', 'the folder with assembly/index.ts')
    .option('--output <file>', 'the component file to write')
    .addOption(jsonOption())
    .action(async (folder: string, options: { output?: string; json?: boolean }) => {
      const file = options.output ?? join(folder, `${basename(resolve(folder))}.wasm`);
      const component = await built(folder);
      writeFileSync(file, component);
      if (options.json === true) output.write(`${jsonText({ file, bytes: component.length }, 2)}\n`);
      else output.write(`${printable(file)}: ${plural(component.length, 'byte')}\n`);
    });
};

/**
 * @throws {FunnelError} `FT_PIECE_ABSENT`; `FT_PIECE_BUILD` with what the compiler reports; `FT_PIECE_TOOLS`
 */
export async function built(folder: string): Promise<Uint8Array> {
  if (!existsSync(join(folder, 'assembly', 'index.ts'))) {
    const what = existsSync(folder) ? `${folder} has no assembly/index.ts` : `there is no folder ${folder}`;
    throw new FunnelError(
      'FT_PIECE_ABSENT',
      `${what}; name the folder of a piece, which \`funnel piece new\` makes`,
    );
  }
  const { buildPiece } = await buildTools();
  try {
    return await buildPiece(folder);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'FT_PIECE_BUILD')
      throw new FunnelError('FT_PIECE_BUILD', error.message, { cause: error });
    throw missingTools(error);
  }
}
