import type { Target } from './targets.ts';
import { targetOf } from './targets.ts';

/** One measured figure, as it stands in the JSON file. */
export interface Figure {
  readonly value: number;
  readonly unit: string;
  /** `value` divided by that of the row `against` of the same run. */
  readonly ratio?: number;
  readonly against?: string;
}

/** The figures of a run, by row. */
export class Report {
  readonly #figures = new Map<string, Figure>();
  readonly #skipped = new Map<string, string>();

  add(row: string, value: number, unit: string, against?: string): void {
    const other = against === undefined ? undefined : this.#figures.get(against);
    const figure: Figure =
      other === undefined ? { value, unit } : { value, unit, ratio: value / other.value, against: against! };
    this.#figures.set(row, figure);
  }

  /** A row, or a group of them, that could not be measured here. */
  skip(row: string, reason: string): void {
    this.#skipped.set(row, reason);
  }

  get skipped(): ReadonlyMap<string, string> {
    return this.#skipped;
  }

  toJson(): string {
    const rounded = [...this.#figures].map(([row, figure]) => [
      row,
      {
        ...figure,
        value: round(figure.value),
        ...(figure.ratio === undefined ? {} : { ratio: round(figure.ratio) }),
      },
    ]);
    return `${JSON.stringify(Object.fromEntries(rounded), undefined, 2)}\n`;
  }

  toTable(): string {
    const lines: string[][] = [['row', 'value', 'unit', 'ratio', 'against', 'target']];
    for (const [row, { value, unit, ratio, against }] of this.#figures) {
      lines.push([
        row,
        format(value),
        unit,
        ratio === undefined ? '' : ratio.toFixed(2),
        against ?? '',
        targetOf(row)
          .map((target) => verdict(target, value, ratio))
          .join(', '),
      ]);
    }
    const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
    const table = lines.map((line) =>
      line
        .map((cell, column) =>
          column === 1 || column === 3 ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
        )
        .join('  ')
        .trimEnd(),
    );
    for (const [row, reason] of this.#skipped) table.push(`${row}: skipped, ${reason}`);
    return `${table.join('\n')}\n`;
  }
}

function verdict({ most, least, of }: Target, value: number, ratio: number | undefined): string {
  const measured = of === 'value' ? value : ratio;
  if (measured === undefined) return '';
  const limits = [
    ...(least === undefined ? [] : [`≥ ${least}`]),
    ...(most === undefined ? [] : [`≤ ${most}`]),
  ];
  const isMet = measured >= (least ?? measured) && measured <= (most ?? measured);
  return `${of === 'ratio' ? 'ratio ' : ''}${limits.join(' and ')} ${isMet ? 'met' : 'MISSED'}`;
}

function format(value: number): string {
  if (value >= 1000) return Math.round(value).toString();
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function round(value: number): number {
  return Number(value.toPrecision(5));
}
