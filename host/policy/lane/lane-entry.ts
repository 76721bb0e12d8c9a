import { readlinkSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { dropHandover, useHandover } from '../../endpoint/handover.ts';
import { FrameKernel } from '../../engine/crossing/frame-kernel.ts';
import { Lane } from '../../puzzle/lane.ts';
import { CallMonitor, CallMonitorReader } from '../../puzzle/runtime/call-monitor.ts';
import { protocolsOfPuzzle } from '../../puzzle/runtime/component-environment.ts';
import { type LaneMessage, type LaneQuestion, type LaneSetting, transferred } from './lane-messages.ts';
import { type LaneOrder, makersFor } from './lane-order.ts';

/*
 * What runs in the thread of a lane. It answers questions one after the other, except that a change which is still prepared can
 * be overtaken by a newer one; and it tells its counters now and then, so that they are known when it ends by force.
 */

/** How old the counters are at most that are known of a lane which ended by force. */
const SNAPSHOT_MS = 250;

const port = parentPort;
if (port === null) throw new Error('this module is for a worker thread');
const { pulse: memory, handover }: LaneSetting = workerData;
const callMonitor = new CallMonitor(memory);
const calls = new CallMonitorReader(memory);
callMonitor.thread = threadNumber();
useHandover(handover);

const protocols = protocolsOfPuzzle();
const lane = new Lane({
  protocols,
  callMonitor,
  onEvent: (event) => post({ kind: 'event', event }),
  onLog: (entry) => post({ kind: 'event', event: { kind: 'log', ...entry } }),
  onSave: (piece, saved) => post({ kind: 'saved', piece, saved }),
  onRestore: (piece, isTaken) => post({ kind: 'restored', piece, isTaken }),
});

// A thread that stands by is to have all at hand.
FrameKernel.of(lane.frames);

let told = calls.calls;
const telling = setInterval(() => {
  if (calls.calls === told) return;
  told = calls.calls;
  post({ kind: 'snapshot', snapshot: lane.snapshot() });
}, SNAPSHOT_MS);

port.on('message', (question: LaneQuestion) => {
  answer(question).then(
    (value) => {
      post({ kind: 'answer', id: question.id, value });
      if (question.kind === 'close') port.close();
    },
    (error: unknown) => post({ kind: 'refusal', id: question.id, error: transferred(error) }),
  );
});

async function answer(question: LaneQuestion): Promise<unknown> {
  switch (question.kind) {
    case 'start': {
      const { networks, joints } = question.order;
      await lane.start(await makersFor(question.order, protocols), networks, joints);
      dropHandover(handover);
      return undefined;
    }
    case 'apply':
      return applyInOrder(question.order);
    case 'difference': {
      const { networks, joints } = question.order;
      return lane.difference(await makersFor(question.order, protocols), networks, joints);
    }
    case 'counters':
      return lane.snapshot();
    case 'close': {
      clearInterval(telling);
      lane.close();
      return lane.snapshot();
    }
  }
}

let making: Promise<unknown> = Promise.resolve();

/** Changes reach the lane in the order in which they were asked for, though one's pieces may be found faster than another's. */
async function applyInOrder(order: LaneOrder) {
  const before = making;
  const makers = makersFor(order, protocols);
  making = Promise.allSettled([before, makers]);
  await before;
  return lane.apply(await makers, order.networks, order.joints);
}

function post(message: LaneMessage): void {
  port?.postMessage(message);
}

/** As the system numbers threads; 0 where it does not tell. */
function threadNumber(): number {
  try {
    return Number(readlinkSync('/proc/thread-self').split('/').at(-1));
  } catch {
    return 0;
  }
}
