import { expect, it } from 'vitest';
import { differenceLine, differenceText } from './difference-text.ts';

const nothing = { added: [], removed: [], replaced: [], kept: [], edges: [] };

it('lists a change in the order of doing it by hand', () => {
  const difference = {
    added: ['tap'],
    removed: ['dump'],
    replaced: ['six', 'seven'],
    kept: ['home', 'net'],
    edges: [
      { piece: 'dump', edge: 'frames', network: 'copy', change: 'leaves' },
      { piece: 'home', edge: 'ip', network: 'lan', change: 'leaves' },
      { piece: 'home', edge: 'ip', network: 'house', change: 'joins' },
      { piece: 'seven', edge: 'ipv6', network: 'house', change: 'joins' },
      { piece: 'tap', edge: 'net', network: 'lan', change: 'joins' },
      { piece: 'tap', edge: 'net', network: 'copy', change: 'joins' },
    ],
  } as const;
  expect(differenceText(difference)).toBe(`- dump is removed: frames leaves copy
~ six is replaced, and hands over its state
~ seven is replaced, and hands over its state: ipv6 joins house
+ tap is added: net joins lan; net joins copy
~ home continues: ip leaves lan; ip joins house
= as before: net
`);
  expect(differenceLine(difference)).toBe('added tap; removed dump; replaced six, seven; rejoined home');
});

it('reports that there is nothing to change', () => {
  expect(differenceText({ ...nothing, kept: ['a', 'b'] })).toBe('= as before: a, b\n');
  expect(differenceLine({ ...nothing, kept: ['a', 'b'] })).toBe('nothing to change');
});
