import { describe, expect, it } from 'vitest';
import { grantsOf } from './granted.ts';

describe('grantsOf', () => {
  it('denies a component file the functions that reach beyond it, unless the configuration grants them', () => {
    expect(grantsOf(undefined, false)).toEqual(['log', 'random', 'utc']);
    expect(grantsOf(null, false)).toEqual(['log', 'random', 'utc']);
    expect(grantsOf({}, false)).toEqual(['log', 'random', 'utc']);
    expect(grantsOf({ listen: ['carrier', 'lan'], utc: false }, false)).toEqual([
      'listen:carrier',
      'listen:lan',
      'log',
      'random',
    ]);
    expect(grantsOf({ offer: 'lan', log: true }, false)).toEqual(['log', 'offer:lan', 'random', 'utc']);
    expect(grantsOf({ offer: true, listen: false }, false)).toEqual(['log', 'offer', 'random', 'utc']);
  });

  it('grants built-in components their Edges, unless the configuration grants less', () => {
    expect(grantsOf(undefined, true)).toEqual(['crypto', 'listen', 'log', 'offer', 'random', 'utc']);
    expect(grantsOf(undefined, false)).not.toContain('crypto');
    expect(grantsOf({ crypto: true }, false)).toContain('crypto');
    expect(grantsOf({ offer: false, listen: 'carrier' }, true)).toEqual([
      'crypto',
      'listen:carrier',
      'log',
      'random',
      'utc',
    ]);
  });

  it('treats a list as complete', () => {
    expect(grantsOf([], true)).toEqual([]);
    expect(grantsOf(['utc', 'listen:carrier', 'utc'], false)).toEqual(['listen:carrier', 'utc']);
  });
});
