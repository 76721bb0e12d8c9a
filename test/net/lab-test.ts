import { join } from 'node:path';
import { test } from 'vitest';
import { findIsolation } from './isolation.ts';
import { NetLab } from './net-lab.ts';

const isolation = await findIsolation();

/**
 * A test with a lab of its own. Where no namespaces can be made it is skipped, with the reason; where it
 * fails, the lab's folder (configurations, logs, captures) is kept, and the message names it.
 */
export const labTest = test.extend<{ lab: NetLab }>({
  lab: async ({ task, skip, onTestFailed }, use) => {
    if (isolation.kind !== 'root') {
      skip(
        isolation.kind === 'none'
          ? isolation.reason
          : 'to be run by way of a user namespace, as `npm test` does',
      );
    }
    // Short, since the path of a socket in the folder of the lab has at most 107 bytes.
    const lab = await NetLab.open(task.name.replaceAll(/[^A-Za-z0-9]+/g, '-').slice(0, 24));
    let failed = false;
    onTestFailed(() => {
      failed = true;
    });
    try {
      await use(lab);
    } finally {
      failed ||= task.result?.state === 'fail';
      await lab.close({ keepFolder: failed });
      if (failed) process.stderr.write(`logs and captures are in ${join(lab.folder)}\n`);
    }
  },
});
