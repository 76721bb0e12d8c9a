import { Counters } from '../../host/piece/counters.ts';
import type { PieceContext } from '../../host/piece/piece.ts';

/** A host for one piece that is called directly, outside of any lane. */
export function quietContext(name: string): PieceContext {
  return {
    name,
    isResumed: false,
    counters: new Counters(),
    log: (level, message) => process.stderr.write(`${name}: ${level}: ${message}\n`),
    status: () => {},
    source: () => {},
    now: () => performance.now(),
    random: () => 0n,
    listen: () => ({ message: 'nobody listens in the bench' }),
    unlisten: () => {},
    offer: () => {},
    count: () => {},
    arrived: () => {},
    wake: () => {},
  };
}
