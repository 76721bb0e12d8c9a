import { resolve } from 'node:path';
import * as z from 'zod';
import { didYouMean } from './did-you-mean.ts';
import type { Entry } from './merge-configurations.ts';

const scalar = z.union([z.string(), z.number(), z.boolean()]);

/** The declaration of a parameter, in one of its forms. */
export const parameterSchema = z
  .union([
    z.null(),
    scalar,
    z.strictObject({
      default: scalar.optional().describe('Its value where no other is given.'),
      env: z.string().min(1).optional().describe('The environment variable that may give its value.'),
      file: z
        .string()
        .min(1)
        .optional()
        .describe('The file that holds it, relative to the configuration. It is a secret.'),
      credential: z
        .string()
        .min(1)
        .optional()
        .describe('The credential of systemd that holds it, in `$CREDENTIALS_DIRECTORY`. It is a secret.'),
      secret: z.boolean().optional().describe('Whether its value, from the environment, is a secret.'),
    }),
  ])
  .describe(
    'A value is its default, and nothing means that a value must be given. The keys say where the value comes from.',
  );

/** The name of a parameter, as `${name}` and `--set name=value` have it. */
export const PARAMETER_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,62}$/;

/** A parameter with its value: a text that may be shown, or the place of a secret. */
export type Parameter = { readonly text: string } | { readonly secret: SecretPlace };

/** The place of a secret, as a setting names it. */
export type SecretPlace =
  | { readonly env: string }
  | { readonly file: string }
  | { readonly credential: string };

/** A mistake of a parameter. */
export interface ParameterProblem {
  readonly code:
    | 'FT_PARAMETER_MISSING'
    | 'FT_PARAMETER_SECRET'
    | 'FT_PARAMETER_UNKNOWN'
    | 'FT_PARAMETER_VALUE';
  readonly name: string;
  readonly message: string;
  readonly hint: string | undefined;
}

/**
 * Settles the value of each parameter: the one that was given, that of its environment variable, or its
 * default. A secret has no text here, but the place where its value is. Pure.
 *
 * @param spelling returns how the configuration spells a default
 */
export function settleParameters(
  declared: ReadonlyMap<string, Entry>,
  given: Readonly<Record<string, string>>,
  environment: Readonly<Record<string, string | undefined>>,
  spelling: (name: string, step: readonly string[]) => string | undefined,
): { parameters: ReadonlyMap<string, Parameter>; problems: readonly ParameterProblem[] } {
  const parameters = new Map<string, Parameter>();
  const problems: ParameterProblem[] = [];
  for (const name of Object.keys(given)) {
    if (declared.has(name)) continue;
    problems.push({
      code: 'FT_PARAMETER_UNKNOWN',
      name,
      message: `this configuration has no parameter \`${name}\``,
      hint: didYouMean(name, declared.keys(), 'declare it below `parameters:`, or leave it out'),
    });
  }
  for (const [name, { value, part }] of declared) {
    const parsed = parameterSchema.safeParse(value);
    const refuse = (code: ParameterProblem['code'], message: string, hint: string): void => {
      problems.push({ code, name, message: `parameter \`${name}\` ${message}`, hint });
    };
    if (!parsed.success || !PARAMETER_NAME.test(name)) {
      refuse('FT_PARAMETER_VALUE', 'is declared in no possible way', DECLARATION_HINT);
      continue;
    }
    const { data } = parsed;
    const form: Form = isForm(data) ? data : data === null ? {} : { default: data };
    const text = Object.hasOwn(given, name) ? given[name] : undefined;
    const isSecret = form.secret === true || form.file !== undefined || form.credential !== undefined;
    if (isSecret) {
      const { env, file, credential } = form;
      const places = [env, file, credential].filter((each) => each !== undefined);
      if (places.length !== 1 || form.default !== undefined || form.secret === false)
        refuse(
          'FT_PARAMETER_SECRET',
          'is a secret, which comes from exactly one place and has no default',
          'give one of `env`, `file` and `credential`',
        );
      else if (text !== undefined)
        refuse(
          'FT_PARAMETER_SECRET',
          'is a secret, which other users would see on a command line',
          `give it by ${env !== undefined ? `the variable ${env}` : file !== undefined ? `the file ${file}` : `the credential ${credential}`}`,
        );
      else if (env !== undefined) parameters.set(name, { secret: { env } });
      else if (file !== undefined) parameters.set(name, { secret: { file: resolve(part.directory, file) } });
      else if (credential !== undefined) parameters.set(name, { secret: { credential } });
      continue;
    }
    const fromEnvironment = form.env === undefined ? undefined : environment[form.env];
    const spelt = spelling(name, isForm(data) ? ['default'] : []);
    const settled = text ?? fromEnvironment ?? textOf(form.default, spelt);
    if (settled === undefined)
      refuse(
        'FT_PARAMETER_MISSING',
        'has no value',
        `give it with --set ${name}=VALUE${form.env === undefined ? '' : `, or in the environment variable ${form.env}`}`,
      );
    else if (settled.length > MAX_VALUE_LENGTH)
      refuse('FT_PARAMETER_VALUE', `has more than ${MAX_VALUE_LENGTH} characters`, 'give a shorter value');
    else parameters.set(name, { text: settled });
  }
  return { parameters, problems };
}

