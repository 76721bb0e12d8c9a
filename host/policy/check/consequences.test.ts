import { describe, expect, it } from 'vitest';
import type { Mistake } from '../../puzzle/plan/arrangement.ts';
import type { NetworkUse } from '../configuration/network-use.ts';
import { Consequences, independentMistakes } from './consequences.ts';

const use = (piece: string): NetworkUse => ({ piece, edge: 'net' }) as NetworkUse;
/** On `lan` there are two pieces, and on `alone` one. */
const USED = new Map([
  ['lan', [use('tun'), use('six')]],
  ['alone', [use('cap')]],
]);

interface State {
  doubtful?: string[];
  misspelt?: string[];
  lacksEdges?: boolean;
}

function isConsequence(state: State, mistake: Partial<Mistake>): boolean {
  const consequences = new Consequences();
  for (const name of state.doubtful ?? []) consequences.doubtful.add(name);
  for (const name of state.misspelt ?? []) consequences.misspelt.add(name);
  consequences.lacksEdges = state.lacksEdges ?? false;
  return consequences.isConsequence({ code: 'FT_X', message: '', ...mistake }, USED);
}

describe('a mistake of an arrangement', () => {
  it.each<[string, State, Partial<Mistake>, boolean]>([
    ['of nothing in particular', {}, {}, false],
    ['of a network without other mistakes', {}, { network: 'lan' }, false],
    ['of an Edge whose name was misspelt', { misspelt: ['tun.net'] }, { piece: 'tun', edge: 'net' }, true],
    ['of another Edge of that piece', { misspelt: ['tun.net'] }, { piece: 'tun', edge: 'ip' }, false],
    ['of that Edge of another piece', { misspelt: ['tun.net'] }, { piece: 'six', edge: 'net' }, false],
    ['of that piece', { misspelt: ['tun.net'] }, { piece: 'tun' }, false],
    ['of a network with a doubtful piece', { doubtful: ['six'] }, { network: 'lan' }, true],
    ['of another network', { doubtful: ['six'] }, { network: 'alone' }, false],
    ['of a lone Edge where Edges were left out', { lacksEdges: true }, { network: 'alone' }, true],
    ['of two Edges where Edges were left out', { lacksEdges: true }, { network: 'lan' }, false],
    ['of a lone Edge where none was', {}, { network: 'alone' }, false],
    ['of a network by default with a doubtful piece', { doubtful: ['cap'] }, { network: 'x' }, false],
    ['of no network with a doubtful piece', { doubtful: ['cap'] }, {}, false],
  ])('%s with %j: %j follows from another: %s', (_, state, mistake, expected) => {
    expect(isConsequence(state, mistake)).toBe(expected);
  });

  it.each([
    ['FT_EDGE_UNJOINED', true],
    ['FT_EDGE_AMBIGUOUS', true],
    ['FT_SHAPES_DO_NOT_MATCH', true],
    ['FT_JOINT_AMBIGUOUS', true],
    ['FT_PROPERTY_CONFLICT', false],
    ['FT_EDGE_REPEATED', false],
  ])('with the code %s follows, for an Edge that the configuration leaves out: %s', (code, expected) => {
    for (const state of [{ doubtful: ['cap'] }, { lacksEdges: true }])
      for (const where of [{}, { network: 'by-default' }])
        expect(isConsequence(state, { code, ...where })).toBe(
          // A network that the configuration does not name has fewer than two Edges there.
          expected || ('network' in where && 'lacksEdges' in state),
        );
    expect(isConsequence({ doubtful: ['cap'] }, { code, network: 'lan' })).toBe(false);
    expect(isConsequence({}, { code })).toBe(false);
  });
});

describe('independentMistakes', () => {
  const places = [
    { name: 'tun', edges: new Map([['ip', ['lan', 'wan']]]) },
    { name: 'six', edges: new Map([['ip', ['far']]]) },
  ] as never;
  const mistake = (code: string, more: Partial<Mistake> = {}): Mistake => ({ code, message: '', ...more });
  const left = (mistakes: Mistake[], choices: Mistake[] = [], contested: string[] = []) =>
    independentMistakes({ mistakes } as never, places, choices, contested);

  it('leaves out an Edge that is not joined because the choice was open', () => {
    const unjoined = mistake('FT_EDGE_UNJOINED', { piece: 'tun', edge: 'ip' });
    expect(left([unjoined])).toEqual([unjoined]);
    expect(left([unjoined], [mistake('FT_EDGE_AMBIGUOUS', { piece: 'tun', edge: 'ip' })])).toEqual([]);
    for (const other of [
      { piece: 'six', edge: 'ip' },
      { piece: 'tun', edge: 'net' },
    ])
      expect(left([unjoined], [mistake('FT_EDGE_AMBIGUOUS', other)])).toEqual([unjoined]);
    const ambiguous = mistake('FT_JOINT_AMBIGUOUS', { piece: 'tun', edge: 'ip' });
    expect(left([ambiguous], [mistake('FT_EDGE_AMBIGUOUS', { piece: 'tun', edge: 'ip' })])).toEqual([
      ambiguous,
    ]);
  });

  it('leaves out Shapes that do not match where an Edge is missing for another reason', () => {
    const apart = (network?: string) =>
      mistake('FT_SHAPES_DO_NOT_MATCH', network === undefined ? {} : { network });
    const repeated = mistake('FT_EDGE_REPEATED', { piece: 'tun', edge: 'ip' });
    expect(left([apart('lan'), apart('far'), apart()])).toEqual([apart('lan'), apart('far'), apart()]);
    expect(left([repeated, apart('lan'), apart('wan'), apart('far'), apart()])).toEqual([
      repeated,
      apart('far'),
      apart(),
    ]);
    expect(left([apart('lan'), apart('far')], [], ['lan'])).toEqual([apart('far')]);
    const conflict = mistake('FT_PROPERTY_CONFLICT', { network: 'lan' });
    expect(left([conflict, apart('lan')], [], ['lan'])).toEqual([conflict]);
    // A piece or an Edge that does not exist has no networks.
    const strange = mistake('FT_EDGE_REPEATED', { piece: 'tun', edge: 'none' });
    expect(left([strange, apart('lan')])).toEqual([strange, apart('lan')]);
  });
});
