/** Returns the name that was probably meant, or undefined if none is near. */
export function nearestName(text: string, names: readonly string[]): string | undefined {
  let nearest: string | undefined;
  let least = text.length < 4 ? 2 : 3;
  for (const name of names) {
    // A difference in length is at least as many changes, so most names need no comparison.
    // Stryker disable next-line ConditionalExpression,EqualityOperator: the comparison finds the same
    if (Math.abs(name.length - text.length) >= least) continue;
    const distance = editDistance(text, name);
    if (distance < least) {
      least = distance;
      nearest = name;
    }
  }
  return nearest ?? names.find((name) => isPartOf(text, name));
}

/** Whether `text` is a whole part of a name in kebab-case, such as `loopback` of `to-loopback`. */
function isPartOf(text: string, name: string): boolean {
  return text.length >= 4 && `-${name}-`.includes(`-${text}-`);
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(changed, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
