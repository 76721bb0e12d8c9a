import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../net/command.ts';
import { projectRoot } from '../net/project-root.ts';

/**
 * Compiles one of the C programs beside this, unless that has been done with the same source.
 *
 * @returns the file to run
 * @throws CommandError with what the compiler said
 */
export async function buildBaseline(name: 'relay' | 'sixbed' | 'probe' | 'sip'): Promise<string> {
  const sources = join(projectRoot, 'test', 'bench', 'baseline');
  const hash = createHash('sha256');
  for (const file of [`${name}.c`, 'tun.h']) hash.update(readFileSync(join(sources, file)));
  const folder = join(projectRoot, 'build', 'bench');
  const program = join(folder, `${name}-${hash.digest('hex').slice(0, 12)}`);
  if (!existsSync(program)) {
    mkdirSync(folder, { recursive: true });
    const made = `${program}.${process.pid}`;
    await run(['cc', '-O2', '-Wall', '-std=gnu11', '-o', made, join(sources, `${name}.c`)]);
    renameSync(made, program);
  }
  return program;
}
