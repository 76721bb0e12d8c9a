import { describe, expect, it } from 'vitest';
import { LogLimit } from './log-limit.ts';

/** Returns how many messages of a burst are admitted at one time. */
function admitted(limit: LogLimit, count: number, nowMs: number): number {
  let shown = 0;
  for (let n = 0; n < count; n++) if (limit.admit(nowMs) >= 0) shown++;
  return shown;
}

describe('LogLimit', () => {
  it('admits a burst, and then ten a second', () => {
    const limit = new LogLimit();
    expect(admitted(limit, 1000, 0)).toBe(64);
    expect(admitted(limit, 1000, 50)).toBe(0);
    expect(admitted(limit, 1000, 1000)).toBe(10);
    expect(admitted(limit, 1000, 3_600_000)).toBe(64);
  });

  it('reports once how many were dropped', () => {
    const limit = new LogLimit();
    admitted(limit, 100, 5);
    expect(limit.admit(1005)).toBe(36);
    expect(limit.admit(1005)).toBe(0);
  });
});
