import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { FunnelEvent } from '../policy/funnel.ts';
import { ControlConnection } from './control-connection.ts';
import { requestSchema } from './control-protocol.ts';
import type { ControlService } from './control-service.ts';

// The connection of one client, with a socket that the test scripts: how long it waits for what, and what it
// sends. `control.test.ts` has real sockets.

class ScriptedSocket extends EventEmitter {
  readonly written: string[] = [];
  /** The last timeout that was set, in milliseconds. */
  timeoutMs = -1;
  isPaused = true;
  hasEnded = false;
  destroyed = false;
  writable = true;
  writableLength = 0;
  writableNeedDrain = false;

  setTimeout(ms: number): void {
    this.timeoutMs = ms;
  }
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }
  write(text: string): void {
    this.written.push(text);
  }
  end(): void {
    this.hasEnded = true;
  }
  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

const TIMEOUTS = { idleMs: 4000, lineMs: 300, drainMs: 200, endMs: 100 };
let socket: ScriptedSocket;
let connection: ControlConnection;
let service: ControlService;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  socket = new ScriptedSocket();
  service = { snapshot: async () => ({ process: 7 }) } as unknown as ControlService;
  connection = new ControlConnection(socket as unknown as Socket, Promise.resolve(service), TIMEOUTS);
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

/** The client sends this, and all of it is handled. */
async function say(text: string): Promise<void> {
  socket.emit('data', Buffer.from(text));
  await settled();
}

async function settled(): Promise<void> {
  for (let n = 0; n < 20; n++) await new Promise((resolve) => setImmediate(resolve));
}

async function endSending(): Promise<void> {
  socket.emit('end');
  await settled();
}

const replies = () => socket.written.map((line) => (line === '\n' ? '' : JSON.parse(line)));
const event = (message: string): FunnelEvent => ({ kind: 'log', piece: 'a', level: 'info', message });
const EVENTS = '{"id":5,"method":"events"}\n';

describe('the time that a connection has', () => {
  it('is that for a request, and within a line that for a line', async () => {
    expect([socket.timeoutMs, socket.isPaused]).toEqual([4000, false]);
    await say('{"id":1,');
    expect(socket.timeoutMs).toBe(300);
    await say('"method":"snapshot"}\n');
    expect([socket.timeoutMs, socket.isPaused]).toEqual([4000, false]);
    expect(replies()).toEqual([{ id: 1, result: { process: 7 } }]);
  });

  it.each([
    ['', 'no request came for 4 s'],
    ['{"id"', 'a line was not complete after 0.3 s'],
  ])('ends it with the reason, behind %j', async (text, message) => {
    if (text !== '') await say(text);
    socket.emit('timeout');
    expect(replies()).toEqual([{ id: null, error: { code: 'FT_CONTROL_TIMEOUT', message } }]);
    expect([socket.hasEnded, socket.destroyed]).toEqual([true, false]);
    vi.advanceTimersByTime(99);
    expect(socket.destroyed).toBe(false);
    vi.advanceTimersByTime(1);
    expect(socket.destroyed).toBe(true);
  });

  it('has no end while a request is handled', async () => {
    let reply = (_: unknown) => {};
    Object.assign(service, { snapshot: () => new Promise((resolve) => (reply = resolve)) });
    await say('{"id":1,"method":"snapshot"}\n');
    expect(socket.isPaused).toBe(true);
    socket.emit('timeout');
    expect([socket.hasEnded, socket.written]).toEqual([false, []]);
    reply({ process: 8 });
    await settled();
    expect(replies()).toEqual([{ id: 1, result: { process: 8 } }]);
  });

  it('has no limit for a client of events, but in a line; one that ended its side is probed', async () => {
    await say(EVENTS);
    expect(socket.timeoutMs).toBe(0);
    await say('{');
    expect(socket.timeoutMs).toBe(300);
    await say('}\n');
    expect(socket.timeoutMs).toBe(0);
    socket.written.length = 0;
    await endSending();
    expect([socket.written, socket.timeoutMs, socket.hasEnded]).toEqual([['\n'], 300, false]);
    socket.emit('timeout');
    expect([socket.written, socket.hasEnded]).toEqual([['\n', '\n'], false]);
    // A write that waits shows whether the client is there, too.
    socket.writableLength = 1;
    socket.emit('timeout');
    expect(socket.written).toHaveLength(2);
  });

  it('ends with the client that ends its side, and wants no events', async () => {
    await say('{"id":1,"method":"snapshot"}\n');
    await endSending();
    expect([socket.hasEnded, socket.written.length]).toEqual([true, 1]);
    socket.destroy();
  });

  it('to read what was written is limited', async () => {
    socket.writableNeedDrain = true;
    await say('{"id":1,"method":"snapshot"}\n');
    vi.advanceTimersByTime(199);
    expect(socket.destroyed).toBe(false);
    socket.writableNeedDrain = false;
    socket.emit('drain');
    await settled();
    vi.advanceTimersByTime(1000);
    expect([socket.destroyed, socket.isPaused]).toEqual([false, false]);
    socket.writableNeedDrain = true;
    await say('{"id":2,"method":"snapshot"}\n');
    vi.advanceTimersByTime(200);
    expect(socket.destroyed).toBe(true);
    await settled();
  });
});

