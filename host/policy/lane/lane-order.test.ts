import { expect, it } from 'vitest';
import { arrange } from '../../puzzle/plan/arrange.ts';
import { protocolsOfPuzzle } from '../../puzzle/runtime/component-environment.ts';
import { preparePuzzle } from '../check/check-configuration.ts';
import { makersFor, orderOf } from './lane-order.ts';

const UDP = { address: '127.0.0.1', family: 'ipv4' };
const CONFIGURATION = {
  pieces: {
    left: { piece: 'udp', settings: { ...UDP, port: 0 }, edges: { udp: 'a' } },
    middle: { piece: 'hub', edges: { net: ['a', 'b', 'c'] } },
    right: { piece: 'udp', settings: { ...UDP, port: 0 }, edges: { udp: 'b' } },
    file: {
      piece: 'pcap-writer',
      settings: { file: 'x.pcapng', stack: 'ip/udp', direction: 'down' },
      edges: { frames: 'c' },
    },
  },
};

it('carries the arrangement of the check to another thread, which would arrange the same', async () => {
  const puzzle = await preparePuzzle(CONFIGURATION);
  const order = structuredClone(orderOf(puzzle));
  const protocols = protocolsOfPuzzle();
  const makers = await makersFor(order, protocols);
  const places = makers.map(({ place }) => place);
  const { joints, mistakes } = arrange(protocols, places, order.networks);
  expect(mistakes).toEqual([]);
  expect(joints.length).toBe(3);
  expect(order.joints).toEqual(joints.map(({ name, members }) => ({ name, members })));
});

it('makes a piece for another thread from the specification that this thread uses', async () => {
  const puzzle = await preparePuzzle(CONFIGURATION);
  const makers = await makersFor(structuredClone(orderOf(puzzle)), protocolsOfPuzzle());
  makers.forEach(({ kind, failure, identity }, index) => {
    const { spec } = puzzle.pieces[index]!;
    expect({ kind, failure, identity }).toEqual({
      kind: spec.source.kind,
      failure: spec.failure,
      identity: spec.identity,
    });
  });
});
