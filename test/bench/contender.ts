import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Running } from '../net/command.ts';
import type { Namespace } from '../net/namespace.ts';
import { funnelCommand } from '../net/project-root.ts';
import type { BenchOptions } from './bench-options.ts';

/** Starts `funnel run` with a configuration, under the profiler where that is wanted. */
export async function startFunnel(
  host: Namespace,
  configuration: string,
  folder: string,
  { profileFolder }: BenchOptions,
): Promise<Running> {
  const file = join(folder, `${host.name}.yaml`);
  writeFileSync(file, configuration);
  const profiling = profileFolder === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profileFolder];
  const running = host.start([process.execPath, ...profiling, funnelCommand, 'run', file], { cwd: folder });
  await running.waitFor(/^ready$/m, 30_000);
  return running;
}

/** Starts one of the C programs. */
export async function startBaseline(host: Namespace, argv: readonly string[]): Promise<Running> {
  const running = host.start(argv);
  await running.waitFor(/^ready$/m);
  return running;
}
