/**
 * The lines that a change adds or alters, by file.
 *
 * @param {string} diff what `git diff -U0` prints
 * @returns {Map<string, { from: number, to: number }[]>} ranges of lines, first line 1, both ends included
 */
export function changedLines(diff) {
  const ranges = new Map();
  let file;
  for (const line of diff.split('\n')) {
    const named = /^\+\+\+ (?:b\/(.*)|\/dev\/null)$/.exec(line);
    if (named !== null) file = named[1];
    const hunk = /^@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@/.exec(line);
    if (hunk === null || file === undefined) continue;
    const from = Number(hunk[1]);
    const count = Number(hunk[2] ?? 1);
    // A hunk that only removes lines adds none.
    if (count === 0) continue;
    if (!ranges.has(file)) ranges.set(file, []);
    ranges.get(file).push({ from, to: from + count - 1 });
  }
  return ranges;
}
