import fc from 'fast-check';

/**
 * fast-check as `npm test` has it: properties draw from the seed of FUNNEL_SEED, unless they state their own.
 * So the same version draws the same cases each time, and another version other ones.
 */
export * from 'fast-check';

const seed = Number(process.env.FUNNEL_SEED);

/** @type {typeof fc.assert} */
export function assert(property, parameters) {
  return fc.assert(property, { seed, ...parameters });
}

/** @type {typeof fc.check} */
export function check(property, parameters) {
  return fc.check(property, { seed, ...parameters });
}

export default { ...fc, assert, check };
