import { writeFileSync } from 'node:fs';

/**
 * A reporter of vitest that leaves the tally of a run, with the reason of each skipped test, as JSON in the
 * file that `FUNNEL_TALLY` names.
 */
export default class TallyReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const tally = { passed: 0, failed: unhandledErrors.length, skipped: [] };
    for (const module of modules) {
      let failedHere = 0;
      for (const test of module.children.allTests()) {
        const result = test.result();
        const name = `${module.relativeModuleId ?? module.moduleId} > ${test.fullName}`;
        if (result.state === 'passed') tally.passed++;
        else if (result.state === 'failed') failedHere++;
        else tally.skipped.push({ name, reason: result.note ?? '' });
      }
      // A file that could not be read, or whose hooks failed, has failed also when none of its tests did.
      if (failedHere === 0 && module.state() === 'failed') failedHere = 1;
      tally.failed += failedHere;
    }
    writeFileSync(process.env.FUNNEL_TALLY, JSON.stringify(tally));
  }
}
