import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { PieceStatus } from '../../piece/piece-status.ts';
import type { ActivationFlag } from './activation.ts';
import type { LaneState } from './lane-state.ts';
import type { Seat } from './seat.ts';
import { type StatusEvent, StatusReports } from './status-reports.ts';

/* A lane in miniature: a clock, one seat, and turns that the test runs. */
class Scene {
  readonly events: (StatusEvent & { at: number })[] = [];
  readonly lane = { now: 0, isRunning: false, isClosed: false };
  readonly activation: ActivationFlag = { isActive: true } as ActivationFlag;
  readonly seat: Seat;
  turnsWanted = 0;
  readonly reports: StatusReports;

  constructor() {
    const { activation } = this;
    const seat = { name: 'six', statusAt: Infinity, statusNotBefore: 0, notifiedStatus: undefined };
    this.seat = Object.defineProperty(seat, 'status', { get: () => activation.status }) as never;
    this.reports = new StatusReports(this.lane as LaneState, {
      onEvent: (event) => this.events.push({ ...event, at: this.lane.now }),
      runLater: () => {
        this.turnsWanted++;
      },
    });
  }

  report(summary: string, health: PieceStatus['health'] = 'good'): void {
    this.reports.report(this.seat, this.activation, { health, summary, facts: { n: summary } });
  }

  /** Lets time pass, with a turn at each millisecond. */
  pass(milliseconds: number): void {
    for (let n = 0; n < milliseconds; n++) {
      this.lane.now++;
      if (this.seat.statusAt <= this.lane.now) this.reports.notify(this.seat);
    }
  }

  get told(): string[] {
    return this.events.map(({ summary, at }) => `${at} ${summary}`);
  }
}

it('notifies of a first status at once, and of the same one never again', () => {
  const scene = new Scene();
  scene.report('one');
  expect(scene.turnsWanted).toBe(1);
  scene.pass(1);
  expect(scene.told).toEqual(['1 one']);
  scene.report('one');
  expect(scene.seat.statusAt).toBe(Infinity);
  scene.pass(1000);
  expect(scene.told).toEqual(['1 one']);
});

it('notifies of the last of many changes, 250 ms after the one before', () => {
  const scene = new Scene();
  scene.report('0');
  scene.pass(1);
  for (let n = 1; n < 1000; n++) scene.report(String(n));
  scene.pass(249);
  expect(scene.told).toEqual(['1 0']);
  scene.pass(1);
  expect(scene.told).toEqual(['1 0', '251 999']);
});

it('does not notify of a change that is undone before its time', () => {
  const scene = new Scene();
  scene.report('one');
  scene.pass(1);
  scene.report('two');
  scene.report('one');
  scene.pass(1000);
  expect(scene.told).toEqual(['1 one']);
});

it('keeps what a piece reports before it has its place, and asks for no turn', () => {
  const scene = new Scene();
  (scene.activation as { isActive: boolean }).isActive = false;
  scene.report('early');
  expect([scene.turnsWanted, scene.seat.statusAt]).toEqual([0, Infinity]);
  (scene.activation as { isActive: boolean }).isActive = true;
  scene.reports.plan(scene.seat);
  scene.pass(1);
  expect(scene.told).toEqual(['1 early']);
});

it('asks for no turn while one runs, or where the lane is closed', () => {
  for (const state of ['isRunning', 'isClosed'] as const) {
    const scene = new Scene();
    scene.lane[state] = true;
    scene.report('one');
    expect(scene.turnsWanted).toBe(0);
  }
});

it('notifies at most four times a second, and always of the last status', () => {
  const step = fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 0, max: 300 }));
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
      const scene = new Scene();
      for (const [summary, milliseconds] of steps) {
        scene.report(summary);
        scene.pass(milliseconds);
      }
      scene.pass(251);
      expect(scene.events.at(-1)!.summary).toBe(steps.at(-1)![0]);
      scene.events.forEach((event, n) => {
        const before = scene.events[n - 1];
        if (before === undefined) return;
        expect(event.at - before.at).toBeGreaterThanOrEqual(250);
        expect(event.summary).not.toBe(before.summary);
      });
    }),
  );
});
