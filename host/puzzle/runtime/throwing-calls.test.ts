import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PieceFault } from '../../piece/piece-fault.ts';
import { Protocols } from '../../stack/protocols.ts';
import { Lane } from '../lane.ts';
import type { PieceMaker } from '../plan/piece-maker.ts';
import { checkForLeaks } from '../testing/leak-check.ts';
import { samplePlace } from '../testing/sample-place.ts';
import { ScriptedPiece } from '../testing/scripted-piece.ts';

checkForLeaks();

// The host calls pieces for a piece that listens, on the stack of that piece. Whatever is thrown there, at
// any of these calls, the lane continues as without the call.

const protocols = new Protocols();
const CARRIERS = ['tap', 'near', 'far'] as const;

/** A carrier that throws in its turn, after it was called. */
class ThrowingPiece extends ScriptedPiece {
  override listening(edge: number, stack: string, present: boolean) {
    super.listening(edge, stack, present);
    if (--callsLeft === 0) throw failure();
    return undefined;
  }
}

let callsLeft = 0;
let failure: () => Error = () => new Error('never');

const FAILURES: Record<string, () => Error> = {
  'an error of the host': () => new Error('a mistake'),
  'the end of the stack': () => new RangeError('Maximum call stack size exceeded'),
  'a fault': () => new PieceFault('FT_FAULT_TRAP', 'trapped'),
};

const step = fc.record({
  present: fc.boolean(),
  port: fc.integer({ min: 1, max: 4 }),
  throwAt: fc.integer({ min: 0, max: 4 }),
  what: fc.constantFrom(...Object.keys(FAILURES)),
});

describe('a call that throws inside a call', () => {
  it('leaves the lane unchanged, whatever is thrown and wherever', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        const instances = new Map<string, ScriptedPiece>();
        const faults: string[] = [];
        const lane = new Lane({
          protocols,
          onEvent: (event) => event.kind === 'fault' && faults.push(event.piece),
        });
        try {
          callsLeft = 0;
          await lane.start(puzzle(instances));
          const { context } = instances.get('phone')!;
          const open = new Map<number, number>();
          let faulted = 0;
          for (const { present, port, throwAt, what } of steps) {
            if (present === open.has(port)) continue;
            callsLeft = throwAt;
            failure = FAILURES[what]!;
            try {
              if (present) {
                const shape = context.listen(0, 0, `ip/udp/local:${port}`);
                if (typeof shape === 'number') open.set(port, shape);
              } else {
                const shape = open.get(port)!;
                open.delete(port);
                context.unlisten(0, shape);
              }
            } catch (error) {
              expect(error).not.toBeInstanceOf(PieceFault);
            }
            if (throwAt > 0 && callsLeft <= 0 && what === 'a fault') faulted++;
            callsLeft = 0;
          }
          context.wake();
          await new Promise((resolve) => setImmediate(resolve));
          // Each fault was handled, and deferred work is not kept for ever.
          expect(faults.length).toBe(faulted);
          for (const [port, shape] of open) {
            context.unlisten(0, shape);
            expect(port).toBeGreaterThan(0);
          }
          for (const name of CARRIERS) instances.get(name)!.listened.length = 0;
          // A new listen opens at all carriers, once, and closes there.
          const shape = context.listen(0, 0, 'ip/udp/local:1');
          context.unlisten(0, shape as number);
          for (const name of CARRIERS.filter((each) => isReached(each, faults)))
            expect(instances.get(name)!.listened.map(([, , isOpen]) => isOpen)).toEqual([true, false]);
        } finally {
          lane.close();
        }
      }),
      { numRuns: 200 },
    );
  });
});

/** `far` is behind the tap. */
function isReached(name: string, faults: readonly string[]): boolean {
  return !faults.includes(name) && (name !== 'far' || !faults.includes('tap'));
}

function puzzle(instances: Map<string, ScriptedPiece>): PieceMaker[] {
  const maker = (
    name: string,
    edges: Readonly<Record<string, readonly string[]>>,
    networks: Readonly<Record<string, readonly string[]>>,
    curves: readonly string[] = [],
  ): PieceMaker => {
    const place = samplePlace(name, edges, networks, { curves });
    return {
      place,
      kind: 'native',
      failure: 'closed',
      identity: name,
      make: (context, frames) => {
        const Kind = name === 'phone' ? ScriptedPiece : ThrowingPiece;
        const piece = new Kind(place.description, context, frames, protocols);
        instances.set(name, piece);
        return piece;
      },
    };
  };
  return [
    maker('phone', { net: ['ip/udp/* down'] }, { net: ['a'] }),
    maker('tap', { a: ['ip up'], b: ['ip down'] }, { a: ['a'], b: ['b'] }, ['0/0 1/0']),
    maker('near', { net: ['ip/udp up'] }, { net: ['a'] }),
    maker('far', { net: ['ip/udp up'] }, { net: ['b'] }),
  ];
}
