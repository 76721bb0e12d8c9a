import { expect, it } from 'vitest';
import { PartMarks, Role } from '../../../abi/host/contract.ts';
import { PieceFault } from '../../piece/piece-fault.ts';
import {
  Crossing,
  EDGE_HEADERS,
  EDGE_WHOLE,
  header,
  type LoweredPart,
  payload,
} from '../testing/crossing.ts';

// All marks of a part of an outcome, including those without a meaning, on each part of a frame, in each
// role, with and without a ticket, and with bytes of the piece and of the host: the contract defines the
// meaning of each of these 12 288 frames.

const HEADER = [1, 2, 3, 4];
const BODY = [0xb0, 0xb1, 0xb2, 0xb3, 0xb4];
const ROLES = [Role.header, Role.payload, Role.trailer, 3];
const TICKETS = [
  { name: 'none', edge: EDGE_WHOLE },
  { name: 'of a frame whose bytes are with the piece', edge: EDGE_WHOLE },
  { name: 'of a frame whose body is withheld', edge: EDGE_HEADERS },
] as const;
const SOURCES = ['arena', 'body'] as const;

it.each([true, false])(
  'every combination of marks is what the contract says, with the frame kernel: %s',
  (usesKernel) => {
    const crossing = new Crossing(usesKernel);
    let faults = 0;
    let passed = 0;
    for (const { name, edge } of TICKETS)
      for (const source of SOURCES)
        for (const role of ROLES)
          for (const position of [0, 1])
            for (let marks = 0; marks < 256; marks++) {
              crossing.arrive(edge, [header(5, HEADER), payload(0, BODY)]);
              const [frame] = crossing.lower();
              const [head, body] = frame!.parts as [LoweredPart, LoweredPart];
              const ownBytes = crossing.again(head);
              const address = (body.marks & PartMarks.withheld) !== 0 ? body.offset : 0;
              const odd: LoweredPart = {
                protocol: 7,
                role,
                marks,
                offset: source === 'body' ? address : ownBytes.offset,
                length: 3,
              };
              const parts = position === 0 ? [odd, ownBytes] : [ownBytes, odd];
              const isWithheld = (marks & PartMarks.withheld) !== 0;
              const isBad = role === 3 || (isWithheld && (source !== 'body' || address === 0));
              const hasMore = position === 1 && (marks & PartMarks.more) !== 0;
              const what = `ticket ${name}, ${source}, role ${role}, part ${position}, marks ${marks}`;
              const memory = new Uint8Array(crossing.memory.buffer);
              const expected = parts.flatMap((part) => [
                ...(isWithheld && part === odd
                  ? BODY.slice(0, 3)
                  : memory.slice(part.offset, part.offset + part.length)),
              ]);
              const ticket = name === 'none' ? 0 : frame!.ticket;
              const own = name === 'none' ? [[frame!.ticket, 0] as const] : [];
              try {
                crossing.lift({ frames: [{ edge, ticket, parts }], ends: own });
              } catch (error) {
                expect(error, what).toBeInstanceOf(PieceFault);
                expect(isBad, `${what}: ${error}`).toBe(true);
                expect(crossing.outbox.length, what).toBe(0);
                faults++;
                expect(crossing.leaked(), what).toBe(0);
                continue;
              }
              expect(isBad, what).toBe(false);
              passed++;
              const row = crossing.row(0);
              const number = crossing.outbox.rows[0]!;
              const { messageIds } = crossing.frames;
              const seen = [
                crossing.outbox.length,
                [...row.bytes],
                row.parts.map((part) => [part.protocol, part.role, part.marks]),
                messageIds[number] !== 0,
              ];
              const right = [
                1,
                expected,
                parts.map((part) => [
                  part.protocol,
                  part === odd && (marks & PartMarks.unparsed) !== 0 ? Role.payload : part.role,
                  part.marks & PartMarks.unfinished,
                ]),
                hasMore,
              ];
              if (JSON.stringify(seen) !== JSON.stringify(right)) expect(seen, what).toEqual(right);
              if (crossing.leaked() !== 0) expect(what).toBe('without a leak');
            }
    expect([passed + faults, faults > 0]).toEqual([3 * 2 * 4 * 2 * 256, true]);
  },
  120_000,
);
