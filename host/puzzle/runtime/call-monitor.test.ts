import { describe, expect, it } from 'vitest';
import { CALL_MONITOR_BYTES, CallMonitor, CallMonitorReader } from './call-monitor.ts';

describe('a pulse', () => {
  it('tells from outside who is called, and that it is one call', () => {
    const pulse = new CallMonitor();
    const reader = new CallMonitorReader(pulse.memory);
    const [one, other] = [pulse.claim('one'), pulse.claim('x'.repeat(63))];
    expect(reader).toMatchObject({ calls: 0, isInCall: false, piece: undefined });
    pulse.begin(one);
    expect(reader).toMatchObject({ calls: 1, isInCall: true, piece: 'one' });
    // A call within it is part of it.
    pulse.begin(other);
    expect(reader).toMatchObject({ calls: 1, isInCall: true, piece: 'one' });
    pulse.end();
    expect(reader.isInCall).toBe(true);
    pulse.end();
    expect(reader).toMatchObject({ calls: 1, isInCall: false, piece: undefined });
    pulse.begin(other);
    expect(reader).toMatchObject({ calls: 2, piece: 'x'.repeat(63) });
    pulse.end();
  });

  it('tells whether the piece runs, or would come with a change', () => {
    const pulse = new CallMonitor();
    const reader = new CallMonitorReader(pulse.memory);
    const slot = pulse.claim('one');
    expect(reader.isSeated).toBe(false);
    pulse.begin(slot, false);
    expect(reader).toMatchObject({ isInCall: true, isSeated: false, piece: 'one' });
    // What is called within its call is its doing.
    pulse.begin(pulse.claim('other'));
    expect(reader).toMatchObject({ isSeated: false, piece: 'one' });
    pulse.end();
    pulse.end();
    pulse.begin(slot);
    expect(reader).toMatchObject({ isSeated: true, piece: 'one' });
    pulse.end();
  });

  it('names whom it can, and gives names back', () => {
    const pulse = new CallMonitor();
    const reader = new CallMonitorReader(pulse.memory);
    const slots = Array.from({ length: 4096 }, (_, n) => pulse.claim(`piece${n}`));
    expect(new Set(slots).size).toBe(4096);
    const nameless = pulse.claim('late');
    pulse.begin(nameless);
    expect(reader).toMatchObject({ isInCall: true, piece: undefined });
    pulse.end();
    pulse.release(nameless);
    pulse.release(slots[4095]!);
    const next = pulse.claim('next');
    pulse.begin(next);
    expect(reader.piece).toBe('next');
    pulse.end();
    pulse.begin(slots[4094]!);
    expect(reader.piece).toBe('piece4094');
  });

  it('wakes who sleeps until there is a call, and lets nobody sleep who has missed one', async () => {
    const pulse = new CallMonitor();
    const reader = new CallMonitorReader(pulse.memory);
    const { calls } = reader;
    const call = reader.untilCall(calls);
    expect(call).toBeInstanceOf(Promise);
    pulse.begin(0);
    await call;
    expect(reader.untilCall(reader.calls)).toBeUndefined();
    pulse.end();
    expect(reader.untilCall(calls)).toBeUndefined();
    const next = reader.untilCall(reader.calls);
    pulse.begin(0);
    pulse.end();
    await next;
  });

  it('wakes who slept before the lane was there', async () => {
    const memory = new SharedArrayBuffer(CALL_MONITOR_BYTES);
    const call = new CallMonitorReader(memory).untilCall(0);
    new CallMonitor(memory).begin(0);
    await call;
  });

  it('goes on over the limit of its counter', () => {
    const pulse = new CallMonitor();
    new Int32Array(pulse.memory)[0] = 2 ** 31 - 1;
    pulse.begin(0);
    expect(new CallMonitorReader(pulse.memory).calls).toBe(-(2 ** 31));
  });
});
