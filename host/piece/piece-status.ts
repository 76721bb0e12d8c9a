import type { Health } from '../../abi/host/contract.ts';

/** The last report of a piece about itself, for the user. */
export interface PieceStatus {
  /** `good`, `pending`, `impaired` or `failed`; the contract defines their meanings. */
  readonly health: Health;
  /** One short sentence. */
  readonly summary: string;
  /** Values by name (in kebab-case), in the order of the piece's report. */
  readonly facts: Readonly<Record<string, string>>;
}

/** Whether two reports are equal. */
export function isSameStatus(a: PieceStatus | undefined, b: PieceStatus | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const before = Object.entries(a.facts);
  const after = Object.entries(b.facts);
  return (
    a.health === b.health &&
    a.summary === b.summary &&
    before.length === after.length &&
    before.every(([name, value], n) => name === after[n]![0] && value === after[n]![1])
  );
}
