/**
 * Foreign text: names and messages from pieces, files, configurations and networks. A person reads it on a
 * terminal, so every output of it goes through one of these functions. They share one set of dangerous
 * characters.
 */

/**
 * Foreign text for one line: line ends and tabs become spaces, and dangerous characters become escapes such
 * as `\u{1b}`.
 *
 * @param longest the most code units to keep; `…` replaces the rest
 */
export function printable(text: string, { longest = 2000 }: { longest?: number } = {}): string {
  const plain = escaped(text.replace(/[\n\r\t]/g, ' '));
  return plain.length > longest ? `${plain.slice(0, longest)}…` : plain;
}

/** Foreign text with an escape for every dangerous character, including line ends: `\n`, `\u{202e}`. */
export function escaped(text: string): string {
  return text.replace(DANGEROUS, (character) => SHORT_ESCAPES.get(character) ?? `\\u{${hexOf(character)}}`);
}

/**
 * `JSON.stringify` with dangerous characters as JSON's own escapes, so that parsing returns the value
 * unchanged.
 */
export function jsonText(value: unknown, space?: number): string {
  const text = JSON.stringify(value, undefined, space);
  // Each line feed in the result is layout: JSON.stringify has escaped those inside strings.
  return text.replace(DANGEROUS, (character) =>
    character === '\n' ? character : character.split('').map(jsonEscape).join(''),
  );
}

/** Whether a text has a dangerous character. */
export function isDangerous(text: string): boolean {
  return text.search(DANGEROUS) >= 0;
}

/**
 * Text in YAML whose dangerous characters all stand inside of double quotes, with YAML's own escapes for
 * them. Line feeds stay, which are layout.
 */
export function yamlEscaped(text: string): string {
  return text.replace(DANGEROUS, (character) =>
    character === '\n' ? character : `\\U${hexOf(character).padStart(8, '0')}`,
  );
}

function jsonEscape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function hexOf(character: string): string {
  return character.codePointAt(0)!.toString(16);
}

/**
 * Characters that can steer a terminal (Cc), break a line (Zl, Zp), turn the direction of writing or hide
 * (Cf), or that no two fonts show alike (private use, lone surrogates, noncharacters). The ignorable ones
 * show nothing at all: fillers, variation selectors, and the tags of U+E0000 to U+E0FFF, assigned or not.
 * Braille blank and the null notehead are fillers that Unicode does not call ignorable. Text that hides in
 * them makes two different names look the same.
 */
const DANGEROUS =
  /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}\p{Noncharacter_Code_Point}\p{Default_Ignorable_Code_Point}\u2800\u{1d159}]/gu;

const SHORT_ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);
