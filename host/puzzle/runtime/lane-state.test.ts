import { expect, it } from 'vitest';
import { Frames } from '../../frame/frames.ts';
import { Protocols } from '../../stack/protocols.ts';
import { CallMonitor } from './call-monitor.ts';
import { LaneState } from './lane-state.ts';
import type { JoinedEdge } from './seat.ts';

it('has another version of its listeners after each change of any kind, also of several', () => {
  const state = new LaneState(
    {
      frames: new Frames({ smallRows: 1, largeRows: 0 }),
      protocols: new Protocols(),
      callMonitor: new CallMonitor(),
    },
    () => {},
    () => {},
    () => 0,
  );
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
