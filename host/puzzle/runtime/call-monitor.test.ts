import { describe, expect, it } from 'vitest';
import { CALL_MONITOR_BYTES, CallMonitor, CallMonitorReader } from './call-monitor.ts';

describe('a call monitor', () => {
  it('shows another thread which piece is called, and that it is one call', () => {
    const callMonitor = new CallMonitor();
    const reader = new CallMonitorReader(callMonitor.memory);
    const [one, other] = [callMonitor.claim('one'), callMonitor.claim('x'.repeat(63))];
    expect(reader).toMatchObject({ calls: 0, isInCall: false, piece: undefined });
    callMonitor.begin(one);
    expect(reader).toMatchObject({ calls: 1, isInCall: true, piece: 'one' });
    // A nested call is part of the outer call.
    callMonitor.begin(other);
    expect(reader).toMatchObject({ calls: 1, isInCall: true, piece: 'one' });
    callMonitor.end();
    expect(reader.isInCall).toBe(true);
    callMonitor.end();
    expect(reader).toMatchObject({ calls: 1, isInCall: false, piece: undefined });
    callMonitor.begin(other);
    expect(reader).toMatchObject({ calls: 2, piece: 'x'.repeat(63) });
    callMonitor.end();
  });

  it('shows whether the piece runs, or comes with a change', () => {
    const callMonitor = new CallMonitor();
    const reader = new CallMonitorReader(callMonitor.memory);
    const slot = callMonitor.claim('one');
    expect(reader.isSeated).toBe(false);
    callMonitor.begin(slot, false);
    expect(reader).toMatchObject({ isInCall: true, isSeated: false, piece: 'one' });
    // A nested call counts for the outer piece.
    callMonitor.begin(callMonitor.claim('other'));
    expect(reader).toMatchObject({ isSeated: false, piece: 'one' });
    callMonitor.end();
    callMonitor.end();
    callMonitor.begin(slot);
    expect(reader).toMatchObject({ isSeated: true, piece: 'one' });
    callMonitor.end();
  });

  it('shows a nested call of a component as its own, at any depth, and then the call around it', () => {
    const callMonitor = new CallMonitor();
    const reader = new CallMonitorReader(callMonitor.memory);
    const slots = ['outer', 'endpoint', 'component', 'deeper'].map((name) => callMonitor.claim(name));
    const seen: [string | undefined, boolean][] = [];
    const look = () => seen.push([reader.piece, reader.isSeated]);
    callMonitor.begin(slots[0]!, false);
    callMonitor.begin(slots[1]!);
    look();
    callMonitor.begin(slots[2]!, true, true);
    const { calls } = reader;
    look();
    callMonitor.begin(slots[3]!, true, true);
    look();
    callMonitor.end();
    look();
    callMonitor.end();
    look();
    callMonitor.end();
    callMonitor.end();
    expect(seen).toEqual([
      ['outer', false],
      ['component', true],
      ['deeper', true],
      ['component', true],
      ['outer', false],
    ]);
    expect(reader.isInCall).toBe(false);
    // The outer call does not have the time of the nested ones.
    expect(reader.calls).toBe(calls + 3);
  });

  it('names as many pieces as it can, and reuses released numbers', () => {
    const callMonitor = new CallMonitor();
    const reader = new CallMonitorReader(callMonitor.memory);
    const slots = Array.from({ length: 4096 }, (_, n) => callMonitor.claim(`piece${n}`));
    expect(new Set(slots).size).toBe(4096);
    const nameless = callMonitor.claim('late');
    callMonitor.begin(nameless);
    expect(reader).toMatchObject({ isInCall: true, piece: undefined });
    callMonitor.end();
    callMonitor.release(nameless);
    callMonitor.release(slots[4095]!);
    const next = callMonitor.claim('next');
    callMonitor.begin(next);
    expect(reader.piece).toBe('next');
    callMonitor.end();
    callMonitor.begin(slots[4094]!);
    expect(reader.piece).toBe('piece4094');
  });

  it('wakes a reader that sleeps until a call, and lets no reader sleep that has missed one', async () => {
    const callMonitor = new CallMonitor();
    const reader = new CallMonitorReader(callMonitor.memory);
    const { calls } = reader;
    const call = reader.untilCall(calls);
    expect(call).toBeInstanceOf(Promise);
    callMonitor.begin(0);
    await call;
    expect(reader.untilCall(reader.calls)).toBeUndefined();
    callMonitor.end();
    expect(reader.untilCall(calls)).toBeUndefined();
    const next = reader.untilCall(reader.calls);
    callMonitor.begin(0);
    callMonitor.end();
    await next;
  });

  it('wakes a reader that slept before the lane existed', async () => {
    const memory = new SharedArrayBuffer(CALL_MONITOR_BYTES);
    const call = new CallMonitorReader(memory).untilCall(0);
    new CallMonitor(memory).begin(0);
    await call;
  });

  it('continues beyond the limit of its counter', () => {
    const callMonitor = new CallMonitor();
    new Int32Array(callMonitor.memory)[0] = 2 ** 31 - 1;
    callMonitor.begin(0);
    expect(new CallMonitorReader(callMonitor.memory).calls).toBe(-(2 ** 31));
  });
});
