import { controlFolder } from '../../daemon/control-path.ts';
import { controlsOf, tidySockets } from '../../daemon/find-control.ts';
import {
  configurationPath,
  listNames,
  type NamedFile,
} from '../../policy/configuration/configuration-name.ts';
import { readText } from '../../policy/configuration/read-text.ts';
import { jsonText } from '../../stack/foreign-text.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import { type ListedName, listText } from '../text/list-text.ts';
import { type AddCommand, jsonOption } from './command-context.ts';

/** `funnel list`: the configurations that have a name, and which of them run. */
export const addList: AddCommand = (parent, { output, paint }) => {
  parent
    .command('list')
    .description('list the configurations that have a name, and which of them this user runs')
    .addOption(jsonOption())
    .action(async ({ json = false }: { json?: boolean }) => {
      const folder = controlFolder(process);
      const sockets = folder === undefined ? [] : await tidySockets(folder);
      const listed: ListedName[] = [];
      for (const named of listNames()) listed.push(await look(named, sockets));
      output.write(json ? `${jsonText(listed, 2)}\n` : listText(listed, paint));
    });
};

/** @param sockets the control sockets of this user */
async function look({ name, files }: NamedFile, sockets: readonly string[]): Promise<ListedName> {
  try {
    const file = configurationPath(name);
    const [control] = controlsOf(file, sockets);
    if (control !== undefined) return { name, files, state: 'running', control };
    const { mistakes } = await readText(file, process.cwd(), { isTrusted: true });
    const [mistake] = mistakes.sorted();
    if (mistake === undefined) return { name, files, state: 'stopped' };
    return { name, files, state: 'refused', error: { code: mistake.code, message: mistake.message } };
  } catch (error) {
    if (!(error instanceof FunnelError)) throw error;
    return { name, files, state: 'refused', error: { code: error.code, message: error.message } };
  }
}
