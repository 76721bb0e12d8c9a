import { readFileSync, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import type { Setting } from '../../../abi/host/contract.ts';
import type { PathStep } from './configuration-error.ts';
import type { SettingValue } from './configuration-schema.ts';
import { didYouMean } from './did-you-mean.ts';
import type { MistakeList } from './mistake-list.ts';
import { canonicalValue, millisecondsOf } from './setting-value.ts';

/**
 * The settings that a piece receives: names and texts, in the order of the configuration. A list repeats its
 * name.
 */
export type SettingPairs = readonly (readonly [string, string])[];

/** The context of a check of settings. */
export interface SettingsContext {
  /** The name of the piece, for messages. */
  readonly piece: string;
  /** The path of the settings in the configuration. */
  readonly path: readonly PathStep[];
  readonly mistakes: MistakeList;
  /** The base of the path of a secret. */
  directoryAt(path: readonly PathStep[]): string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The spelling of a scalar, where it is known. */
  written(path: readonly PathStep[]): string | undefined;
}

/**
 * Checks settings against those that a piece describes.
 *
 * @returns the settings without a mistake, and the names of the others.
 */
export function checkSettings(
  described: readonly Setting[],
  given: Readonly<Record<string, SettingValue>>,
  context: SettingsContext,
): { pairs: SettingPairs; faulty: ReadonlySet<string> } {
  const pairs: [string, string][] = [];
  const faulty = new Set<string>();
  for (const [name, value] of Object.entries(given)) {
    const path = [...context.path, name];
    const setting = described.find((each) => each.name === name);
    if (setting === undefined) {
      faulty.add(name);
      const known = described.map((each) => each.name);
      context.mistakes.add('FT_SETTING_UNKNOWN', path, `\`${context.piece}\` has no setting \`${name}\``, {
        hint: didYouMean(
          name,
          known,
          known.length === 0
            ? 'it has no settings'
            : `it has ${known.map((each) => `\`${each}\``).join(', ')}`,
        ),
        of: 'key',
      });
      continue;
    }
    const texts = textsOf(setting, value, path, context);
    if (texts === undefined) faulty.add(name);
    else for (const text of texts) pairs.push([name, text]);
  }
  for (const { name } of described.filter(({ required }) => required)) {
    if (Object.hasOwn(given, name)) continue;
    faulty.add(name);
    context.mistakes.add(
      'FT_SETTING_MISSING',
      context.path,
      `\`${context.piece}\` needs the setting \`${name}\``,
      { hint: `add it to \`settings\`; \`funnel piece doc ${context.piece}\` describes it`, of: 'key' },
    );
  }
  return { pairs, faulty };
}

function textsOf(
  setting: Setting,
  value: SettingValue,
  path: readonly PathStep[],
  context: SettingsContext,
): readonly string[] | undefined {
  if (!Array.isArray(value)) {
    const text = textOf(setting, value, path, context);
    return text === undefined ? undefined : [text];
  }
  if (!setting.repeated) {
    context.mistakes.add(
      'FT_SETTING_VALUE',
      path,
      `setting \`${setting.name}\` of \`${context.piece}\` takes one value, not a list`,
      {
        hint: `keep one of the ${value.length}`,
      },
    );
    return undefined;
  }
  const texts = value.map((item, i) => textOf(setting, item, [...path, i], context));
  return texts.every((text) => text !== undefined) ? texts : undefined;
}

function textOf(
  setting: Setting,
  value: Exclude<SettingValue, unknown[]>,
  path: readonly PathStep[],
  context: SettingsContext,
): string | undefined {
  const refuse = (message: string, hint: string): undefined => {
    context.mistakes.add(
      'FT_SETTING_VALUE',
      path,
      `setting \`${setting.name}\` of \`${context.piece}\` ${message}`,
      { hint },
    );
  };
  if (typeof value === 'object') {
    if (setting.kind !== 'secret') return refuse('is not a secret', 'write its value here');
    if ('env' in value) {
      const text = context.environment[value.env];
      if (text !== undefined) return text;
      return refuse(
        `must come from the environment variable \`${value.env}\`, which is not set`,
        `set \`${value.env}\` before starting`,
      );
    }
    const folder = context.environment.CREDENTIALS_DIRECTORY ?? '';
    if ('credential' in value) {
      if (!CREDENTIAL.test(value.credential) || value.credential.startsWith('..'))
        return refuse(
          `cannot come from the credential \`${value.credential}\``,
          'a credential has a name, without a slash',
        );
      if (!isAbsolute(folder))
        return refuse(
          `must come from the credential \`${value.credential}\`, but $CREDENTIALS_DIRECTORY is not set`,
          'systemd sets it for a service with `LoadCredential=`',
        );
    }
    const file =
      'credential' in value ? join(folder, value.credential) : resolve(context.directoryAt(path), value.file);
    try {
      const status = statSync(file);
      if (!status.isFile()) return refuse(`must come from ${file}, which is not a file`, 'name a plain file');
      if (status.size > MAX_SECRET_BYTES)
        return refuse(
          `must come from ${file}, which is too large`,
          `a secret has at most ${MAX_SECRET_BYTES} bytes`,
        );
      return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
    } catch (error) {
      return refuse(
        `must come from ${file}, which cannot be read (${errorCode(error)})`,
        'the path is relative to the configuration',
      );
    }
  }
  const text = canonicalValue(setting.kind, value, context.written(path));
  if (typeof text === 'string') {
    const outside = outsideRange(setting, text);
    return outside === undefined
      ? text
      : refuse(`is \`${text}\`, but must be ${outside}`, 'give a value in this range');
  }
  const shown =
    typeof value === 'string'
      ? value === ''
        ? 'is empty'
        : `is \`${value}\``
      : `is \`${context.written(path) ?? value}\``;
  return refuse(`${shown}, but must be ${text.wanted}`, text.hint);
}

/**
 * Returns in words the range of a setting that a value in canonical form violates; undefined if the value is
 * in the range.
 */
function outsideRange({ kind, least, most }: Setting, text: string): string | undefined {
  if (kind !== 'number' && kind !== 'duration') return undefined;
  const value = kind === 'number' ? Number(text) : millisecondsOf(text);
  const unit = kind === 'number' ? '' : ' ms';
  if (value === undefined || (value >= least && value <= most)) return undefined;
  if (least === -Infinity) return `at most ${most}${unit}`;
  return most === Infinity ? `at least ${least}${unit}` : `from ${least} to ${most}${unit}`;
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

/** The names that systemd allows. */
const CREDENTIAL = /^[A-Za-z0-9_.:@-]{1,255}$/;
/** This is enough for keys and passwords; a larger file is probably the wrong file. */
const MAX_SECRET_BYTES = 65_536;
