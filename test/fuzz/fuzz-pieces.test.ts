import { fuzzEach } from './fuzz-each.ts';
import { fuzzTargets } from './fuzz-targets.ts';

fuzzEach(
  'frames from a dishonest sender',
  fuzzTargets().filter(({ name }) => name.startsWith('piece-')),
);
