import { SUITES, Suite } from '../../srtp/assembly/suite';
import { Configuration } from './configuration';

/** The bytes of a tag of SRTP with suites whose name ends with `_32`. */
const SHORT_TAG: i32 = 4;

const shortened: StaticArray<Suite> = new StaticArray<Suite>(SUITES.length);
for (let i = 0; i < SUITES.length; i++) {
  const suite = SUITES[i];
  shortened[i] =
    suite.tagBytes != SHORT_TAG
      ? suite
      : new Suite(
          suite.name,
          suite.alias,
          suite.cipher,
          suite.keyBytes,
          suite.saltBytes,
          SHORT_TAG,
          SHORT_TAG,
        );
}

/** The suite of this index, in the form that the settings want. */
export function suiteFor(index: i32): Suite {
  return Configuration.shortControlTag ? shortened[index] : SUITES[index];
}
