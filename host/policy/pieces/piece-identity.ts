import { createHash } from 'node:crypto';
import type { FailurePolicy } from '../../puzzle/plan/piece-maker.ts';
import type { SettingPairs } from '../configuration/check-settings.ts';

/**
 * Returns the identity of a piece: two pieces with the same identity would be made alike, so in a change the
 * instance continues. It covers the source of the code, the settings in canonical form, the grants and the
 * limits.
 *
 * It is a digest, because settings contain secrets.
 */
export function identityOf(
  { origin, name, version, failure }: PieceIdentity,
  settings: SettingPairs,
): string {
  const from =
    'native' in origin
      ? ['native', origin.native]
      : ['component', origin.sha256, origin.grants, origin.limits.memory ?? 0, origin.limits.component ?? 0];
  // Sorted by name, with the values of a list in their order.
  const sorted = [...settings].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return createHash('sha256')
    .update(JSON.stringify([from, name, version, failure, sorted]))
    .digest('hex');
}

export interface PieceIdentity {
  readonly origin: PieceOrigin;
  /** The name in its description. */
  readonly name: string;
  readonly version: string;
  readonly failure: FailurePolicy;
}

/**
 * The source of the code: a native piece by name, or a component by its content. The path of the file does
 * not matter.
 */
export type PieceOrigin =
  | { readonly native: string }
  | {
      readonly sha256: string;
      /** Sorted. */
      readonly grants: readonly string[];
      /** In bytes. */
      readonly limits: { readonly memory: number | undefined; readonly component: number | undefined };
    };
