import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Frames } from '../../frame/frames.ts';
import { BATCH_FRAMES, EVICTED, HELD, Intake, REFUSED, TAKEN } from './intake.ts';

const frames = (lengths: number[]) => ({ length: Uint32Array.from(lengths) }) as unknown as Frames;

describe('an intake', () => {
  it('keeps the order in which frames came while nothing is queued', () => {
    const intake = open(2);
    for (let row = 0; row < BATCH_FRAMES; row++) expect(intake.push(row % 2, row, row % 2, 0)).toBe(TAKEN);
    expect(taken(intake, 10)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('keeps Edge, Shape and skipped parts of each frame, whether it waited or not', () => {
    const intake = open(2);
    const lengths = frames(Array(1024).fill(100));
    const sent = (row: number) => [row, (row & 1) | ((row & 7) << 16), (row * 31) & 0xffff];
    for (let row = 0; row < 900; row++) {
      const [, edgeShape, skips] = sent(row);
      expect(intake.push(row & 1, row, edgeShape!, skips!)).toBe(TAKEN);
    }
    const { inbox } = intake;
    const seen: number[][] = [];
    while (inbox.length > 0) {
      for (let n = 0; n < inbox.length; n++) {
        const at = inbox.at(n);
        seen.push([inbox.rows[at]!, inbox.edgeShapes[at]!, inbox.skips[at]!]);
      }
      inbox.take(inbox.length);
      intake.refill(lengths);
    }
    expect(seen.sort(([a], [b]) => a! - b!)).toEqual(Array.from({ length: 900 }, (_, row) => sent(row)));
  });

  it('serves Edges that are flooded with equal bytes, whatever the size of their frames', () => {
    // Row 0 has 1500 bytes, row 1 has 100.
    const lengths = frames([1500, 100]);
    const intake = open(2);
    const served = [0, 0];
    for (let round = 0; round < 40; round++) {
      for (const edge of [0, 1]) for (let n = 0; n < 1000; n++) intake.push(edge, edge, edge, 0);
      const batch = taken(intake, BATCH_FRAMES);
      // The first batch filled up before any frame had to wait.
      if (round > 0) for (const row of batch) served[row]! += lengths.length[row]!;
      intake.refill(lengths);
    }
    expect(Math.abs(served[0]! / served[1]! - 1)).toBeLessThan(0.05);
  });

  it('lets a flood use all the room, and takes it back for other Edges', () => {
    const intake = open(2);
    let pushed = 0;
    while (intake.push(0, pushed, 0, 0) !== REFUSED) pushed++;
    expect(pushed).toBe(1024);
    expect([intake.isFull(0), intake.isFull(1)]).toEqual([true, false]);
    expect(intake.push(1, 2000, 1, 0)).toBe(EVICTED);
    expect([intake.evictedEdge, intake.evictedRow, intake.length]).toEqual([0, 1023, 1024]);
    taken(intake, BATCH_FRAMES);
    intake.refill(frames(Array(2001).fill(100)));
    // The one frame of the quiet Edge is in the very next batch.
    expect(taken(intake, BATCH_FRAMES)).toContain(2000);
  });

  // Behind the batch there is room for 768 frames, of which each of two Edges has 384 as its share.
  it.each([
    { queued: [0, 0], nearly: false, room: [true, true], full: [false, false] },
    { queued: [300, 84], nearly: false, room: [true, true], full: [false, false] },
    { queued: [300, 85], nearly: true, room: [false, true], full: [false, false] },
    { queued: [384, 0], nearly: false, room: [true, true], full: [false, false] },
    { queued: [385, 0], nearly: true, room: [false, true], full: [false, false] },
    { queued: [300, 192], nearly: true, room: [false, true], full: [false, false] },
    { queued: [300, 193], nearly: true, room: [false, false], full: [false, false] },
    { queued: [384, 383], nearly: true, room: [false, false], full: [false, false] },
    { queued: [384, 384], nearly: true, room: [false, false], full: [true, true] },
    { queued: [385, 383], nearly: true, room: [false, false], full: [true, false] },
    { queued: [768, 0], nearly: true, room: [false, true], full: [true, false] },
  ])('with $queued frames queued has room or not by all queues together and by each', (given) => {
    const intake = open(2);
    for (let row = 0; row < BATCH_FRAMES; row++) intake.push(0, row, 0, 0);
    for (const edge of [0, 1])
      for (let n = 0; n < given.queued[edge]!; n++) expect(intake.push(edge, n, edge, 0)).toBe(TAKEN);
    expect(intake.isNearlyFull).toBe(given.nearly);
    expect([0, 1].map((edge) => intake.hasRoom(edge))).toEqual(given.room);
    expect([0, 1].map((edge) => intake.isFull(edge))).toEqual(given.full);
    // If it is full, the next frame is refused; if not, at most another Edge loses a frame.
    for (const edge of [0, 1]) {
      const outcome = intake.push(edge, 1000, edge, 0);
      expect(outcome === REFUSED).toBe(given.full[edge]);
    }
  });

  it('takes no frame for an Edge that is not joined once frames are queued', () => {
    const intake = open(1);
    while (intake.length <= BATCH_FRAMES) intake.push(0, 0, 0, 0);
    expect(intake.push(1, 1, 1, 0)).toBe(REFUSED);
    expect([intake.hasRoom(1), intake.isFull(1)]).toEqual([true, false]);
  });

  it('loses and repeats no frame, keeps the order on each Edge, and counts the waiting frames', () => {
    const step = fc.oneof(
      fc.record({ edge: fc.nat(3), count: fc.integer({ min: 1, max: 400 }) }),
      fc.record({ take: fc.integer({ min: 0, max: 300 }) }),
      fc.record({ leave: fc.nat(3) }),
      fc.record({ pause: fc.nat(3), isPaused: fc.boolean() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const intake = open(4);
        const lengths = frames(Array.from({ length: 20_000 }, (_, row) => 40 + ((row * 7919) % 3000)));
        const waiting: number[][] = [[], [], [], []];
        const paused = new Set<number>();
        let row = 0;
        for (const choice of steps) {
          if ('edge' in choice) {
            for (let n = 0; n < choice.count; n++) {
              const inBatch = intake.inbox.length;
              const outcome = intake.push(choice.edge, row, choice.edge, 0);
              if (paused.has(choice.edge)) expect(intake.inbox.length).toBe(inBatch);
              if (outcome === HELD) expect(paused).toContain(choice.edge);
              if (outcome === EVICTED) expect(waiting[intake.evictedEdge]!.pop()).toBe(intake.evictedRow);
              if (outcome !== REFUSED) waiting[choice.edge]!.push(row);
              else expect(intake.isFull(choice.edge)).toBe(true);
              row++;
            }
          } else if ('take' in choice) {
            for (const [edge, each] of takenByEdge(intake, choice.take))
              expect(waiting[edge]!.shift()).toBe(each);
            const left = intake.inbox.length;
            intake.refill(lengths);
            const batch = edgesOf(intake);
            expect(batch.slice(left).filter((edge) => paused.has(edge))).toEqual([]);
            // A batch that is not full leaves only frames of paused Edges behind it.
            const isBehind = (edge: number) =>
              waiting[edge]!.length > batch.filter((each) => each === edge).length;
            if (batch.length < BATCH_FRAMES)
              expect([0, 1, 2, 3].filter((edge) => isBehind(edge) && !paused.has(edge))).toEqual([]);
          } else if ('pause' in choice) {
            const isChange = paused.has(choice.pause) !== choice.isPaused;
            expect(intake.setPaused(choice.pause, choice.isPaused)).toBe(isChange);
            if (choice.isPaused) paused.add(choice.pause);
            else paused.delete(choice.pause);
            expect(intake.pausedEdges).toBe(paused.size);
          } else {
            const left: number[] = [];
            intake.close(choice.leave, (each) => left.push(each));
            // Frames that are already in the batch still go to the piece.
            const kept = waiting[choice.leave]!.length - left.length;
            expect(waiting[choice.leave]!.splice(kept)).toEqual(left);
            intake.open(choice.leave);
            paused.delete(choice.leave);
          }
          expect(intake.length).toBe(waiting.reduce((sum, { length }) => sum + length, 0));
        }
        const rest: number[] = [];
        expect(intake.drop((each) => rest.push(each))).toBe(rest.length);
        expect(rest.sort((a, b) => a - b)).toEqual(waiting.flat().sort((a, b) => a - b));
        expect(intake.length).toBe(0);
      }),
    );
  });
});

function open(edges: number): Intake {
  const intake = new Intake();
  for (let edge = 0; edge < edges; edge++) intake.open(edge);
  return intake;
}

/** The Edges of the frames in the batch. */
function edgesOf({ inbox }: Intake): number[] {
  return Array.from({ length: inbox.length }, (_, n) => inbox.edgeShapes[inbox.at(n)]!);
}

function taken(intake: Intake, most: number): number[] {
  return takenByEdge(intake, most).map(([, row]) => row);
}

function takenByEdge({ inbox }: Intake, most: number): [number, number][] {
  const count = Math.min(most, inbox.length);
  const all = Array.from({ length: count }, (_, n): [number, number] => [
    inbox.edgeShapes[inbox.at(n)]!,
    inbox.rows[inbox.at(n)]!,
  ]);
  inbox.take(count);
  return all;
}
