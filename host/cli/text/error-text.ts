import {
  ConfigurationError,
  type ConfigurationMistake,
  formatMistake,
} from '../../policy/configuration/configuration-error.ts';
import { printable } from '../../stack/foreign-text.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import { type Paint, plainPaint } from './paint.ts';

/**
 * The text of an error for a user: each mistake on a line, other errors of the host by code and message. Any
 * other error is unexpected and shown as internal, with its stack where `FUNNEL_DEBUG` is set.
 */
export function errorText(
  error: unknown,
  paint: Paint = plainPaint,
  environment: NodeJS.ProcessEnv = process.env,
): string {
  const debug = environment.FUNNEL_DEBUG === '1' && error instanceof Error ? `${error.stack}\n` : '';
  if (error instanceof ConfigurationError) return `${mistakesText(error.mistakes, paint)}${debug}`;
  if (error instanceof FunnelError) {
    return `${paint('bold', 'funnel')}: ${paint('red', error.code)}: ${printable(error.message)}\n${debug}`;
  }
  const message = printable(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  const advice =
    debug === ''
      ? 'please report this fault of the Funnel Tunnel, with what FUNNEL_DEBUG=1 adds to this line'
      : 'please report this fault of the Funnel Tunnel, with the lines below';
  return `${paint('bold', 'funnel')}: ${paint('red', 'FT_INTERNAL')}: ${message} — ${advice}\n${debug}`;
}

/** The same as JSON, for programs. */
export function errorJson(error: unknown, environment: NodeJS.ProcessEnv = process.env) {
  const stack = environment.FUNNEL_DEBUG === '1' && error instanceof Error ? { stack: error.stack } : {};
  if (error instanceof ConfigurationError) {
    const { code, mistakes, isRefusal } = error;
    return { error: { code, message: error.message, mistakes, isRefusal, ...stack } };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { error: { code: error instanceof FunnelError ? error.code : 'FT_INTERNAL', message, ...stack } };
}

/** A line for each mistake, and a last line with their number when there are several. */
export function mistakesText(mistakes: readonly ConfigurationMistake[], paint: Paint = plainPaint): string {
  const lines = mistakes.map((mistake) => {
    const text = formatMistake(mistake);
    if (paint === plainPaint) return text;
    const at = text.indexOf(`: ${mistake.code}: `);
    return `${paint('bold', text.slice(0, at))}: ${paint('red', mistake.code)}${text.slice(at + 2 + mistake.code.length)}`;
  });
  if (mistakes.length > 1) lines.push(`${mistakes.length} mistakes`);
  return `${lines.join('\n')}\n`;
}
