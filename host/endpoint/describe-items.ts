import type { Kind, Reason, Setting } from '../../abi/host/contract.ts';

/** A setting of an endpoint. */
export function setting(
  name: string,
  summary: string,
  kind: Kind,
  {
    repeated = false,
    required = false,
    range: [least, most] = [-Infinity, Infinity],
    default: standard,
  }: SettingOptions = {},
): Setting {
  const common = { name, summary, kind, repeated, required, least, most };
  return standard === undefined ? common : { ...common, default: standard };
}

interface SettingOptions {
  readonly repeated?: boolean;
  /** It must be given, and has no default. */
  readonly required?: boolean;
  /** The least and the greatest value of a number. */
  readonly range?: readonly [least: number, most: number];
  readonly default?: string;
}

/** Reasons for which frames are lost: a name and a sentence for each. */
export function losses(sentences: Readonly<Record<string, string>>): Reason[] {
  return Object.entries(sentences).map(([name, summary]) => ({ name, loss: true, summary }));
}

/** Reasons for which frames end after they have done their work. */
export function noLosses(sentences: Readonly<Record<string, string>>): Reason[] {
  return Object.entries(sentences).map(([name, summary]) => ({ name, loss: false, summary }));
}