/**
 * Replaces each `${name}` in one text. `$${` stands for the text `${`. A value is never expanded again. Pure.
 *
 * @param isSecretPlace whether a secret may stand at this place
 * @param most the largest number of characters that values may add
 */
export function expandText(
  text: string,
  parameters: ReadonlyMap<string, Parameter>,
  { isSecretPlace, most }: { readonly isSecretPlace: boolean; readonly most: number },
): { value: unknown } | Omit<ParameterProblem, 'name'> {
  const whole = WHOLE.exec(text);
  if (whole !== null) {
    const parameter = parameters.get(whole[1]!);
    if (parameter === undefined) return unknown(whole[1]!, parameters);
    if ('text' in parameter) return { value: plainValue(parameter.text) };
    return isSecretPlace ? { value: { ...parameter.secret } } : exposed(whole[1]!);
  }
  let problem: Omit<ParameterProblem, 'name'> | undefined;
  let left = most;
  const value = text.replaceAll(EXPANSION, (match, name: string | undefined) => {
    if (match === '$${') return '${';
    if (name === undefined) {
      problem ??= {
        code: 'FT_PARAMETER_UNKNOWN',
        message: `\`\${\` begins a parameter that no \`}\` ends`,
        hint: 'close it, or write `$${` for the text itself',
      };
      return '';
    }
    const parameter = parameters.get(name);
    if (parameter === undefined) problem ??= unknown(name, parameters);
    else if ('secret' in parameter) problem ??= exposed(name);
    else {
      left -= parameter.text.length;
      if (left >= 0) return parameter.text;
      problem ??= TOO_LONG;
    }
    return '';
  });
  return problem ?? { value };
}

function unknown(name: string, parameters: ReadonlyMap<string, Parameter>): Omit<ParameterProblem, 'name'> {
  return {
    code: 'FT_PARAMETER_UNKNOWN',
    message: `there is no parameter \`${name}\``,
    hint: didYouMean(
      name,
      parameters.keys(),
      'declare it below `parameters:`, or write `$${` for the text itself',
    ),
  };
}

function exposed(name: string): Omit<ParameterProblem, 'name'> {
  return {
    code: 'FT_PARAMETER_SECRET',
    message: `the parameter \`${name}\` is a secret, and this place would show it`,
    hint: 'a secret is the whole value of a setting',
  };
}

/**
 * A value that stands alone has a type, as in YAML. Only spellings that turn back into the same text have
 * one.
 */
function plainValue(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  return INTEGER.test(text) ? Number(text) : text;
}

type Declaration = z.output<typeof parameterSchema>;
type Form = Exclude<Declaration, string | number | boolean | null>;

function isForm(data: Declaration): data is Form {
  return typeof data === 'object' && data !== null;
}

const TOO_LONG = {
  code: 'FT_PARAMETER_VALUE',
  message: 'the values of parameters make this configuration too large',
  hint: 'write shorter values, or the same value less often',
} as const;
/** The text of a default. A number keeps its decimal spelling, so that `1.10` stays what it is. */
function textOf(value: string | number | boolean | undefined, spelt: string | undefined): string | undefined {
  if (typeof value === 'number' && spelt !== undefined && DECIMAL.test(spelt)) return spelt;
  return value === undefined ? undefined : String(value);
}

const DECIMAL = /^-?\d+(\.\d+)?$/;
const INTEGER = /^(0|-?[1-9]\d{0,14})$/;
const WHOLE = /^\$\{([^{}]*)\}$/;
const EXPANSION = /\$\$\{|\$\{(?:([^{}]*)\})?/g;
const MAX_VALUE_LENGTH = 4096;
const DECLARATION_HINT =
  'write `name: VALUE` for a default, `name:` where a value must be given, or a mapping of `default` and `env`; `env`, `file` or `credential` for a secret. A name has letters, digits, `-` and `_`';
