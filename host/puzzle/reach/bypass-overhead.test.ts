import { expect, it } from 'vitest';
import { Protocols } from '../../stack/protocols.ts';
import { samplePlace } from '../testing/sample-place.ts';
import { bypassPaths } from './bypass.ts';

// Frames that go around a piece keep their size, so no Curve that changes it is a way around.
it.each([
  [0, 2],
  [8, 0],
  [-8, 0],
])('a Curve with an overhead of %d has %d ways around its piece', (overhead, ways) => {
  const place = samplePlace(
    'between',
    { a: ['ip up'], b: ['ip down'] },
    { a: ['x'], b: ['y'] },
    {
      curves: ['0/0 1/0'],
    },
  );
  const [curve] = place.description.curves;
  const changed = { ...place, description: { ...place.description, curves: [{ ...curve!, overhead }] } };
  const joined = [
    { edge: 0, described: 0, shapes: [0] },
    { edge: 1, described: 1, shapes: [0] },
  ];
  expect(bypassPaths(new Protocols(), changed, joined).paths).toHaveLength(ways);
});
