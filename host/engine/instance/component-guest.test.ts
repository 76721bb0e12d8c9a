import { describe, expect, it } from 'vitest';
import { PieceFault } from '../../piece/piece-fault.ts';
import type { Grant } from '../component/grants.ts';
import { loadComponent } from '../load-component.ts';
import { ENDLESS_LOOPS } from '../testing/endless-loops.ts';
import { QuietHost } from '../testing/quiet-host.ts';
import { type WatPiece, watPiece } from '../testing/wat-piece.ts';
import { ComponentError } from '../wasm/component-error.ts';
import type { Guest } from './guest.ts';

const ALL: ReadonlySet<Grant> = new Set(['log', 'random', 'utc', 'crypto', 'listen', 'offer']);
const JOINING = {
  edge: 0,
  described: 0,
  shape: 0,
  joint: 'lan',
  properties: [{ name: 'up', value: { tag: 'yes' } }],
} as const;
const FOREVER = '(loop $again (br $again)) unreachable';

async function guestOf(piece: WatPiece, host = new QuietHost()): Promise<Guest> {
  return (await loadComponent(await watPiece(piece), { grants: ALL })).instantiate(host);
}

/** The fault that a call ends in. */
function faultOf(call: () => unknown): PieceFault {
  try {
    call();
  } catch (error) {
    if (error instanceof PieceFault) return error;
    throw error;
  }
  throw new Error('no fault');
}

/** `process` without frames, as the crossing calls it. */
function runProcess(guest: Guest): void {
  guest.refuel(30_000_000);
  try {
    const lists = [4, 4, 1].map((align) => guest.realloc(align, 0));
    guest.postReturn(guest.process(0, lists[0]!, 0, lists[1]!, 0, lists[2]!, 0));
  } catch (error) {
    throw guest.faultOf(error);
  }
}

const CALLS: Record<string, (guest: Guest) => unknown> = {
  start: (guest) => guest.start(0, [['name', 'value']], [1, 2]),
  accepts: (guest) => guest.accepts(JOINING),
  join: (guest) => guest.join(JOINING),
  leave: (guest) => guest.leave(0, 0),
  listening: (guest) => guest.listening(0, 'ip/udp/5060', true),
  ready: (guest) => guest.ready(0, true),
  save: (guest) => guest.save(0),
  restore: (guest) => guest.restore(0, '1.0.0', new Uint8Array([1, 2, 3])),
  process: runProcess,
};

describe('the typed calls', () => {
  it('return the results of the guest', async () => {
    const guest = await guestOf({
      bodies: {
        // err(problem { setting: some("dev"), message: "no" })
        accepts:
          '(i32.store8 (i32.const 2048) (i32.const 1)) (i32.store8 (i32.const 2052) (i32.const 1)) (i32.store (i32.const 2056) (i32.const 3000)) (i32.store (i32.const 2060) (i32.const 3)) (i32.store (i32.const 2064) (i32.const 3003)) (i32.store (i32.const 2068) (i32.const 2)) (i32.const 2048)',
        save: '(i32.store (i32.const 2048) (i32.const 3000)) (i32.store (i32.const 2052) (i32.const 5)) (i32.const 2048)',
        // Reports the address of the state: at least behind the 4096 bytes of the data.
        restore: '(i32.store8 (i32.const 2048) (i32.lt_u (local.get 3) (i32.const 4096))) (i32.const 2048)',
      },
      fields: '(data (i32.const 3000) "devno")',
    });
    expect(guest.start(0, [], [])).toEqual([]);
    expect(guest.accepts(JOINING)).toEqual({ setting: 'dev', message: 'no' });
    guest.join(JOINING);
    guest.leave(0, 0);
    guest.ready(0, false);
    expect(guest.listening(0, 'ip', false)).toBeUndefined();
    expect(new TextDecoder().decode(guest.save(1))).toBe('devno');
    expect(guest.restore(0, '1', new Uint8Array(9))).toBeUndefined();
    runProcess(guest);
    expect(guest.fuelLeft).toBeGreaterThan(0);
  });

  it('see memory that has grown meanwhile', async () => {
    const guest = await guestOf({
      memory: '1 10',
      bodies: {
        save: '(drop (memory.grow (i32.const 1))) (i32.store (i32.const 65540) (i32.const 65536)) (i32.store (i32.const 65544) (i32.const 4)) (i32.store (i32.const 65536) (i32.const 7)) (i32.const 65540)',
      },
    });
    expect([...guest.save(0)]).toEqual([7, 0, 0, 0]);
    expect(guest.memory.buffer.byteLength).toBe(131_072);
  });

  it('take a refusal without a problem as a refusal', async () => {
    const guest = await guestOf({
      bodies: { start: '(i32.store8 (i32.const 2048) (i32.const 1)) (i32.const 2048)' },
    });
    expect(guest.start(0, [], [])).toHaveLength(1);
  });

  it('are refused on a discarded guest', async () => {
    const guest = await guestOf({});
    guest.discard();
    for (const call of Object.values(CALLS)) expect(() => call(guest)).toThrow(/discarded/);
    expect(() => guest.memory).toThrow(/discarded/);
    expect(() => guest.realloc(1, 1)).toThrow(/discarded/);
  });
});

