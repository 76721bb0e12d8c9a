import type { BenchOptions } from './bench-options.ts';
import type { Report } from './report.ts';

/** Rows that are measured together. Their names begin with the name of the group. */
export interface Group {
  readonly name: string;
  run(options: BenchOptions, report: Report): Promise<void>;
}
