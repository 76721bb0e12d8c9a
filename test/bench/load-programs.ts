import { join } from 'node:path';
import type { Namespace } from '../net/namespace.ts';
import { projectRoot } from '../net/project-root.ts';

/** Starts `load-servers.ts` in a host. */
export async function startLoadServers(host: Namespace): Promise<void> {
  await host.start([process.execPath, program('load-servers')]).waitFor(/^ready$/m);
}

/** The command line of `client-load.ts`, which prints one figure. */
export function clientLoad(
  kind: 'stream' | 'connections',
  amount: number,
  address: string,
  port: number,
): readonly string[] {
  return [process.execPath, program('client-load'), kind, String(amount), address, String(port)];
}

function program(name: string): string {
  return join(projectRoot, 'dist', 'test', 'bench', `${name}.js`);
}
