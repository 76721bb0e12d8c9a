import { configurationJsonSchema } from '../../policy/configuration/configuration-schema.ts';
import { type AddCommand, jsonOption } from './command-context.ts';

/** `funnel schema`: the JSON Schema that editors complete and check a configuration with. */
export const addSchema: AddCommand = (parent, { output }) => {
  parent
    .command('schema')
    .description('print the JSON Schema of a configuration, for editors')
    .addOption(jsonOption())
    .action(() => output.write(`${JSON.stringify(configurationJsonSchema(), undefined, 2)}\n`));
};
