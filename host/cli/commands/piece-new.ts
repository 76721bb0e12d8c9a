import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { jsonText, printable } from '../../stack/foreign-text.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import { pieceTemplate } from '../text/piece-template.ts';
import { type AddCommand, jsonOption } from './command-context.ts';

/** `funnel piece new`: the folder of a new piece, which builds and runs without a change. */
export const addPieceNew: AddCommand = (parent, { output }) => {
  parent
    .command('new')
    .description('make a folder with a new piece in AssemblyScript, its manual page and a configuration')
    .argument('<folder>', 'the folder; its name is the name of the piece')
    .addOption(jsonOption())
    .action((folder: string, { json = false }: { json?: boolean }) => {
      const name = basename(resolve(folder));
      if (!NAME.test(name))
        throw new FunnelError(
          'FT_PIECE_NAME',
          `\`${name}\` cannot be the name of a piece; a name begins with a letter, and has small letters, digits and \`-\``,
        );
      if (existsSync(folder) && readdirSync(folder).length > 0)
        throw new FunnelError('FT_PIECE_FOLDER', `the folder ${folder} is not empty; name another one`);
      const files = pieceTemplate(name);
      for (const [path, text] of files) {
        const file = join(folder, path);
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, text, { flag: 'wx' });
      }
      if (json) output.write(`${jsonText({ name, folder, files: [...files.keys()] }, 2)}\n`);
      else {
        const shown = printable(folder);
        output.write(`${[...files.keys()].map((path) => `${join(shown, path)}\n`).join('')}`);
        output.write(`next: funnel piece test ${shown}; cd ${shown}; funnel run ${name}.yaml\n`);
      }
    });
};

const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
