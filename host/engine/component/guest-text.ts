import type { Piece as Description, Problem } from '../../../abi/host/contract.ts';

/**
 * A guest's text as it may be shown: at most `maxLength` characters, in which what could steer a terminal, break a line or
 * turn the direction of writing is written as an escape.
 */
export function shownText(text: string, maxLength = MAX_TEXT_LENGTH): string {
  const cut = text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
  return cut.replace(
    STEERING,
    (character) => ESCAPES.get(character) ?? `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
}

/** A guest's problem as it may be shown. */
export function shownProblem({ setting, message }: Problem): Problem {
  const shown = shownText(message);
  return setting === undefined ? { message: shown } : { setting: shownText(setting), message: shown };
}

/** A guest's description, of which what people read may be shown. Names and stacks are checked where they are used. */
export function shownDescription(description: Description): Description {
  return {
    ...description,
    name: shownText(description.name),
    version: shownText(description.version),
    summary: shownText(description.summary),
    edges: description.edges.map((edge) => ({ ...edge, name: shownText(edge.name) })),
    settings: description.settings.map((setting) => ({
      ...setting,
      name: shownText(setting.name),
      summary: shownText(setting.summary),
    })),
    reasons: description.reasons.map((reason) => ({ ...reason, name: shownText(reason.name) })),
  };
}

/** Characters in one message: several lines of a terminal, and not a flood. */
export const MAX_TEXT_LENGTH = 1024;

/** Control characters, line and paragraph separators, marks of direction, and halves of surrogate pairs that stand alone. */
const STEERING = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);
