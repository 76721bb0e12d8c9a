import { PieceFault } from '../../piece/piece-fault.ts';
import { loadComponent } from '../load-component.ts';
import { QuietHost } from './quiet-host.ts';
import { type WatPiece, watPiece } from './wat-piece.ts';

/** Pieces that never return from `ready`, each with another kind of work in its loop. */
export const ENDLESS_LOOPS: Readonly<Record<string, WatPiece>> = {
  empty: forever(''),
  add: forever('(local.set 0 (i32.add (local.get 0) (i32.const 1)))'),
  load: forever('(local.set 0 (i32.load (i32.and (local.get 0) (i32.const 0xfffc))))'),
  'miss the cache': {
    memory: '1000',
    bodies: {
      ready: `
        (local.set 1 (i32.const 0))
        (loop $fill
          (i32.store (local.get 1) (i32.and
            (i32.add (i32.mul (local.get 1) (i32.const 1103515245)) (i32.const 12345))
            (i32.const 0x3dffffc)))
          (local.set 1 (i32.add (local.get 1) (i32.const 64)))
          (br_if $fill (i32.lt_u (local.get 1) (i32.const 65000000))))
        (loop $again (local.set 0 (i32.load (local.get 0))) (br $again))`,
    },
  },
  divide: forever(
    '(local.set 0 (i32.wrap_i64 (i64.div_u (i64.const -5) (i64.or (i64.extend_i32_u (local.get 0)) (i64.const 1)))))',
  ),
  'square root': forever(
    '(global.set $x (f64.sqrt (f64.add (global.get $x) (f64.const 1e300))))',
    '(global $x (mut f64) (f64.const 2))',
  ),
  call: forever('(call $f)', '(func $f)'),
  'call a table': forever('(call_indirect (i32.const 0))', '(table funcref (elem $f)) (func $f)'),
  'call in two branches': {
    fields: `(func $f (param i32) (if (local.get 0) (then
      (call $f (i32.sub (local.get 0) (i32.const 1))) (call $f (i32.sub (local.get 0) (i32.const 1))))))`,
    bodies: { ready: '(call $f (i32.const 100))' },
  },
  'grow by nothing': forever('(drop (memory.grow (i32.const 0)))'),
  'grow by too much': forever('(drop (memory.grow (i32.const -1)))'),
  fill: { memory: '1000', ...forever('(memory.fill (i32.const 0) (i32.const 1) (i32.const 65000000))') },
  'copy much': {
    memory: '1000',
    ...forever('(memory.copy (i32.const 0) (i32.const 32000000) (i32.const 32000000))'),
  },
  'copy little': forever('(memory.copy (i32.const 0) (i32.const 8) (i32.const 1))'),
  'grow a table': forever('(drop (table.grow $t (ref.null func) (i32.const 1)))', '(table $t 1 funcref)'),
  'fill a table': forever(
    '(table.fill $t (i32.const 0) (ref.null func) (table.size $t))',
    '(table $t 60000 funcref)',
  ),
  'copy a table': forever(
    '(table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 59999))',
    '(table $t 60000 funcref)',
  ),
  'set in a table': forever(
    '(table.set $t (i32.const 0) (ref.func $f))',
    '(table $t 10 funcref) (elem declare func $f) (func $f)',
  ),
  log: { imports: ['log'], ...forever('(call $log (i32.const 0) (i32.const 0) (i32.const 10))') },
  'log at length': {
    memory: '100',
    imports: ['log'],
    ...forever('(call $log (i32.const 0) (i32.const 0) (i32.const 4000000))'),
  },
  random: { imports: ['random'], ...forever('(drop (call $random))') },
  utc: { imports: ['utc'], ...forever('(call $utc (i32.const 2048))') },
  listen: {
    imports: ['listen'],
    // `cabi_realloc` always returns one place, so that the loop does not use up the memory first.
    bodies: {
      ready: loop(
        '(call $listen (i32.const 0) (i32.const 0) (i32.const 100) (i32.const 10) (i32.const 2048))',
      ),
      realloc: '(i32.const 8192)',
    },
  },
  offer: {
    imports: ['offer'],
    ...forever(
      '(call $offer (i32.const 0) (i32.const 100) (i32.const 10) (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 1))',
      '(data (i32.const 100) "properties")',
    ),
  },
};

/**
 * Returns the milliseconds after which fuel ends such a piece: for the first run, in code that is not
 * optimised, and for the best of some further runs.
 */
export async function timeEndlessLoop(piece: WatPiece): Promise<{ firstMs: number; bestMs: number }> {
  const grants = new Set(['log', 'random', 'utc', 'crypto', 'listen', 'offer'] as const);
  const component = await loadComponent(await watPiece(piece), { grants });
  const times: number[] = [];
  for (let i = 0; i < 4; i++) {
    const guest = component.instantiate(new QuietHost());
    const begin = performance.now();
    try {
      guest.ready(0, true);
    } catch (error) {
      if (!(error instanceof PieceFault) || error.code !== 'FT_FAULT_FUEL') throw error;
    }
    times.push(performance.now() - begin);
    guest.discard();
  }
  return { firstMs: times[0]!, bestMs: Math.min(...times) };
}

function forever(body: string, fields?: string): WatPiece {
  return { bodies: { ready: loop(body) }, ...(fields === undefined ? {} : { fields }) };
}

function loop(body: string): string {
  return `(loop $again ${body} (br $again))`;
}
