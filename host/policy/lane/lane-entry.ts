import { parentPort, workerData } from 'node:worker_threads';
import { descriptorReserve } from '../../endpoint/descriptor-reserve.ts';
import { useDeviceNamespace } from '../../endpoint/device-namespace.ts';
import { dropHandover, useHandover } from '../../endpoint/handover.ts';
import { FrameKernel } from '../../engine/crossing/frame-kernel.ts';
import { Lane } from '../../puzzle/lane.ts';
import { CallMonitor, CallMonitorReader } from '../../puzzle/runtime/call-monitor.ts';
import { protocolsOfPuzzle } from '../../puzzle/runtime/component-environment.ts';
import { threadNumber } from '../pieces/thread-time.ts';
import { type LaneMessage, type LaneRequest, type LaneThreadData, transferred } from './lane-messages.ts';
import { type LaneOrder, makersFor } from './lane-order.ts';

/*
 * The entry of a lane's thread. It handles requests one after the other; only a change that is still prepared
 * can be superseded by a newer one. It also reports its counters at intervals, so that they survive an end by
 * force.
 */

/**
 * The interval of the reports: the greatest age of the counters that a lane leaves when it is ended by force.
 */
const SNAPSHOT_MS = 250;

const port = parentPort;
if (port === null) throw new Error('this module is for a worker thread');
const { callMonitor: memory, handover, namespace }: LaneThreadData = workerData;
const callMonitor = new CallMonitor(memory);
const calls = new CallMonitorReader(memory);
callMonitor.thread = threadNumber();
useHandover(handover);
if (namespace !== undefined) useDeviceNamespace(namespace);

const protocols = protocolsOfPuzzle();
const lane = new Lane({
  protocols,
  callMonitor,
  descriptors: descriptorReserve.most,
  onEvent: (event) => post({ kind: 'event', event }),
  onLog: (entry) => post({ kind: 'event', event: { kind: 'log', ...entry } }),
  onSave: (piece, saved) => post({ kind: 'saved', piece, saved }),
  onRestore: (piece, isTaken) => post({ kind: 'restored', piece, isTaken }),
});

// A spare thread compiles the kernel before it is needed.
FrameKernel.of(lane.frames);

let reportedCalls = calls.calls;
const reporting = setInterval(() => {
  if (calls.calls === reportedCalls) return;
  reportedCalls = calls.calls;
  post({ kind: 'snapshot', snapshot: lane.snapshot() });
}, SNAPSHOT_MS);

port.on('message', (request: LaneRequest) => {
  handle(request).then(
    (value) => {
      post({ kind: 'result', id: request.id, value });
      if (request.kind === 'close') port.close();
    },
    (error: unknown) => post({ kind: 'failure', id: request.id, error: transferred(error) }),
  );
});

async function handle(request: LaneRequest): Promise<unknown> {
  switch (request.kind) {
    case 'start': {
      const { networks, joints } = request.order;
      await lane.start(await makersFor(request.order, protocols), networks, joints);
      dropHandover(handover);
      return undefined;
    }
    case 'apply':
      return applyInOrder(request.order);
    case 'difference': {
      const { networks, joints } = request.order;
      return lane.difference(await makersFor(request.order, protocols), networks, joints);
    }
    case 'counters':
      return lane.snapshot();
    case 'close': {
      clearInterval(reporting);
      lane.close();
      return lane.snapshot();
    }
  }
}

let findingPieces: Promise<unknown> = Promise.resolve();

/**
 * Passes changes to the lane in the order of their requests, although a later one may find its pieces sooner.
 */
async function applyInOrder(order: LaneOrder) {
  const before = findingPieces;
  const makers = makersFor(order, protocols);
  findingPieces = Promise.allSettled([before, makers]);
  await before;
  return lane.apply(await makers, order.networks, order.joints);
}

function post(message: LaneMessage): void {
  port?.postMessage(message);
}
