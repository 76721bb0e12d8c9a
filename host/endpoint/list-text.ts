/** Values in one line for a status: the first of them, and how many more there are. */
export function listText(values: Iterable<string | number>, most = MOST_LISTED): string {
  const first: (string | number)[] = [];
  let rest = 0;
  for (const each of values) {
    if (first.length < most) first.push(each);
    else rest++;
  }
  return rest > 0 ? `${first.join(' ')} and ${rest} more` : first.join(' ');
}

const MOST_LISTED = 8;
