import { resolve } from 'node:path';
import { ConfigurationError } from '../configuration/configuration-error.ts';
import { configurationFolders, configurationPath } from '../configuration/configuration-name.ts';
import {
  type ComponentClaims,
  type Consented,
  consentedOf,
  consentFileOf,
  readConsents,
  writeConsents,
} from '../pieces/consent-record.ts';
import { wantsMore } from '../pieces/wants.ts';
import { checkConfiguration, type PolicyOptions } from './check-configuration.ts';

/**
 * Compares what the component files of a configuration want with the consent record. `record` consents: it
 * writes the record beside the configuration.
 *
 * @param configuration the name of a configuration, or the path of a YAML file
 * @throws {ConfigurationError} with every mistake in it; {@link FunnelError} FT_CONSENT_RECORD.
 */
export async function reviewConsent(
  configuration: string,
  options: PolicyOptions = {},
): Promise<ConsentReview> {
  const { puzzle, mistakes } = await checkConfiguration(configuration, { ...options, consent: true });
  if (puzzle === undefined) throw new ConfigurationError(mistakes);
  const path = configurationPath(configuration, configurationFolders(options.environment));
  const file = consentFileOf(resolve(options.directory ?? '.', path));
  const before = await readConsents(file);
  const changes: ConsentChange[] = [];
  const pieces: Record<string, Consented> = {};
  for (const { place, claims } of puzzle.pieces) {
    if (claims === undefined) continue;
    const { name } = place;
    pieces[name] = consentedOf(claims);
    changes.push(changeOf(name, ownOf(before?.pieces, name), claims));
  }
  const gone = Object.keys(before?.pieces ?? {}).filter((name) => !Object.hasOwn(pieces, name));
  return { file, changes, gone, record: () => writeConsents(file, { format: 1, pieces }) };
}

export interface ConsentReview {
  /** The path of the record. */
  readonly file: string;
  readonly changes: readonly ConsentChange[];
  /** Instances in the record that no longer exist. */
  readonly gone: readonly string[];
  record(): Promise<void>;
}

/** One instance of a component file, now and in the record. */
export interface ConsentChange {
  readonly instance: string;
  readonly now: ComponentClaims;
  /** Undefined where the record has no instance of this name. */
  readonly before: Consented | undefined;
  /** Its wants beyond the record, and those that it no longer has, in words. */
  readonly more: readonly string[];
  readonly less: readonly string[];
}

function changeOf(instance: string, before: Consented | undefined, now: ComponentClaims): ConsentChange {
  return {
    instance,
    now,
    before,
    more: wantsMore(before?.name === now.name ? before.wants : undefined, now.wants),
    less: before === undefined ? [] : wantsMore(now.wants, before.wants),
  };
}

function ownOf<T>(record: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
}
