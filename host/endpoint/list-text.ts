/** Values in one line for a status: the first of them, and how many more there are. */
export function listText(values: Iterable<string | number>, most = MOST_LISTED): string {
  const all = [...values];
  const rest = all.length - most;
  return rest > 0 ? `${all.slice(0, most).join(' ')} and ${rest} more` : all.join(' ');
}

const MOST_LISTED = 8;
