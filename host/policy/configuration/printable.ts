/**
 * Text from a piece or a configuration, fit for one line of a terminal: control characters (an escape sequence could retitle
 * a terminal, or hide a line), line ends and the marks that turn the direction of writing become visible.
 */
export function printable(text: string, { longest = 2000 }: { longest?: number } = {}): string {
  const plain = text.replace(UNPRINTABLE, (character) => {
    const code = character.codePointAt(0)!;
    if (character === '\n' || character === '\t' || character === '\r') return ' ';
    return `\\u${code.toString(16).padStart(4, '0')}`;
  });
  return plain.length > longest ? `${plain.slice(0, longest)}…` : plain;
}

// C0, DEL and C1; lone surrogates; line and paragraph separators; marks of direction; the byte order mark.
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;
