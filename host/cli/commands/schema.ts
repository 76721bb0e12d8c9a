import { controlJsonSchema } from '../../daemon/control-schema.ts';
import { configurationJsonSchema } from '../../policy/configuration/configuration-schema.ts';
import { PieceRegistry } from '../../policy/pieces/piece-registry.ts';
import { jsonText } from '../../stack/foreign-text.ts';
import { configurationReference } from '../text/configuration-reference.ts';
import { controlReference } from '../text/control-reference.ts';
import { type AddCommand, jsonOption } from './command-context.ts';

/** `funnel schema`: the JSON Schema that editors complete and check a configuration with. */
export const addSchema: AddCommand = (parent, { output }) => {
  parent
    .command('schema')
    .description('print the JSON Schema of a configuration, for editors; always as JSON')
    .option('--control', 'print the schema of the control protocol instead')
    .option('--reference', 'print the same as a document in Markdown')
    .addOption(jsonOption().conflicts('reference'))
    .action(async ({ control = false, reference = false }: { control?: boolean; reference?: boolean }) => {
      if (control) {
        const schema = controlJsonSchema();
        output.write(reference ? controlReference(schema) : `${jsonText(schema, 2)}\n`);
        return;
      }
      const schema = configurationJsonSchema(await new PieceRegistry().describedPieces());
      output.write(reference ? configurationReference(schema) : `${jsonText(schema, 2)}\n`);
    });
};
