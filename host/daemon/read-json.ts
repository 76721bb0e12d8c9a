import { FunnelError } from '../stack/funnel-error.ts';

/**
 * Parses JSON from outside. Its nesting is limited before it is parsed, because code that handles it later
 * may recurse.
 *
 * @throws {FunnelError} `FT_CONTROL_NESTING`, `FT_CONTROL_JSON`
 */
export function readJson(text: string): unknown {
  let depth = 0;
  let isInText = false;
  for (let i = 0; i < text.length; i++) {
    const character = text.charCodeAt(i);
    if (isInText) {
      if (character === BACKSLASH) i++;
      else if (character === QUOTE) isInText = false;
    } else if (character === QUOTE) {
      isInText = true;
    } else if (character === OPEN_LIST || character === OPEN_OBJECT) {
      if (++depth > MAX_NESTED)
        throw new FunnelError('FT_CONTROL_NESTING', `this nests deeper than ${MAX_NESTED} levels`);
    } else if (character === CLOSE_LIST || character === CLOSE_OBJECT) {
      depth--;
    }
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FunnelError(
      'FT_CONTROL_JSON',
      `this is not JSON: ${error instanceof Error ? error.message : error}`,
    );
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
/** A configuration needs seven levels. */
const MAX_NESTED = 32;
