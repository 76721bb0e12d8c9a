import { nearestName } from '../../stack/nearest-name.ts';

/** "did you mean `x`?", or what to do when nothing comes near. */
export function didYouMean(
  word: string,
  candidates: Iterable<string>,
  otherwise?: string,
): string | undefined {
  const near = nearest(word, candidates);
  return near === undefined ? otherwise : `did you mean \`${near}\`?`;
}

/** The candidate that `word` was probably meant to be. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  // A longer word is not a typing mistake, and would make the comparison slow.
  return word.length > 64 ? undefined : nearestName(word, [...candidates]);
}
