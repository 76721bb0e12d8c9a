/**
 * The changes that the tests of an area noticed.
 *
 * @typedef {{ file: string, line: number, original: string, replacement: string, noticed: boolean, setAside?:
 * string }} Verdict
 *   `setAside` is the reason why the change changes nothing
 */

/** @param {readonly Verdict[]} verdicts */
export function scoreOf(verdicts) {
  const counted = verdicts.filter(({ setAside }) => setAside === undefined);
  const noticed = counted.filter((verdict) => verdict.noticed).length;
  const percent = counted.length === 0 ? 100 : (100 * noticed) / counted.length;
  return { noticed, counted: counted.length, setAside: verdicts.length - counted.length, percent };
}

/**
 * The report on one area: its score, and each change that no test noticed.
 *
 * @param {{ name: string, floor: number }} area
 * @param {readonly Verdict[]} verdicts
 */
export function reportText({ name, floor }, verdicts) {
  const { noticed, counted, setAside, percent } = scoreOf(verdicts);
  const lines = [
    `${name}: ${noticed} of ${counted} noticed, ${percent.toFixed(1)} % (${floor} % asked), ${setAside} set aside`,
  ];
  const survivors = verdicts.filter((verdict) => !verdict.noticed && verdict.setAside === undefined);
  for (const { file, line, original, replacement } of survivors.sort(
    (a, b) => a.file.localeCompare(b.file) || a.line - b.line,
  ))
    lines.push(`  ${file}:${line}  ${short(original)}  →  ${short(replacement)}`);
  return `${lines.join('\n')}\n`;
}

function short(text) {
  const line = text.replace(/\s+/g, ' ').trim();
  if (line === '') return '(nothing)';
  return line.length <= 60 ? line : `${line.slice(0, 59)}…`;
}
