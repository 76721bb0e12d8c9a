/** Adds a style to a text, or returns it unchanged. */
export type Paint = (style: Style, text: string) => string;
export type Style = 'bold' | 'dim' | 'red' | 'yellow' | 'green';

export const plainPaint: Paint = (_style, text) => text;

/** The ANSI colours that every terminal supports. */
export const ansiPaint: Paint = (style, text) => (text === '' ? '' : `\x1b[${CODES[style]}m${text}\x1b[0m`);

/** Colours on a terminal, unless the user disabled them (https://no-color.org). */
export function paintFor(
  stream: { readonly isTTY?: boolean },
  environment: NodeJS.ProcessEnv = process.env,
): Paint {
  const wanted = stream.isTTY === true && !environment.NO_COLOR && environment.TERM !== 'dumb';
  return wanted ? ansiPaint : plainPaint;
}

const CODES: Record<Style, number> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 };
