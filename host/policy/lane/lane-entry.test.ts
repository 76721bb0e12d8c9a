import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { CALL_MONITOR_BYTES, CallMonitorReader } from '../../puzzle/runtime/call-monitor.ts';
import { describePiece, ipv6, ScriptedPiece } from '../../puzzle/testing/scripted-piece.ts';
import type { LaneMessage, LaneRequest } from './lane-messages.ts';
import type { LaneOrder } from './lane-order.ts';

// The entry of a lane's thread, in this thread: the test is the other end of its port.

type Made = ConstructorParameters<typeof ScriptedPiece>;

const thread = vi.hoisted(() => ({
  port: undefined as unknown,
  workerData: undefined as unknown,
  pieces: new Map<string, unknown>(),
  handovers: [] as string[],
}));
vi.mock('node:worker_threads', () => ({
  get parentPort() {
    return thread.port;
  },
  get workerData() {
    return thread.workerData;
  },
}));
vi.mock('../../endpoint/catalogue.ts', () => ({ nativePieces: thread.pieces }));
vi.mock('../../endpoint/handover.ts', () => ({
  useHandover: (number: number) => thread.handovers.push(`use ${number}`),
  dropHandover: (number: number) => thread.handovers.push(`drop ${number}`),
}));

class Port extends EventEmitter {
  readonly sent: LaneMessage[] = [];
  isClosed = false;

  postMessage(message: LaneMessage): void {
    this.sent.push(message);
  }
  close(): void {
    this.isClosed = true;
  }
}

let port: Port;
let pieces: Record<string, ScriptedPiece>;
let ids: number;
let memory: SharedArrayBuffer;

beforeEach(async () => {
  vi.resetModules();
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  thread.port = port = new Port();
  memory = new SharedArrayBuffer(CALL_MONITOR_BYTES);
  thread.workerData = { callMonitor: memory, handover: 9 };
  thread.handovers.length = ids = 0;
  pieces = {};
  thread.pieces.clear();
  for (const [name, direction] of [
    ['tun', 'down'],
    ['six', 'up'],
  ] as const) {
    const description = describePiece(name, 'ip', direction);
    thread.pieces.set(name, {
      make: (context: Made[1], frames: Made[2], protocols: Made[3]) => {
        pieces[name] = new ScriptedPiece(description, context, frames, protocols);
        return pieces[name];
      },
    });
  }
  await import('./lane-entry.ts');
});

afterEach(async () => {
  if (!port.isClosed) await request('close', undefined);
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

function order(...names: string[]): LaneOrder {
  const made = names.map((name) => ({
    place: {
      name,
      description: describePiece(name, 'ip', name === 'tun' ? 'down' : 'up'),
      edges: new Map([['net', ['lan']]]),
    },
    failure: 'closed',
    identity: name,
    saveEveryMs: 10,
    settings: [],
    source: { kind: 'native', name, owner: 'host' },
  }));
  return { pieces: made, networks: new Map(), joints: undefined } as unknown as LaneOrder;
}

/** Sends a request, and returns its reply without the number. */
async function request(kind: LaneRequest['kind'], given: LaneOrder | undefined): Promise<unknown> {
  const id = ++ids;
  port.emit('message', { id, kind, order: given } as LaneRequest);
  for (;;) {
    const reply = port.sent.find((each) => 'id' in each && each.id === id);
    if (reply !== undefined)
      return reply.kind === 'failure' ? reply.error : (reply as { value: unknown }).value;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const sentOf = (kind: LaneMessage['kind']) => port.sent.filter((each) => each.kind === kind);

it('starts the lane, and then takes over nothing more of an earlier one', async () => {
  expect(thread.handovers).toEqual(['use 9']);
  expect(new CallMonitorReader(memory).thread).toBe(process.pid);
  expect(await request('start', order('tun', 'six'))).toBeUndefined();
  expect(thread.handovers).toEqual(['use 9', 'drop 9']);
  pieces.tun!.bring(0, ipv6());
  expect(pieces.six!.taken).toHaveLength(1);
});

it('reports why it cannot start, by code', async () => {
  expect(await request('start', order('tun', 'none'))).toEqual({
    code: 'FT_PIECE_UNKNOWN',
    message: 'there is no piece `none`',
  });
  expect(thread.handovers).toEqual(['use 9']);
});

it('reports what would change, changes it, and counts', async () => {
  await request('start', order('tun', 'six'));
  const empty = order();
  const difference = { added: [], removed: ['tun', 'six'] };
  expect(await request('difference', empty)).toMatchObject(difference);
  expect(await request('counters', undefined)).toMatchObject({ pieces: [{ name: 'tun' }, { name: 'six' }] });
  expect(await request('apply', empty)).toMatchObject(difference);
  expect(await request('counters', undefined)).toMatchObject({ pieces: [] });
});

it('makes changes in the order of their requests', async () => {
  await request('start', order('tun', 'six'));
  const replies = [request('apply', order()), request('apply', order('tun', 'six'))];
  const [first, second] = await Promise.all(replies);
  // The newer one supersedes the older one, and not the reverse.
  expect(first).toMatchObject({ code: 'FT_CHANGE_SUPERSEDED' });
  expect(second).toMatchObject({ kept: ['tun', 'six'] });
});

it('passes on events, log entries and saved states', async () => {
  await request('start', order('tun', 'six'));
  pieces.six!.context.log('warn', 'here');
  const entry = { kind: 'log', piece: 'six', level: 'warn', message: 'here' };
  expect(sentOf('event')).toEqual([{ kind: 'event', event: entry }]);
  pieces.six!.state = Uint8Array.of(1, 2);
  pieces.tun!.bring(0, ipv6());
  await vi.waitFor(() => {
    pieces.tun!.bring(0, ipv6());
    const saved = { version: '1.0.0', state: Uint8Array.of(1, 2) };
    expect(sentOf('saved')).toContainEqual({ kind: 'saved', piece: 'six', saved });
  }, 60_000);
  const { trapFault } = await import('../../puzzle/testing/scripted-piece.ts');
  pieces.six!.onProcess = () => {
    throw trapFault();
  };
  pieces.tun!.bring(0, ipv6());
  expect(sentOf('event').at(-1)).toMatchObject({
    event: { kind: 'fault', piece: 'six', code: 'FT_FAULT_TRAP' },
  });
});

it('reports its counters every quarter of a second, where a piece was called since', async () => {
  await request('start', order('tun', 'six'));
  vi.advanceTimersByTime(250);
  const reports = sentOf('snapshot').length;
  expect(reports).toBe(1);
  vi.advanceTimersByTime(1000);
  expect(sentOf('snapshot')).toHaveLength(1);
  pieces.tun!.bring(0, ipv6());
  vi.advanceTimersByTime(249);
  expect(sentOf('snapshot')).toHaveLength(1);
  vi.advanceTimersByTime(1);
  expect(sentOf('snapshot').at(-1)).toMatchObject({
    snapshot: { pieces: [{ name: 'tun' }, { name: 'six', edges: [{ framesIn: 1 }] }] },
  });
});

it('closes the pieces with the last counters, and lets the thread end', async () => {
  await request('start', order('tun', 'six'));
  pieces.tun!.bring(0, ipv6());
  expect(await request('close', undefined)).toMatchObject({
    pieces: [{ name: 'tun' }, { name: 'six', edges: [{ framesIn: 1 }] }],
  });
  expect([pieces.tun!.closes, pieces.six!.closes, port.isClosed, vi.getTimerCount()]).toEqual([
    1,
    1,
    true,
    0,
  ]);
});
