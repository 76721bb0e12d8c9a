import { expect, it } from 'vitest';
import { Frames } from '../../frame/frames.ts';
import { Protocols } from '../../stack/protocols.ts';
import { CallMonitor } from './call-monitor.ts';
import { LaneState } from './lane-state.ts';
import type { JoinedEdge, Seat } from './seat.ts';

function newState(scheduleTurn = () => {}): LaneState {
  return new LaneState(
    {
      frames: new Frames({ smallRows: 1, largeRows: 0 }),
      protocols: new Protocols(),
      callMonitor: new CallMonitor(),
    },
    () => {},
    scheduleTurn,
    () => 0,
  );
}

it('sends eight notifications in a turn, and schedules another for the rest', () => {
  let turns = 0;
  const state = newState(() => {
    turns++;
  });
  const sent: number[] = [];
  state.isRunning = true;
  state.insideListen({} as Seat, () => {
    for (let n = 0; n < 20; n++) state.deferNotification(() => sent.push(n));
  });
  expect(sent).toEqual([]);
  for (const count of [8, 16, 20]) {
    state.beginTurn();
    expect(sent).toEqual(Array.from({ length: count }, (_, n) => n));
  }
  expect(turns).toBe(2);
});

it('has a Joint that gives the tag of a Shape that has left to the next one', () => {
  const joint = newState().jointNamed('lan');
  const member = { seat: {}, directions: ['up'] } as unknown as JoinedEdge;
  const kept = joint.add(member, 0, 'up', 'ip');
  for (let n = 0; n < 100; n++) joint.remove(joint.add(member, 1, 'up', 'ip/udp'));
  expect([joint.receivers.length, joint.receivers[kept]?.stack]).toEqual([2, 'ip']);
});

it('has another version of its listeners after each change of any kind, also of several', () => {
  const state = newState();
  const joint = state.jointNamed('lan');
  state.joints.set('lan', joint);
  const member = { seat: {}, directions: ['up'] } as unknown as JoinedEdge;
  const versions = [state.listenersVersion];
  for (let n = 0; n < 3; n++) {
    const tag = joint.add(member, 0, 'up', 'ip');
    state.topologyChanged();
    versions.push(state.listenersVersion);
    joint.remove(tag);
    versions.push(state.listenersVersion);
    state.topologyChanged();
    versions.push(state.listenersVersion);
  }
  expect(new Set(versions).size).toBe(versions.length);
});
