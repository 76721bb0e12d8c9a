import { fuzzEach } from './fuzz-each.ts';
import { fuzzTargets } from './fuzz-targets.ts';

fuzzEach(
  'frames from nobody honest',
  fuzzTargets().filter(({ name }) => name.startsWith('piece-')),
);
