import { createHash } from 'node:crypto';
import type { FailurePolicy } from '../../puzzle/plan/piece-maker.ts';
import type { SettingPairs } from '../configuration/check-settings.ts';

/**
 * Tells pieces that would be made alike, so that in a change the instance goes on: where the code comes from, the settings
 * as they were written canonically, and what the configuration grants and limits.
 *
 * A digest, because settings hold secrets.
 */
export function identityOf(
  { origin, name, version, failure }: PieceIdentity,
  settings: SettingPairs,
): string {
  const from =
    'native' in origin
      ? ['native', origin.native]
      : ['component', origin.sha256, origin.grants, origin.limits.memory ?? 0, origin.limits.component ?? 0];
  // In the order of their names; that of a list's values counts.
  const sorted = [...settings].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return createHash('sha256')
    .update(JSON.stringify([from, name, version, failure, sorted]))
    .digest('hex');
}

export interface PieceIdentity {
  readonly origin: PieceOrigin;
  /** As in its description. */
  readonly name: string;
  readonly version: string;
  readonly failure: FailurePolicy;
}

/** A piece of the host, or a component by its content; under which path it was found does not matter. */
export type PieceOrigin =
  | { readonly native: string }
  | {
      readonly sha256: string;
      /** In order. */
      readonly grants: readonly string[];
      /** In bytes. */
      readonly limits: { readonly memory: number | undefined; readonly component: number | undefined };
    };
