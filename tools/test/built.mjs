import { projectRoot, setUp } from '../setup.mjs';

/**
 * Before any test: builds what has changed. Unit tests import the source, but lanes in worker threads and the
 * command run `dist`; without this, such a test would run an old build.
 */
export default async function setup() {
  // `npm test` has just done it, and children of a test run must not do it again.
  if (process.env.FUNNEL_SET_UP === projectRoot) return;
  await setUp('test');
}
