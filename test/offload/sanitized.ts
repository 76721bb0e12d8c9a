import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../abi/build/package-root.ts';

/**
 * Compiles a program of this folder with files of the addon, under sanitizers, which end it at the first byte
 * that it reads or writes beyond its own.
 */
export function compileSanitized(into: string, program: string, addonFiles: readonly string[]): void {
  const sanitize = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
  const how = ['-std=gnu11', '-D_GNU_SOURCE', '-O1', '-Wall', '-Wextra', '-Werror', ...sanitize];
  const addon = join(packageRoot(), 'host/endpoint/addon');
  const sources = [
    join(packageRoot(), 'test/offload', program),
    ...addonFiles.map((each) => join(addon, each)),
  ];
  execFileSync('cc', [...how, '-o', into, ...sources]);
}