describe('a guest that faults', () => {
  for (const [name, call] of Object.entries(CALLS)) {
    it(`traps in ${name}`, async () => {
      const guest = await guestOf({ bodies: { [name]: 'unreachable' } });
      const fault = faultOf(() => call(guest));
      expect(fault.code).toBe('FT_FAULT_TRAP');
      expect(fault.message).toContain(name);
      expect(() => guest.ready(0, true)).toThrow(/faulted/);
    });

    it(`loops in ${name}`, async () => {
      const guest = await guestOf({ bodies: { [name]: FOREVER } });
      expect(faultOf(() => call(guest)).code).toBe('FT_FAULT_FUEL');
      expect(guest.fuelLeft).toBeLessThan(0);
    });
  }

  it('traps or loops in describe', async () => {
    const traps = await loadComponent(await watPiece({ bodies: { describe: 'unreachable' } }));
    expect(faultOf(() => traps.describe([])).code).toBe('FT_FAULT_TRAP');
    const loops = await loadComponent(await watPiece({ bodies: { describe: FOREVER } }));
    expect(faultOf(() => loops.describe([])).code).toBe('FT_FAULT_FUEL');
  });

  it('loops in a start function, in cabi_realloc or in a post-return', async () => {
    const start = await loadComponent(await watPiece({ bodies: { initialize: FOREVER } }));
    expect(faultOf(() => start.instantiate(new QuietHost())).code).toBe('FT_FAULT_FUEL');
    const core = await loadComponent(await watPiece({ fields: `(func $s ${FOREVER}) (start $s)` }));
    expect(faultOf(() => core.describe([])).code).toBe('FT_FAULT_FUEL');
    const realloc = await guestOf({ bodies: { realloc: FOREVER } });
    const fault = faultOf(() => runProcess(realloc));
    expect(fault.code).toBe('FT_FAULT_FUEL');
    expect(fault.message).toContain('cabi_realloc');
    const post = await guestOf({ bodies: { process_post: FOREVER, save_post: FOREVER } });
    expect(faultOf(() => runProcess(post)).code).toBe('FT_FAULT_FUEL');
  });

  it('recurses, or calls in a circle through a table', async () => {
    const deep = await guestOf({ fields: '(func $f (call $f) (call $f))', bodies: { ready: '(call $f)' } });
    expect(['FT_FAULT_TRAP', 'FT_FAULT_FUEL']).toContain(faultOf(() => deep.ready(0, true)).code);
    const tail = await guestOf({
      fields:
        '(type $t (func)) (table funcref (elem $f)) (func $f (return_call_indirect (type $t) (i32.const 0)))',
      bodies: { ready: '(call $f)' },
    });
    expect(faultOf(() => tail.ready(0, true)).code).toBe('FT_FAULT_FUEL');
  });

  for (const [name, piece] of Object.entries(ENDLESS_LOOPS)) {
    it(`runs for ever in the loop ${name}`, async () => {
      const guest = await guestOf(piece);
      expect(faultOf(() => guest.ready(0, true)).code).toBe('FT_FAULT_FUEL');
      expect(guest.fuelLeft).toBeLessThan(0);
    });
  }

  it('returns a room outside its memory, or one that is not aligned', async () => {
    for (const realloc of ['(i32.const 65535)', '(i32.const -4)', '(i32.const 4098)']) {
      const guest = await guestOf({ bodies: { realloc } });
      expect(faultOf(() => guest.realloc(4, 24)).code).toBe('FT_FAULT_RESULT');
    }
  });

  it('returns results against the contract', async () => {
    for (const at of ['-4', '65530', '2050', '65536']) {
      const guest = await guestOf({ bodies: { save: `(i32.const ${at})` } });
      expect(faultOf(() => guest.save(0)).code).toBe('FT_FAULT_RESULT');
    }
    const list = await guestOf({
      bodies: { save: '(i32.store (i32.const 2052) (i32.const -1)) (i32.const 2048)' },
    });
    expect(faultOf(() => list.save(0)).code).toBe('FT_FAULT_RESULT');
    const unknownCase = await guestOf({
      bodies: { accepts: '(i32.store8 (i32.const 2048) (i32.const 2)) (i32.const 2048)' },
    });
    expect(faultOf(() => unknownCase.accepts(JOINING)).code).toBe('FT_FAULT_RESULT');
  });
});

