import { jsonText, printable } from '../../stack/foreign-text.ts';
import { FunnelError } from '../../stack/funnel-error.ts';

/** A configuration is wrong: all its mistakes, sorted by line. Code `FT_CONFIG`. */
export class ConfigurationError extends FunnelError {
  readonly mistakes: readonly ConfigurationMistake[];
  /**
   * True if the configuration is good, but a piece, the system or a running Funnel refused it; false if the
   * configuration itself is wrong, and nothing was opened.
   */
  readonly isRefusal: boolean;

  constructor(
    mistakes: readonly ConfigurationMistake[],
    { isRefusal = false, ...options }: ConfigurationErrorOptions = {},
  ) {
    super('FT_CONFIG', mistakes.map(formatMistake).join('\n'), options);
    this.name = 'ConfigurationError';
    this.mistakes = mistakes;
    this.isRefusal = isRefusal;
  }
}

export interface ConfigurationErrorOptions extends ErrorOptions {
  readonly isRefusal?: boolean;
}

/** One mistake in a configuration. */
export interface ConfigurationMistake {
  /** Stable; begins with `FT_`. */
  readonly code: string;
  /** The mistake, in one line. */
  readonly message: string;
  /** The remedy, in one line. */
  readonly hint?: string;
  /** Its path in the structure, such as `['pieces', 'home', 'settings', 'port']`. */
  readonly path: readonly PathStep[];
  /** The name of the file, as the caller gave it; absent when the configuration is an object. */
  readonly file?: string;
  /** From 1. */
  readonly line?: number;
  /** From 1, in UTF-16 code units. */
  readonly column?: number;
}

/** A key of a mapping, or an index into a list. */
export type PathStep = string | number;

/** `file:line:column: CODE: what is wrong — what to do`; for an object, its path in place of the file. */
export function formatMistake(mistake: ConfigurationMistake): string {
  const { file, path } = mistake;
  const where: (string | number)[] = [file === undefined ? formatPath(path) : printable(file)];
  if (mistake.line !== undefined) where.push(mistake.line, mistake.column ?? 1);
  const hint = mistake.hint === undefined ? '' : ` — ${mistake.hint}`;
  return `${where.join(':')}: ${mistake.code}: ${mistake.message}${hint}`;
}

/** `pieces.home.edges.ip[1]` */
export function formatPath(path: readonly PathStep[]): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[\w-]+$/.test(step)) text += text === '' ? step : `.${step}`;
    else text += `[${jsonText(step)}]`;
  }
  return text === '' ? '(configuration)' : text;
}
