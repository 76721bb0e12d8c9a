import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { LIMITS, OUTCOME, PartMarks, Role } from '../../../abi/host/contract.ts';
import { MAX_FRAME_BYTES } from '../../frame/frames.ts';
import { PieceFault } from '../../piece/piece-fault.ts';
import {
  Crossing,
  EDGE_HEADERS,
  EDGE_WHOLE,
  header,
  type LoweredFrame,
  type LoweredPart,
  NOW,
  type OutcomeValue,
  type OutFrame,
  PROTOCOLS,
  payload,
  trailer,
} from '../testing/crossing.ts';

let crossing: Crossing;
describe.each([true, false])('crossing with the frame kernel: %s', (usesKernel) => {
  beforeEach(() => {
    crossing = new Crossing(usesKernel);
  });

  describe('lowering', () => {
    it('gives whole frames, in ascending disjoint rooms, with N and M', () => {
      crossing.arrive(EDGE_WHOLE, [header(5, [1, 2, 3]), payload(0, [4, 5, 6, 7])], 1 | (2 << 8));
      crossing.arrive(EDGE_WHOLE, [payload(9, [8])]);
      const [a, b] = crossing.lower() as [LoweredFrame, LoweredFrame];
      expect(a.parts.map((part) => [...crossing.bytesOf(part)])).toEqual([
        [1, 2, 3],
        [4, 5, 6, 7],
      ]);
      expect([a.skipHeaders, a.skipTrailers]).toEqual([1, 2]);
      expect(b.roomOffset).toBeGreaterThanOrEqual(a.roomOffset + a.roomLength);
      expect(b.roomOffset + b.roomLength).toBeLessThanOrEqual(crossing.lowering.arena);
      for (const { roomOffset, roomLength, parts } of [a, b]) {
        for (const part of parts) {
          expect(part.offset).toBeGreaterThanOrEqual(roomOffset);
          expect(part.offset + part.length).toBeLessThanOrEqual(roomOffset + roomLength);
        }
      }
      expect(a.ticket).not.toBe(b.ticket);
    });

    it('withholds payloads on a Shape of reach headers, and writes none of their bytes', () => {
      crossing.arrive(EDGE_HEADERS, [header(5, [1, 2]), payload(0, Array(300).fill(0xee)), trailer(5, [3])]);
      const [frame] = crossing.lower() as [LoweredFrame];
      expect(frame.parts.map((part) => part.marks)).toEqual([0, PartMarks.withheld, 0]);
      expect([...crossing.bytesOf(frame.parts[2]!)]).toEqual([3]);
      expect([...crossing.bytesOf(frame.parts[1]!)]).toEqual(Array(300).fill(0xee));
      expect(new Uint8Array(crossing.memory.buffer).includes(0xee)).toBe(false);
    });

    it('takes as many frames in large rooms as the piece may hold, and leaves one more', () => {
      // All rows count as large here: 68, of which a piece may hold a quarter.
      const most = 17;
      for (const waiting of [most, most + 1]) {
        const own = new Crossing(usesKernel, 32, 0);
        expect(own.ledger.largeRoom).toBe(most);
        for (let n = 0; n < waiting; n++) own.arrive(EDGE_WHOLE, [payload(0, [n])]);
        expect(own.lowering.lower(own.guest(), own.words, own.inbox, waiting)).toBe(most);
        expect([own.inbox.length, own.ledger.largeRoom]).toEqual([waiting - most, 0]);
        expect(own.leaked()).toBe(0);
      }
    });
  });

  it.each([
    [8, 0],
    [7, 1],
  ])('lowers %i frames that fill the arena of a call with %i bytes more', (taken, more) => {
    // A frame takes its bytes, rounded up to 8, and 104 bytes around them.
    const bytes = LIMITS.maxArenaIn / 8 - 104;
    const own = new Crossing(usesKernel, 32, Number.POSITIVE_INFINITY, 12);
    for (let n = 0; n < 9; n++)
      own.arrive(EDGE_WHOLE, [payload(0, Array(bytes + (n === 3 ? more : 0)).fill(n))]);
    expect(own.lowering.lower(own.guest(), own.words, own.inbox, 9)).toBe(taken);
    expect(own.lowering.arena).toBeLessThanOrEqual(LIMITS.maxArenaIn);
    expect(own.inbox.length).toBe(9 - taken);
    expect(own.leaked()).toBe(0);
  });

  it('lowers one frame of any size', () => {
    const own = new Crossing(usesKernel, 32, Number.POSITIVE_INFINITY, 12);
    own.arrive(EDGE_WHOLE, [payload(0, Array(MAX_FRAME_BYTES - 8).fill(1))]);
    expect(own.lower()[0]!.parts).toMatchObject([{ length: MAX_FRAME_BYTES - 8 }]);
    expect(own.leaked()).toBe(0);
  });

  describe('the bounds of an outcome', () => {
    const part = { protocol: 0, role: Role.payload as number, marks: 0, offset: 0, length: 4 };
    const list = (field: number, count: number) => (view: DataView, at: number) => {
      view.setUint32(at + field, 0, true);
      view.setUint32(at + field + 4, count, true);
    };

    it.each([
      ['frames', OUTCOME.frames, LIMITS.maxFramesOut],
      ['parts', OUTCOME.parts, LIMITS.maxPartsOut],
      ['ends', OUTCOME.ends, LIMITS.maxEndsOut],
      ['paused', OUTCOME.paused, LIMITS.maxEdges],
    ] as const)('are %s: a list of as many is read, and one more is a fault', (name, field, most) => {
      crossing.memory.grow(64);
      // The lists are in empty memory: their contents may be a fault, but their number is not.
      const at = 4 * 2 ** 20;
      const faultOf = (count: number): string => {
        try {
          crossing.lower(0);
          crossing.words.refresh();
          crossing.lift({ frames: [], at, spoil: list(field, count) });
          return 'none';
        } catch (error) {
          return (error as Error).message;
        }
      };
      expect(faultOf(most + 1)).toMatch(new RegExp(`its .*${name} .*\\b${most + 1}\\b.*\\b${most}\\b`));
      expect(faultOf(most)).not.toMatch(new RegExp(`\\b${most}\\b|beyond the memory`));
      if (field === OUTCOME.parts || field === OUTCOME.paused) expect(faultOf(most)).toBe('none');
    });

    it('are the bytes and the parts of one frame', () => {
      const send = (...parts: LoweredPart[]) => {
        crossing.lower(0);
        crossing.lift({ frames: [{ edge: EDGE_WHOLE, ticket: 0, parts }] });
      };
      const head = { ...part, role: Role.header as number, protocol: 3, length: 8 };
      send(head, { ...part, length: MAX_FRAME_BYTES - 8 });
      expect(crossing.row(0).bytes.length).toBe(MAX_FRAME_BYTES);
      expect(() => send(head, { ...part, length: MAX_FRAME_BYTES - 7 })).toThrow(/more than 66240 bytes/);
      send(...Array(LIMITS.maxFrameParts).fill(part));
      expect(crossing.row(1).parts).toHaveLength(LIMITS.maxFrameParts);
      expect(() => send(...Array(LIMITS.maxFrameParts + 1).fill(part))).toThrow(/33 parts/);
      expect(crossing.leaked()).toBe(0);
    });

    it('are the bytes of all frames together, shared parts counted each time', () => {
      const send = (last: number) => {
        const whole = { edge: EDGE_WHOLE, ticket: 0, parts: [{ ...part, length: MAX_FRAME_BYTES }] };
        const rest = { edge: EDGE_WHOLE, ticket: 0, parts: [{ ...part, length: last }] };
        const count = Math.floor(LIMITS.maxBytesOut / MAX_FRAME_BYTES);
        crossing.lower(0);
        crossing.lift({ frames: [...Array(count).fill(whole), rest] });
      };
      const rest = LIMITS.maxBytesOut % MAX_FRAME_BYTES;
      send(rest);
      // Most of them find no room; those that do are whole.
      expect(crossing.outbox.length).toBeGreaterThan(0);
      expect(() => send(rest + 1)).toThrow(/more than 16777216 bytes together/);
      expect(crossing.leaked()).toBe(0);
    });

    it('are offsets up to the end of the arena', () => {
      const end = crossing.memory.buffer.byteLength;
      crossing.lower(0);
      crossing.lift({ frames: [{ edge: EDGE_WHOLE, ticket: 0, parts: [{ ...part, offset: end - 4 }] }] });
      expect(crossing.row(0).bytes.length).toBe(4);
      expect(() =>
        crossing.lift({ frames: [{ edge: EDGE_WHOLE, ticket: 0, parts: [{ ...part, offset: end - 3 }] }] }),
      ).toThrow();
      expect(crossing.leaked()).toBe(0);
    });
  });

  describe('lifting', () => {
    it('keeps a row, and its body in place, if new headers go in front of it', () => {
      const row = crossing.arrive(EDGE_HEADERS, [header(5, [1, 2, 3, 4]), payload(0, [9, 8, 7])]);
      const [frame] = crossing.lower() as [LoweredFrame];
      const body = frame.parts[1]!;
      new Uint8Array(crossing.memory.buffer).set([1, 2, 3, 4, 5, 6, 7, 8], 64);
      const front = { protocol: 6, role: Role.header, marks: PartMarks.unfinished, offset: 64, length: 8 };
      crossing.lift({ frames: [{ edge: EDGE_HEADERS, ticket: frame.ticket, parts: [front, body] }] });
      expect(crossing.outbox.rows[0]).toBe(row);
      const out = crossing.row(0);
      expect([...out.bytes]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 8, 7]);
      expect(out.parts.map((part) => part.marks)).toEqual([PartMarks.unfinished, 0]);
      expect(out.parts[1]!.offset).toBe(body.offset);
      expect(crossing.ledger.held).toBe(0);
      expect(crossing.leaked()).toBe(0);
    });

    it('moves a body whose new headers do not fit in front of it, and leaves its neighbours alone', () => {
      const probe = new Crossing(usesKernel);
      const row = probe.arrive(EDGE_HEADERS, [header(5, [1]), payload(0, [1])]);
      const headroom = probe.lower()[0]!.parts[1]!.offset - probe.frames.roomStart(row);
      for (const length of [headroom, headroom + 1]) {
        const own = new Crossing(usesKernel);
        const ownRows = [1, 2, 3].map((each) =>
          own.arrive(EDGE_HEADERS, [header(5, [each]), payload(0, Array(40).fill(0x90 + each))]),
        );
        const frame = own.lower()[1]!;
        const others = ownRows.filter((_, n) => n !== 1);
        const roomsOf = () =>
          others.map((each) => own.frames.bytes.slice(own.frames.roomStart(each), own.frames.roomEnd(each)));
        const before = roomsOf();
        new Uint8Array(own.memory.buffer).fill(0x55, 64, 64 + length);
        const front = { protocol: 6, role: Role.header, marks: 0, offset: 64, length };
        own.lift({ frames: [{ edge: EDGE_HEADERS, ticket: frame.ticket, parts: [front, frame.parts[1]!] }] });
        expect(roomsOf()).toEqual(before);
        expect(own.outbox.rows[0] === ownRows[1]).toBe(length === headroom);
        expect([...own.row(0).bytes]).toEqual([...Array(length).fill(0x55), ...Array(40).fill(0x92)]);
        expect(own.leaked()).toBe(0);
      }
    });

    it('gives two rows to a frame that goes on twice', () => {
      crossing.arrive(EDGE_HEADERS, [header(5, [1]), payload(0, [9, 8, 7])]);
      const [frame] = crossing.lower() as [LoweredFrame];
      const copy = {
        edge: EDGE_HEADERS,
        ticket: frame.ticket,
        parts: frame.parts.map((part) => crossing.again(part)),
      };
      crossing.lift({ frames: [copy, copy, copy] });
      expect(new Set(crossing.outbox.rows.slice(0, 3)).size).toBe(3);
      for (const n of [0, 1, 2]) expect([...crossing.row(n).bytes]).toEqual([1, 9, 8, 7]);
      expect(crossing.leaked()).toBe(0);
    });

    it('leaves a row unchanged that another piece reads too', () => {
      const row = crossing.arrive(EDGE_HEADERS, [header(5, [1]), payload(0, [9])]);
      crossing.frames.retain(row);
      const [frame] = crossing.lower() as [LoweredFrame];
      crossing.lift({ frames: [{ edge: EDGE_HEADERS, ticket: frame.ticket, parts: [frame.parts[1]!] }] });
      expect(crossing.outbox.rows[0]).not.toBe(row);
      expect(crossing.frames.partCount[row]).toBe(2);
      crossing.frames.release(row);
      expect(crossing.leaked()).toBe(0);
    });

    it('holds a frame that neither goes on nor ends, and lets it go on later by the same ticket', () => {
      crossing.arrive(EDGE_HEADERS, [header(5, [1]), payload(0, [9])]);
      const [frame] = crossing.lower() as [LoweredFrame];
      crossing.lift({ frames: [] });
      expect(crossing.ledger.held).toBe(1);
      crossing.lift({ frames: [{ edge: EDGE_HEADERS, ticket: frame.ticket, parts: [frame.parts[1]!] }] });
      expect(crossing.ledger.held).toBe(0);
      expect([...crossing.row(0).bytes]).toEqual([9]);
      expect(crossing.leaked()).toBe(0);
    });

    it('keeps a ticket alive while its fragments are marked `more`', () => {
      crossing.arrive(EDGE_HEADERS, [payload(0, [1, 2, 3, 4])]);
      const [frame] = crossing.lower() as [LoweredFrame];
      const [body] = frame.parts as [LoweredPart];
      const half = { ...body, length: 2, marks: body.marks | PartMarks.more };
      crossing.lift({ frames: [{ edge: EDGE_HEADERS, ticket: frame.ticket, parts: [half] }] });
      expect(crossing.ledger.held).toBe(1);
      const rest = { ...body, offset: body.offset + 2, length: 2 };
      crossing.lift({ frames: [{ edge: EDGE_HEADERS, ticket: frame.ticket, parts: [rest] }] });
      expect(crossing.ledger.held).toBe(0);
      expect([...crossing.row(0).bytes, ...crossing.row(1).bytes]).toEqual([1, 2, 3, 4]);
      expect(crossing.leaked()).toBe(0);
    });

    it('keeps a row for a ticket that goes on whole and lives on, and never writes into the frame that went on', () => {
      const row = crossing.arrive(EDGE_HEADERS, [header(5, [1, 2, 3, 4]), payload(0, [9, 8, 7, 6])]);
      const [frame] = crossing.lower() as [LoweredFrame];
      const [head, body] = frame.parts.map((part) => crossing.again(part)) as [LoweredPart, LoweredPart];
      const half = { ...body, length: 2, marks: body.marks | PartMarks.more };
      crossing.lift({
        frames: [
          { edge: EDGE_HEADERS, ticket: frame.ticket, parts: [head, body] },
          { edge: EDGE_HEADERS, ticket: frame.ticket, parts: [half] },
        ],
      });
      expect(crossing.outbox.rows[0]).toBe(row);
      expect(crossing.ledger.held).toBe(1);
      // Another piece has the row now as well: the ticket may still be read, and its end does not free the
      // row.
      expect(crossing.frames.references[row]).toBe(2);
      const other = { protocol: 5, role: Role.header, marks: 0, offset: 64, length: 4 };
      crossing.lift({ frames: [{ edge: EDGE_HEADERS, ticket: frame.ticket, parts: [other, body] }] });
      expect([...crossing.row(0).bytes]).toEqual([1, 2, 3, 4, 9, 8, 7, 6]);
      expect(crossing.outbox.rows[2]).not.toBe(row);
      expect(crossing.frames.references[row]).toBe(1);
      expect(crossing.ledger.held).toBe(0);
      expect(crossing.leaked()).toBe(0);
    });

    it('marks bytes to be parsed as a payload that begins with their protocol', () => {
      crossing.lower(0);
      const part = { protocol: 7, role: Role.header, marks: PartMarks.unparsed, offset: 0, length: 20 };
      crossing.lift({ frames: [{ edge: EDGE_WHOLE, ticket: 0, parts: [part] }] });
      expect(crossing.row(0).parts).toMatchObject([{ protocol: 7, role: Role.payload, marks: 0 }]);
      expect(crossing.leaked()).toBe(0);
    });

    it('counts ends by reason, and hands over hops', () => {
      const row = crossing.arrive(EDGE_WHOLE, [payload(0, [1])]);
      crossing.frames.hops[row] = 5;
      crossing.arrive(EDGE_WHOLE, [payload(0, [2])]);
      const [a, b] = crossing.lower() as [LoweredFrame, LoweredFrame];
      const own = { protocol: 0, role: Role.payload, marks: 0, offset: 0, length: 4 };
      crossing.lift({
        frames: [
          { edge: EDGE_WHOLE, ticket: 0, parts: [own] },
          { edge: EDGE_WHOLE, ticket: b.ticket, parts: [own] },
        ],
        ends: [[a.ticket, 1]],
      });
      expect(crossing.counters.get('answered')).toBe(1);
      const hops = [0, 1].map((n) => crossing.frames.hops[crossing.outbox.rows[n]!]);
      expect(hops).toEqual([6, 1]);
      expect(crossing.leaked()).toBe(0);
    });

    it('composes any parts from any place like a plain model, and leaks nothing', () => {
      const part = fc.record({ own: fc.boolean(), from: fc.nat(300), length: fc.nat(200), pick: fc.nat(20) });
      const outFrame = fc.record({ pick: fc.nat(20), parts: fc.array(part, { minLength: 1, maxLength: 6 }) });
      const inFrame = fc.record({ edge: fc.nat(1), head: fc.nat(60), body: fc.nat(400), tail: fc.nat(9) });
      fc.assert(
        fc.property(
          fc.array(inFrame, { maxLength: 6 }),
          fc.array(outFrame, { maxLength: 8 }),
          (ins, outs) => {
            crossing = new Crossing(usesKernel);
            let seed = 1;
            const noise = (length: number) =>
              Array.from({ length }, () => {
                seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
                return seed >>> 24;
              });
            for (const { edge, head, body, tail } of ins) {
              crossing.arrive(edge, [
                header(5, noise(head)),
                payload(0, noise(body)),
                trailer(5, noise(tail)),
              ]);
            }
            const lowered = crossing.lower();
            new Uint8Array(crossing.memory.buffer).set(noise(600), 0);
            const expected: number[][] = [];
            const frames = outs.map((out) => {
              const bytes: number[] = [];
              const parts = out.parts.map(({ own, from, length, pick }) => {
                const source = lowered[pick % (lowered.length || 1)]?.parts[pick % 3];
                const chosen: LoweredPart =
                  own || source === undefined
                    ? { protocol: 3, role: Role.header, marks: 0, offset: from, length }
                    : crossing.again({
                        ...source,
                        offset: source.offset + (from % (source.length + 1)),
                        length: 0,
                      });
                if (!own && source !== undefined) {
                  (chosen as { length: number }).length = Math.min(
                    length,
                    source.length - (from % (source.length + 1)),
                  );
                }
                const memory =
                  chosen.marks & PartMarks.withheld
                    ? crossing.frames.bytes
                    : new Uint8Array(crossing.memory.buffer);
                bytes.push(...memory.subarray(chosen.offset, chosen.offset + chosen.length));
                return chosen;
              });
              expected.push(bytes);
              return { edge: EDGE_WHOLE, ticket: lowered[out.pick]?.ticket ?? 0, parts };
            });
            crossing.lift({ frames });
            expect(crossing.outbox.length).toBe(outs.length);
            expected.forEach((bytes, n) => {
              expect([...crossing.row(n).bytes]).toEqual(bytes);
            });
            const passed = new Set(outs.map((out) => out.pick).filter((pick) => pick < lowered.length));
            expect(crossing.ledger.held).toBe(lowered.length - passed.size);
            expect(crossing.leaked()).toBe(0);
          },
        ),
        { numRuns: 500 },
      );
    });

    it('distinguishes a frame that came back unchanged from one that differs in one number', () => {
      const change = fc.record({
        part: fc.nat(2),
        field: fc.constantFrom('none', 'protocol', 'role', 'marks', 'offset', 'length', 'swap'),
        by: fc.constantFrom(1, 2, 4, 8, -1, -4),
      });
      const inFrame = fc.record({
        edge: fc.nat(1),
        head: fc.nat(20),
        body: fc.nat(40),
        tail: fc.nat(9),
        change,
      });
      fc.assert(
        fc.property(fc.array(inFrame, { minLength: 1, maxLength: 4 }), fc.boolean(), (ins, isLate) => {
          crossing = new Crossing(usesKernel);
          const noise = (length: number, from: number) =>
            Array.from({ length }, (_, n) => (from + n * 37) & 0xff);
          for (const { edge, head, body, tail } of ins)
            crossing.arrive(edge, [
              header(5, noise(head, 1)),
              payload(0, noise(body, 2)),
              trailer(5, noise(tail, 3)),
            ]);
          const lowered = crossing.lower();
          if (isLate) crossing.lift({ frames: [] });
          // The piece writes into the visible bytes.
          const memory = new Uint8Array(crossing.memory.buffer);
          for (let n = 0; n < crossing.lowering.arena; n++) memory[crossing.lowering.arenaAt + n]! ^= n * 11;
          const expected: { bytes: number[]; kinds: number[] }[] = [];
          let isFault = false;
          const frames = ins.map(({ change: { part, field, by } }, n) => {
            const parts = lowered[n]!.parts.map((each) => crossing.again(each));
            if (field === 'swap') parts.push(parts.shift()!);
            else if (field === 'marks')
              parts[part] = { ...parts[part]!, marks: parts[part]!.marks ^ Math.abs(by) };
            else if (field !== 'none')
              parts[part] = { ...parts[part]!, [field]: (parts[part]![field] + by) >>> 0 };
            const bytes: number[] = [];
            for (const { role, marks, protocol, offset, length } of parts) {
              const isWithheld = (marks & PartMarks.withheld) !== 0;
              isFault ||= role > Role.trailer || protocol >= PROTOCOLS;
              isFault ||= isWithheld
                ? !bodies(ins, lowered).some(([at, size]) => offset >= at && offset + length <= at + size)
                : offset + length > memory.length;
              if (!isFault)
                bytes.push(
                  ...(isWithheld ? crossing.frames.bytes : memory).subarray(offset, offset + length),
                );
            }
            expected.push({
              bytes,
              kinds: parts.map(({ role, marks, protocol }) => {
                const isUnparsed = (marks & PartMarks.unparsed) !== 0;
                const kept = marks & PartMarks.unfinished;
                return protocol | ((isUnparsed ? Role.payload : role) << 16) | (kept << 24);
              }),
            });
            return { edge: EDGE_WHOLE, ticket: lowered[n]!.ticket, parts };
          });
          if (isFault) {
            expect(() => crossing.lift({ frames })).toThrow(PieceFault);
          } else {
            crossing.lift({ frames });
            expected.forEach(({ bytes, kinds }, n) => {
              const { bytes: came, parts } = crossing.row(n);
              expect([...came]).toEqual(bytes);
              expect(
                parts.map(({ protocol, role, marks }) => protocol | (role << 16) | (marks << 24)),
              ).toEqual(kinds);
              let at = crossing.frames.start[crossing.outbox.rows[n]!]!;
              for (const { offset, length } of parts) {
                expect(offset).toBe(at);
                at += length;
              }
            });
          }
          expect(crossing.leaked()).toBe(0);
        }),
        { numRuns: 500 },
      );
    });
  });

  describe('a breach of the contract is a fault, and loses no row', () => {
    const own = { protocol: 0, role: Role.payload as number, marks: 0, offset: 0, length: 4 };
    const breaches: Record<string, (frames: readonly LoweredFrame[]) => OutcomeValue> = {
      'an Edge that is not joined': ([a]) => ({ frames: [{ edge: 7, ticket: a!.ticket, parts: [own] }] }),
      'an Edge number out of bounds': ([a]) => ({
        frames: [{ edge: 65535, ticket: a!.ticket, parts: [own] }],
      }),
      'a Shape that is not joined': ([a]) => ({
        frames: [{ edge: 0, shape: 3, ticket: a!.ticket, parts: [own] }],
      }),
      'a ticket that was never given': () => ({ frames: [{ edge: 0, ticket: 0xdeadbeef, parts: [own] }] }),
      'a ticket that has ended': ([a]) => ({
        frames: [],
        ends: [
          [a!.ticket, 0],
          [a!.ticket, 0],
        ],
      }),
      'a ticket that goes on and ends': ([a]) => ({
        frames: [{ edge: 0, ticket: a!.ticket, parts: [own] }],
        ends: [[a!.ticket, 0]],
      }),
      'a reason that was not described': ([a]) => ({ frames: [], ends: [[a!.ticket, 2]] }),
      'a protocol that does not exist': () => ({
        frames: [{ edge: 0, ticket: 0, parts: [{ ...own, protocol: PROTOCOLS }] }],
      }),
      'a role that does not exist': () => ({
        frames: [{ edge: 0, ticket: 0, parts: [{ ...own, role: 3 }] }],
      }),
      'no parts': () => ({ frames: [{ edge: 0, ticket: 0, parts: [] }] }),
      'too many parts': () => ({ frames: [{ edge: 0, ticket: 0, parts: Array(33).fill(own) }] }),
      'parts beyond the list': () => ({ frames: [{ edge: 0, ticket: 0, parts: [own], firstPart: 1 }] }),
      'a first part that wraps': () => ({
        frames: [{ edge: 0, ticket: 0, parts: [own], firstPart: 2 ** 32 - 1 }],
      }),
      'a part count beyond the list': () => ({
        frames: [{ edge: 0, ticket: 0, parts: [own], partCount: 2 }],
      }),
      'more skipped than there is': () => ({
        frames: [{ edge: 0, ticket: 0, parts: [own], skipHeaders: 2 }],
      }),
      'an offset beyond the arena': () => ({
        frames: [{ edge: 0, ticket: 0, parts: [{ ...own, offset: 2 ** 31 }] }],
      }),
      'an offset and a length that wrap': () => ({
        frames: [{ edge: 0, ticket: 0, parts: [{ ...own, offset: 2 ** 32 - 2, length: 4 }] }],
      }),
      'a length beyond the arena': () => ({
        frames: [{ edge: 0, ticket: 0, parts: [{ ...own, length: 2 ** 32 - 1 }] }],
      }),
      'a frame above the largest size': () => ({
        frames: [{ edge: 0, ticket: 0, parts: [{ ...own, length: MAX_FRAME_BYTES }, own] }],
      }),
      'a withheld body one byte too long': ([, b]) => ({
        frames: [
          { edge: 0, ticket: b!.ticket, parts: [{ ...b!.parts[1]!, length: b!.parts[1]!.length + 1 }] },
        ],
      }),
      'a withheld body that begins in a header': ([, b]) => ({
        frames: [
          { edge: 0, ticket: b!.ticket, parts: [{ ...b!.parts[1]!, offset: b!.parts[1]!.offset - 1 }] },
        ],
      }),
      "a withheld address of another piece's frame": ([, b]) => ({
        frames: [
          {
            edge: 0,
            ticket: b!.ticket,
            parts: [{ ...b!.parts[1]!, offset: crossing.frames.start[strange]!, length: 1 }],
          },
        ],
      }),
      'a withheld address outside of all frames': ([, b]) => ({
        frames: [
          { edge: 0, ticket: b!.ticket, parts: [{ ...b!.parts[1]!, offset: 2 ** 32 - 8, length: 4 }] },
        ],
      }),
      'wake-at in the past': () => ({ frames: [], wakeAt: NOW - 1 }),
      'wake-at that is not a number': () => ({ frames: [], wakeAt: Number.NaN }),
      'an outcome that is not aligned': () => ({
        frames: [],
        at: 256 * 1024,
        spoil: () => {},
        liftAt: 256 * 1024 + 4,
      }),
      'an outcome beyond the memory': () => ({ frames: [], liftAt: 512 * 1024 - 16 }),
      'a list of frames beyond the memory': () => ({
        frames: [],
        spoil: list(OUTCOME.frames, 8 * 65536 - 24, 2),
      }),
      'a list of frames that wraps': () => ({ frames: [], spoil: list(OUTCOME.frames, 2 ** 32 - 24, 2) }),
      'a list of parts that is not aligned': () => ({ frames: [], spoil: list(OUTCOME.parts, 4098, 1) }),
      'a million frames': () => ({ frames: [], spoil: list(OUTCOME.frames, 0, 1_000_000) }),
      'more frames than the limit': () => ({
        frames: [],
        spoil: list(OUTCOME.frames, 0, LIMITS.maxFramesOut + 1),
      }),
      'an arena beyond the memory': () => ({ frames: [], spoil: list(OUTCOME.arena, 65536, 8 * 65536) }),
      'ends beyond the memory': () => ({ frames: [], spoil: list(OUTCOME.ends, 8 * 65536 - 4, 1) }),
      'paused Edges beyond the memory': () => ({ frames: [], spoil: list(OUTCOME.paused, 8 * 65536, 1) }),
    };
    let strange = 0;

    it.each(Object.keys(breaches))('%s', (name) => {
      strange = crossing.frames.allocate(10);
      crossing.arrive(EDGE_WHOLE, [header(5, [1, 2, 3, 4]), payload(0, [5, 6])]);
      crossing.arrive(EDGE_HEADERS, [header(5, [1, 2, 3, 4]), payload(0, [5, 6, 7, 8])]);
      const lowered = crossing.lower();
      const breach = breaches[name]!(lowered);
      // One good frame before the breach: it must not go on either.
      const good = {
        edge: 0,
        ticket: lowered[0]!.ticket,
        parts: lowered[0]!.parts.map((part) => crossing.again(part)),
      };
      const isAboutFirst =
        breach.frames.some((frame) => frame.ticket === good.ticket) || (breach.ends?.length ?? 0) > 0;
      const outcome =
        isAboutFirst || breach.spoil ? breach : { ...breach, frames: [good, ...breach.frames.map(shifted)] };
      let error: unknown;
      try {
        if (breach.liftAt === undefined) crossing.lift(outcome);
        else crossing.lifting.lift(crossing.words, breach.liftAt, NOW, 0, crossing.outbox);
      } catch (caught) {
        error = caught;
      }
      expect(error).toBeInstanceOf(PieceFault);
      expect((error as PieceFault).code).toBe('FT_FAULT_OUTCOME');
      expect(crossing.outbox.length).toBe(0);
      crossing.frames.release(strange);
      expect(crossing.leaked()).toBe(0);
    });

    it('leading protocols that are not those of the Shape', () => {
      crossing.outlets.set(0, 0, false, true, { matches: () => false });
      crossing.lower(0);
      expect(() => crossing.lift({ frames: [{ edge: 0, ticket: 0, parts: [own] }] })).toThrow(
        /does not begin/,
      );
      expect(crossing.leaked()).toBe(0);
    });

    it('is not a mistake of another sender: bytes marked for parsing that cannot be parsed are counted, and all other frames go on', () => {
      crossing.outlets.set(0, 0, false, true, { matches: (frames, row) => frames.length[row] !== 20 });
      crossing.arrive(0, [{ protocol: 0, role: 'payload', bytes: Array(20).fill(0) }]);
      crossing.arrive(0, [{ protocol: 0, role: 'payload', bytes: Array(20).fill(0) }]);
      const [first, second] = crossing.lower() as [LoweredFrame, LoweredFrame];
      const unparsed = (length: number): LoweredPart => ({
        ...first.parts[0]!,
        offset: 0,
        length,
        marks: PartMarks.unparsed,
      });
      crossing.lift({
        frames: [
          { edge: 0, ticket: first.ticket, parts: [unparsed(20)] },
          { edge: 0, ticket: first.ticket, parts: [unparsed(21)] },
          { edge: 0, ticket: 0, parts: [unparsed(20)] },
          { edge: 0, ticket: second.ticket, parts: [unparsed(20)] },
        ],
      });
      expect(crossing.counters.get('unparsable')).toBe(3);
      expect(crossing.outbox.length).toBe(1);
      expect(crossing.ledger.held).toBe(0);
      crossing.frames.release(crossing.outbox.rows[0]!);
      crossing.outbox.length = 0;
      expect(crossing.leaked()).toBe(0);
    });

    it('is the result of random words in place of an outcome, unless they are a harmless outcome', () => {
      fc.assert(
        fc.property(
          fc.array(fc.oneof(fc.nat(64), fc.integer(), fc.constantFrom(4096, 4104, 8192)), {
            minLength: 12,
            maxLength: 12,
          }),
          fc.infiniteStream(fc.integer()),
          (words, noise) => {
            crossing = new Crossing(usesKernel);
            crossing.arrive(EDGE_HEADERS, [header(5, [1, 2, 3, 4]), payload(0, [5, 6, 7, 8])]);
            crossing.lower();
            const memory = new Int32Array(crossing.memory.buffer);
            for (let i = 1024; i < 2600; i++) memory[i] = noise.next().value & (i % 3 ? 0xff : -1);
            memory.set(words, (300 * 1024) / 4);
            try {
              crossing.lifting.lift(crossing.words, 300 * 1024, NOW, 0, crossing.outbox);
            } catch (error) {
              expect(error).toBeInstanceOf(PieceFault);
            }
            expect(crossing.leaked()).toBe(0);
          },
        ),
        { numRuns: 500 },
      );
    });
  });
});

/** The addresses of withheld bodies in the lane's memory, and their lengths. */
function bodies(ins: readonly { edge: number }[], lowered: readonly LoweredFrame[]): [number, number][] {
  return lowered.flatMap(({ parts }, n): [number, number][] =>
    ins[n]!.edge === EDGE_HEADERS ? [[parts[1]!.offset, parts[1]!.length]] : [],
  );
}

/** The good frame in front has two parts. */
function shifted(frame: OutFrame): OutFrame {
  return frame.firstPart === undefined
    ? frame
    : { ...frame, firstPart: Math.min(frame.firstPart + 2, 2 ** 32 - 1) };
}

function list(field: number, pointer: number, length: number) {
  return (view: DataView, at: number) => {
    view.setUint32(at + field, pointer, true);
    view.setUint32(at + field + 4, length, true);
  };
}
