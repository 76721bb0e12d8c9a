import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BenchOptions } from './bench-options.ts';

/**
 * Runs the chosen rows in a process that is profiled, and prints the functions in which the time went. Groups
 * that start Funnels of their own have those profiled too.
 *
 * @returns the exit status
 */
export async function runProfiled(options: BenchOptions): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'funnel-profile-'));
  try {
    const main = fileURLToPath(new URL('./main.js', import.meta.url));
    const args = ['--prof', options.profile!, ...(options.isQuick ? ['--quick'] : [])];
    if (options.json !== undefined) args.push('--json', options.json);
    const child = spawn(process.execPath, ['--cpu-prof', '--cpu-prof-dir', folder, main, ...args], {
      stdio: 'inherit',
      env: { ...process.env, FUNNEL_BENCH_PROFILES: folder },
    });
    const status = await new Promise<number>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => resolve(code ?? 1));
    });
    for (const file of readdirSync(folder)
      .filter((name) => name.endsWith('.cpuprofile'))
      .sort()) {
      process.stdout.write(`\n${file}\n${describeProfile(readFileSync(join(folder, file), 'utf8'))}`);
    }
    return status;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** As V8 writes it with `--cpu-prof`. */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** The functions with most time of their own, each with its share of the time in which anything ran. */
export function describeProfile(json: string): string {
  const profile = JSON.parse(json) as CpuProfile;
  const names = new Map<number, string>();
  for (const { id, callFrame } of profile.nodes) {
    const file = callFrame.url.replace(/^.*\/(?=[^/]+\/[^/]+$)/, '');
    const place = file === '' ? '' : ` ${file}:${callFrame.lineNumber + 1}`;
    names.set(id, `${callFrame.functionName || '(anonymous)'}${place}`);
  }
  const own = new Map<string, number>();
  let busy = 0;
  profile.samples.forEach((id, n) => {
    const name = names.get(id) ?? '?';
    if (name === '(idle)') return;
    const micros = profile.timeDeltas[n] ?? 0;
    busy += micros;
    own.set(name, (own.get(name) ?? 0) + micros);
  });
  const lines = [...own]
    .sort((a, b) => b[1] - a[1])
    .slice(0, FUNCTIONS)
    .map(([name, micros]) => `${((100 * micros) / busy).toFixed(1).padStart(6)} %  ${name}`);
  return `${lines.join('\n')}\n`;
}

const FUNCTIONS = 25;
