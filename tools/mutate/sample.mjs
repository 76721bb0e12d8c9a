/**
 * `count` of `all`, chosen by a seed, in their order: the same seed chooses the same.
 *
 * @template T
 * @param {readonly T[]} all
 * @param {number} count
 * @param {number} seed a whole number
 * @returns {T[]}
 */
export function sample(all, count, seed) {
  let state = seed >>> 0;
  // Numerical Recipes' linear congruential generator: enough to choose places, and the same everywhere.
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const keyed = all.map((item, index) => ({ item, index, key: random() }));
  const chosen = keyed.sort((a, b) => a.key - b.key).slice(0, count);
  return chosen.sort((a, b) => a.index - b.index).map(({ item }) => item);
}
