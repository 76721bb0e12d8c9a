import { describe, expect, it } from 'vitest';
import { DescriptorReserve, descriptorReserve } from './descriptor-reserve.ts';

const code = (action: () => void) => {
  try {
    action();
    return 'opened';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe('the reserve of descriptors', () => {
  it.each([
    [4096, 3839, 'opened'],
    [4096, 3840, 'FT_DESCRIPTORS'],
    [4096, 4095, 'FT_DESCRIPTORS'],
    [64, 31, 'opened'],
    [64, 32, 'FT_DESCRIPTORS'],
    [Infinity, 1e9, 'opened'],
  ])('of %d, with %d as the next: %s', (limit, next, outcome) => {
    expect(code(() => new DescriptorReserve(limit, () => next).demand('UDP port 9'))).toBe(outcome);
  });

  it('refuses if no descriptor is left for the probe, but not in this process', () => {
    const none = new DescriptorReserve(4096, () => {
      throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
    });
    expect(code(() => none.demand('UDP port 9'))).toBe('FT_DESCRIPTORS');
    expect(code(() => descriptorReserve.demand('UDP port 9'))).toBe('opened');
  });
});
