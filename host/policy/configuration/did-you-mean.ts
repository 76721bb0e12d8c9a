import { nearestName } from '../../stack/nearest-name.ts';

/** Returns "did you mean `x`?", or another remedy if no candidate is near. */
export function didYouMean(
  word: string,
  candidates: Iterable<string>,
  otherwise?: string,
): string | undefined {
  const near = nearest(word, candidates);
  return near === undefined ? otherwise : `did you mean \`${near}\`?`;
}

/** Returns the candidate that was probably meant by `word`. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  // A longer word is not a typing mistake, and would make the comparison slow.
  return word.length > 64 ? undefined : nearestName(word, [...candidates]);
}
