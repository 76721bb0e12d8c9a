import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { type BenchOptions, readBenchOptions, USAGE } from './bench-options.ts';
import { changeGroup } from './change-group.ts';
import { examinationGroup } from './examination-group.ts';
import { execGroup } from './exec-group.ts';
import { fuelGroup } from './fuel-group.ts';
import type { Group } from './group.ts';
import { heapGroup } from './heap-group.ts';
import { hopGroup } from './hop-group.ts';
import { laneGroup } from './lane-group.ts';
import { neighboursGroup } from './neighbours-group.ts';
import { overloadGroup } from './overload-group.ts';
import { runProfiled } from './profile.ts';
import { Report } from './report.ts';
import { sipGroup } from './sip-group.ts';
import { tcpGroup } from './tcp-group.ts';
import { tunTunGroup } from './tun-tun-group.ts';
import { tunUdpGroup } from './tun-udp-group.ts';
import { watchdogGroup } from './watchdog-group.ts';

/** Runs the bench and prints its table. @returns the exit status */
export async function runBench(argv: readonly string[]): Promise<number> {
  let options: BenchOptions;
  try {
    options = readBenchOptions(argv);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}\n`);
    return 2;
  }
  if (options.profile !== undefined && options.profileFolder === undefined) return runProfiled(options);
  const report = new Report();
  let failures = 0;
  for (const group of GROUPS) {
    if (!isWanted(group, options.only)) continue;
    process.stderr.write(`${group.name} …\n`);
    try {
      await group.run(options, report);
    } catch (error) {
      // The figures of the other groups are useful all the same; the exit status reports the failure.
      failures++;
      report.skip(group.name, `failed: ${error instanceof Error ? error.message : String(error)}`);
      if (error instanceof Error && error.stack !== undefined) process.stderr.write(`${error.stack}\n`);
    }
  }
  process.stdout.write(report.toTable());
  if (options.json !== undefined) writeFileSync(options.json, report.toJson());
  return failures === 0 ? 0 : 1;
}

const GROUPS: readonly Group[] = [
  hopGroup,
  laneGroup,
  overloadGroup,
  changeGroup,
  heapGroup,
  fuelGroup,
  watchdogGroup,
  examinationGroup,
  neighboursGroup,
  tunTunGroup,
  tunUdpGroup,
  tcpGroup,
  execGroup,
  sipGroup,
];

function isWanted({ name }: Group, only: string | undefined): boolean {
  return only === undefined || only.startsWith(name) || name.startsWith(only);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = await runBench(process.argv.slice(2));
}
