import { spawnSync } from 'node:child_process';

/**
 * Returns the seed of random tests, as a text: FUNNEL_SEED, where it is a whole number or `random`; otherwise
 * one that the contents of the commit decide, so that a run of a version predicts the next run of it. Without
 * git it is 0.
 *
 * @param {Record<string, string | undefined>} env
 * @param {() => string} tree the hash of the tree of the commit, in hex; empty without git
 * @throws {RangeError} if FUNNEL_SEED is something else
 */
export function seedOf(env, tree = treeOfCommit) {
  const given = env.FUNNEL_SEED ?? '';
  if (given === 'random') return String(Math.floor(Math.random() * 2 ** 31));
  if (given === '') return String(Number.parseInt(tree().slice(0, 7) || '0', 16));
  if (!/^\d{1,9}$/.test(given))
    throw new RangeError(`FUNNEL_SEED is ${given}; set a whole number, or random`);
  return given;
}

function treeOfCommit() {
  const { status, stdout } = spawnSync('git', ['rev-parse', 'HEAD^{tree}'], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : '';
}