describe('the memory cap', () => {
  it('returns -1 to a guest that asks for 4 GiB', async () => {
    const guest = await guestOf({
      bodies: { ready: '(if (i32.ne (memory.grow (i32.const 65535)) (i32.const -1)) (then unreachable))' },
    });
    guest.ready(0, true);
    expect(guest.memory.buffer.byteLength).toBe(65_536);
  });

  it('distinguishes a guest that gives up without memory from other traps', async () => {
    const guest = await guestOf({
      bodies: { ready: '(if (i32.eq (memory.grow (i32.const 65535)) (i32.const -1)) (then unreachable))' },
    });
    expect(faultOf(() => guest.ready(0, true)).code).toBe('FT_FAULT_MEMORY');
  });

  it('is exact', async () => {
    const component = await loadComponent(
      await watPiece({
        bodies: {
          ready:
            '(if (i32.eq (memory.grow (i32.const 3)) (i32.const -1)) (then unreachable)) (if (i32.ne (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))',
        },
      }),
      { limits: { maxMemoryBytes: 4 * 65_536 } },
    );
    component.instantiate(new QuietHost()).ready(0, true);
  });

  it('refuses a component that starts above it', async () => {
    const bytes = await watPiece({ memory: '1025' });
    await expect(loadComponent(bytes)).rejects.toMatchObject({ code: 'FT_COMPONENT_MEMORY' });
    await expect(loadComponent(await watPiece({ memory: '65536' }))).rejects.toBeInstanceOf(ComponentError);
    await expect(loadComponent(await watPiece({ fields: '(table 70000 funcref)' }))).rejects.toMatchObject({
      code: 'FT_COMPONENT_MEMORY',
    });
  });
});