describe('events', () => {
  it('go only to a client that wants them, and none behind the end', async () => {
    connection.notify(event('before'));
    await say(EVENTS);
    connection.notify(event('here'));
    connection.end();
    connection.notify(event('after'));
    expect(replies()).toEqual([
      { id: 5, result: {} },
      { id: 5, event: expect.objectContaining({ kind: 'log', message: 'here' }) },
    ]);
    socket.destroy();
  });

  it('that the client cannot take are counted', async () => {
    await say(EVENTS);
    socket.written.length = 0;
    socket.writableLength = 256 * 1024 + 1;
    for (let n = 0; n < 3; n++) connection.notify(event(`lost ${n}`));
    expect(socket.written).toEqual([]);
    socket.writableLength = 256 * 1024;
    connection.notify(event('one'));
    connection.notify(event('two'));
    expect(replies().map((each) => each.event.events ?? each.event.message)).toEqual([3, 'one', 'two']);
  });
});

describe('a request', () => {
  it('that is followed by others is handled before them', async () => {
    const order: string[] = [];
    Object.assign(service, {
      snapshot: async () => {
        order.push('begins');
        await new Promise((resolve) => setImmediate(resolve));
        order.push('ends');
        return {};
      },
    });
    await say('{"id":1,"method":"snapshot"}\n\n{"id":2,"method":"snapshot"}\n');
    expect(order).toEqual(['begins', 'ends', 'begins', 'ends']);
    expect(replies().map(({ id }) => id)).toEqual([1, 2]);
  });

  it('is handled no more after the connection has ended', async () => {
    Object.assign(service, {
      snapshot: async () => {
        connection.end();
        return {};
      },
    });
    await say('{"id":1,"method":"snapshot"}\n{"id":2,"method":"snapshot"}\n');
    expect(socket.written).toEqual([]);
    socket.destroy();
  });

  it.each([
    ['an id of 64 characters', { id: 'a'.repeat(64), method: 'x' }, true],
    ['an id of 65 characters', { id: 'a'.repeat(65), method: 'x' }, false],
    ['an id that is no whole number', { id: 1.5, method: 'x' }, false],
    ['a method of 64 characters', { id: 1, method: 'a'.repeat(64) }, true],
    ['a method of 65 characters', { id: 1, method: 'a'.repeat(65) }, false],
    ['a word that it does not know', { id: 1, method: 'x', more: 1 }, false],
  ])('with %s: %j', (_, given, isRight) => {
    expect(requestSchema.safeParse(given).success).toBe(isRight);
  });
});
