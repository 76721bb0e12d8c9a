import type { Piece as Description, Problem } from '../../../abi/host/contract.ts';
import { escaped } from '../../stack/foreign-text.ts';

/**
 * A guest's text for people to read: at most `maxLength` code units, with dangerous characters as escapes.
 */
export function shownText(text: string, maxLength = MAX_TEXT_LENGTH): string {
  return escaped(text.length > maxLength ? `${text.slice(0, maxLength)}…` : text);
}

/** A guest's problem for people to read. */
export function shownProblem({ setting, message }: Problem): Problem {
  const shown = shownText(message);
  return setting === undefined ? { message: shown } : { setting: shownText(setting), message: shown };
}

/**
 * A guest's description, with all text for people to read. Names and stacks are checked where they are used.
 */
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