describe('a call of the host by a guest', () => {
  const LOG = '(call $log (i32.const 1) (i32.const 3000) (i32.const 5))';

  it('arrives there, through shim and fixup modules', async () => {
    const host = new QuietHost();
    const piece: WatPiece = {
      imports: ['log', 'random', 'utc', 'listen', 'unlisten', 'offer'],
      fields: '(data (i32.const 3000) "hello") (data (i32.const 3010) "ip/udp/5060ip/udp/9mtu")',
      bodies: {
        ready: `${LOG}
          (if (i64.ne (call $random) (i64.const 0x0123456789abcdef)) (then unreachable))
          (call $utc (i32.const 2048))
          (if (i64.ne (i64.load (i32.const 2048)) (i64.const 1700000000)) (then unreachable))
          (call $listen (i32.const 0) (i32.const 0) (i32.const 3010) (i32.const 11) (i32.const 2048))
          (if (i32.load8_u (i32.const 2048)) (then unreachable))
          (if (i32.ne (i32.load16_u (i32.const 2052)) (i32.const 7)) (then unreachable))
          (call $unlisten (i32.const 0) (i32.const 7))
          (call $listen (i32.const 0) (i32.const 0) (i32.const 3021) (i32.const 8) (i32.const 2048))
          (if (i32.ne (i32.load8_u (i32.const 2048)) (i32.const 1)) (then unreachable))
          (call $log (i32.const 2) (i32.load (i32.const 2064)) (i32.load (i32.const 2068)))
          (call $offer (i32.const 3) (i32.const 3029) (i32.const 3) (i32.const 2) (i64.const 1280) (i32.const 0) (i32.const 1))`,
      },
    };
    const component = await loadComponent(await watPiece(piece), { grants: ALL });
    expect(component.coreModules).toBeGreaterThan(2);
    component.instantiate(host).ready(0, true);
    expect(host.messages).toEqual(['info: hello', 'warn: no room for ip/udp/9']);
    expect(host.offers).toEqual(['3 mtu true']);
  });

  it('is a fault where the contract forbids it', async () => {
    const imports = ['log', 'random', 'unlisten'] as const;
    const random = '(drop (call $random))';
    const forbidden: [WatPiece['bodies'], (guest: Guest) => unknown][] = [
      [{ save: `${LOG} (i32.const 1024)` }, CALLS.save!],
      [{ realloc: `${random} (i32.const 4096)` }, CALLS.start!],
      [{ realloc: `${random} (i32.const 4096)` }, CALLS.process!],
      [{ process_post: random }, CALLS.process!],
      [{ start_post: LOG }, CALLS.start!],
      [{ accepts: '(call $unlisten (i32.const 0) (i32.const 0)) (i32.const 1024)' }, CALLS.accepts!],
    ];
    for (const [bodies, call] of forbidden) {
      const guest = await guestOf({ imports, bodies: bodies! });
      expect(faultOf(() => call(guest)).code).toBe('FT_FAULT_REENTRY');
    }
    const allowed = await guestOf({ imports, bodies: { accepts: `${LOG} (i32.const 1024)` } });
    expect(allowed.accepts(JOINING)).toBeUndefined();
    for (const bodies of [{ describe: `${LOG} (i32.const 1024)` }, { initialize: random }]) {
      const component = await loadComponent(await watPiece({ imports, bodies }), { grants: ALL });
      expect(faultOf(() => component.describe([])).code).toBe('FT_FAULT_REENTRY');
    }
  });

  it('is a fault even if the guest catches the exception', async () => {
    const bytes = await watPiece({
      imports: ['random'],
      bodies: { save: '(block (drop (call $random)) (nop)) (i32.const 1024)' },
    });
    // The tools cannot write this form of exceptions, which Node 20 runs: the block becomes a try, the nop
    // its catch_all.
    const at = Buffer.from(bytes).indexOf(Buffer.from([0x02, 0x40, 0x10, 0x00, 0x1a, 0x01, 0x0b]));
    expect(at).toBeGreaterThan(0);
    bytes[at] = 0x06;
    bytes[at + 5] = 0x19;
    const guest = (await loadComponent(bytes)).instantiate(new QuietHost());
    expect(faultOf(() => guest.save(0)).code).toBe('FT_FAULT_REENTRY');
  });

  it('is a fault when it breaks the contract', async () => {
    for (const call of [
      '(call $log (i32.const 9) (i32.const 0) (i32.const 0))',
      '(call $log (i32.const 0) (i32.const 65530) (i32.const 100))',
      '(call $log (i32.const 0) (i32.const -1) (i32.const 1))',
      '(call $utc (i32.const 65535))',
    ]) {
      const guest = await guestOf({ imports: ['log', 'utc'], bodies: { ready: call } });
      expect(faultOf(() => guest.ready(0, true)).code).toBe('FT_FAULT_RESULT');
    }
  });

  it('is capped in length and rate, and cannot steer a terminal', async () => {
    const host = new QuietHost();
    const guest = await guestOf(
      {
        imports: ['log'],
        fields: '(data (i32.const 3000) "\\1b[31m\\0a\\e2\\80\\ae") (global $n (mut i32) (i32.const 0))',
        bodies: {
          ready: '(call $log (i32.const 1) (i32.const 3000) (i32.const 9))',
          leave: '(call $log (i32.const 1) (i32.const 8192) (i32.const 30000))',
          join: `(loop $again ${LOG} (global.set $n (i32.add (global.get $n) (i32.const 1))) (br_if $again (i32.lt_u (global.get $n) (i32.const 100))))`,
        },
      },
      host,
    );
    guest.ready(0, true);
    expect(host.messages).toEqual(['info: \\u{1b}[31m\\n\\u{202e}']);
    host.messages.length = 0;
    guest.join(JOINING);
    expect(host.messages).toHaveLength(17);
    expect(host.messages[16]).toMatch(/dropped/);
    guest.leave(0, 0);
    expect(host.messages[17]!.length).toBeLessThan(10_000);
  });

  it('must not lead back into the guest', async () => {
    const host = new QuietHost();
    const guest = await guestOf(
      { imports: ['unlisten'], bodies: { ready: '(call $unlisten (i32.const 0) (i32.const 0))' } },
      host,
    );
    host.unlisten = () => guest.leave(0, 0);
    expect(faultOf(() => guest.ready(0, true)).message).toMatch(/while it was in ready/);
  });
});
