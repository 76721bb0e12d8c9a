import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigurationError } from '../policy/configuration/configuration-error.ts';
import type { ConfigurationObject } from '../policy/configuration/configuration-schema.ts';
import { type Funnel, openFunnel } from '../policy/funnel.ts';
import { samplePiece, sampleSetting } from '../policy/testing/sample-pieces.ts';
import { checkForLeaks } from '../puzzle/testing/leak-check.ts';
import { askFunnel } from './control-client.ts';
import { ControlConnection } from './control-connection.ts';
import { CONTROL_PROTOCOL } from './control-protocol.ts';
import { ControlServer } from './control-server.ts';
import { controlServiceOf } from './control-service.ts';

checkForLeaks();

const pieces = {
  source: samplePiece('source', { edges: { ip: ['ip down'] } }),
  sink: samplePiece('sink', { edges: { ip: ['ip up'] }, settings: [sampleSetting('port number = 1')] }),
};
const configuration = (port: number): ConfigurationObject => ({
  pieces: {
    from: { piece: 'source', edges: { ip: 'lan' } },
    to: { piece: 'sink', settings: { port }, edges: { ip: 'lan' } },
  },
});

let folder: string;
let path: string;
let funnel: Funnel;
let server: ControlServer;
let ended: number;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'control-'));
  path = join(folder, 'f.sock');
  ended = 0;
  funnel = await openFunnel(configuration(1), { pieces });
  server = await ControlServer.open(path);
  server.serve(
    controlServiceOf(funnel, () => {
      ended++;
    }),
    funnel,
  );
});
afterEach(async () => {
  server.close();
  await funnel.close();
  rmSync(folder, { recursive: true });
});

/** A client that writes the requests of a test, and collects the replies. */
class Talker {
  readonly socket: Socket = connect({ path, allowHalfOpen: true });
  text = '';
  isOver = false;

  constructor() {
    this.socket.on('error', () => {});
    this.socket.on('data', (chunk) => {
      this.text += chunk.toString();
    });
    for (const event of ['end', 'close'])
      this.socket.on(event, () => {
        this.isOver = true;
      });
  }

  say(...requests: (object | string)[]): this {
    for (const each of requests)
      this.socket.write(typeof each === 'string' ? each : `${JSON.stringify(each)}\n`);
    return this;
  }

  /** Resolves to this many replies. */
  async answers(count: number): Promise<Record<string, never>[]> {
    await until(() => this.text.split('\n').length > count || this.isOver);
    return this.text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }
}

async function until(isSo: () => boolean): Promise<void> {
  const end = performance.now() + 60_000;
  while (!isSo()) {
    if (performance.now() > end) throw new Error('it does not come to be so');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const code = (code: string) => ({ error: expect.objectContaining({ code }) });

describe('by its control socket a Funnel', () => {
  it('returns its counters and its graph', async () => {
    const status = await askFunnel(path, 'snapshot', {});
    expect(status).toMatchObject({ configuration: '(object)', process: process.pid });
    expect(status.snapshot.pieces.map(({ name }) => name)).toEqual(['from', 'to']);
    expect(await askFunnel(path, 'graph', {})).toEqual({
      configuration: '(object)',
      pieces: [
        { name: 'from', piece: 'source', edges: { ip: ['lan'] } },
        { name: 'to', piece: 'sink', edges: { ip: ['lan'] } },
      ],
      joints: [
        {
          network: 'lan',
          members: [
            { piece: 'from', edge: 'ip' },
            { piece: 'to', edge: 'ip' },
          ],
          stacks: ['ip'],
        },
      ],
    });
  });

  it('applies another configuration, or reports the difference', async () => {
    const next = { ...configuration(2) };
    const dry = await askFunnel(path, 'apply', { configuration: next, dryRun: true });
    expect(dry).toMatchObject({ replaced: ['to'], kept: ['from'] });
    expect(funnel.puzzle.pieces[1]!.spec.identity).toBe(await openedIdentity(configuration(1)));
    expect(await askFunnel(path, 'apply', { configuration: next })).toEqual(dry);
    expect(await askFunnel(path, 'apply', { configuration: next })).toMatchObject({ replaced: [] });
  });

  it('reads a file by the name that its user gave, and reports mistakes with their lines', async () => {
    writeFileSync(join(folder, 'x.yaml'), 'pieces:\n  from: { piece: sourc, edges: { ip: lan } }\n');
    const failure = await askFunnel(path, 'apply', { file: 'x.yaml', directory: folder }).catch(
      (error) => error,
    );
    expect(failure).toBeInstanceOf(ConfigurationError);
    expect(failure.mistakes).toEqual([
      expect.objectContaining({ code: 'FT_PIECE_UNKNOWN', file: 'x.yaml', line: 2, column: 18 }),
    ]);
    const { mistakes } = await askFunnel(path, 'check', { file: 'x.yaml', directory: folder });
    expect(mistakes).toEqual(failure.mistakes);
    expect(await askFunnel(path, 'check', { configuration: { ...configuration(3) } })).toEqual({
      mistakes: [],
    });
  });

  it('sends events to clients that requested them', async () => {
    const talker = new Talker().say({ id: 'e', method: 'events' });
    await talker.answers(1);
    await funnel.apply(configuration(5));
    const [first, second] = await talker.answers(2);
    expect(first).toEqual({ id: 'e', result: {} });
    expect(second).toMatchObject({ id: 'e', event: { kind: 'changed', difference: { replaced: ['to'] } } });
    talker.socket.destroy();
  });

  it('ends on request', async () => {
    expect(await askFunnel(path, 'end', {})).toEqual({});
    await until(() => ended === 1);
  });
});

describe('the version of the protocol', () => {
  it('is known before anything else, and another one is refused', async () => {
    const talker = new Talker().say(
      { id: 1, method: 'hello' },
      { id: 2, protocol: CONTROL_PROTOCOL, method: 'hello' },
      { id: 3, protocol: CONTROL_PROTOCOL + 1, method: 'end' },
      { id: 4, protocol: '1', method: 'end' },
    );
    expect(await talker.answers(4)).toEqual([
      { id: 1, result: { protocol: CONTROL_PROTOCOL } },
      { id: 2, result: { protocol: CONTROL_PROTOCOL } },
      { id: 3, ...code('FT_CONTROL_VERSION') },
      { id: null, ...code('FT_CONTROL_REQUEST') },
    ]);
    talker.socket.end();
    expect(await askFunnel(path, 'hello', {})).toEqual({ protocol: CONTROL_PROTOCOL });
    expect(ended).toBe(0);
  });
});

describe('whatever arrives at the control socket', () => {
  it('gets replies in order, with the code of each error, and further requests are read', async () => {
    const deep = `{"id":1,"method":"apply","params":${'['.repeat(40)}${']'.repeat(40)}}\n`;
    const talker = new Talker().say(
      'no json\n',
      '\n  \n',
      '[]\n',
      { id: 1 },
      { id: { a: 1 }, method: 'snapshot' },
      { id: 2, method: 'toString' },
      { id: 3, method: '__proto__' },
      { id: 4, method: 'snapshot', params: { all: true } },
      { id: 5, method: 'apply', params: {} },
      { id: 6, method: 'apply', params: { file: 'x', directory: 'not/absolute' } },
      { id: 7, method: 'apply', params: { file: 'x', configuration: {} } },
      deep,
      '{"id":8,"method":"check","params":{"configuration":{"__proto__":{"pieces":{}}}}}\n',
      { id: 'last', method: 'graph' },
    );
    talker.socket.write(Buffer.from([0xff, 0x0a]));
    const answers = await talker.answers(14);
    expect(answers).toEqual([
      { id: null, ...code('FT_CONTROL_JSON') },
      { id: null, ...code('FT_CONTROL_REQUEST') },
      { id: null, ...code('FT_CONTROL_REQUEST') },
      { id: null, ...code('FT_CONTROL_REQUEST') },
      { id: 2, ...code('FT_CONTROL_METHOD') },
      { id: 3, ...code('FT_CONTROL_METHOD') },
      { id: 4, ...code('FT_CONTROL_PARAMETERS') },
      { id: 5, ...code('FT_CONTROL_PARAMETERS') },
      { id: 6, ...code('FT_CONTROL_PARAMETERS') },
      { id: 7, ...code('FT_CONTROL_PARAMETERS') },
      { id: null, ...code('FT_CONTROL_NESTING') },
      { id: 8, result: { mistakes: [expect.objectContaining({ code: 'FT_CONFIG_SCHEMA' })] } },
      { id: 'last', result: expect.objectContaining({ configuration: '(object)' }) },
      { id: null, ...code('FT_CONTROL_JSON') },
    ]);
    talker.socket.end();
    await until(() => talker.isOver);
  });

  it('ends the connection when a line is too long', async () => {
    const talker = new Talker();
    const chunk = 'a'.repeat(1 << 16);
    for (let n = 0; n < 17; n++) talker.say(chunk);
    expect(await talker.answers(1)).toEqual([{ id: null, ...code('FT_CONTROL_TOO_LARGE') }]);
    await until(() => talker.isOver);
    expect(await askFunnel(path, 'check', { configuration: {} })).toBeDefined();
  });

  it('is never fatal: random bytes, cut requests, and clients that go away at any time', async () => {
    const request = fc.constantFrom(
      '{"id":1,"method":"snapshot"}\n',
      '{"id":2,"method":"events"}\n',
      `${JSON.stringify({ id: 3, method: 'check', params: { configuration: configuration(9) } })}\n`,
    );
    const piece = fc.oneof(
      request.map((text) => Buffer.from(text)),
      fc.tuple(request, fc.nat(60)).map(([text, at]) => Buffer.from(text.slice(0, at))),
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 20 }), fc.boolean(), async (all, isRude) => {
        const talker = new Talker();
        for (const bytes of all) talker.socket.write(bytes);
        if (isRude) talker.socket.destroy();
        else talker.socket.end(() => setTimeout(() => talker.socket.destroy(), 5));
      }),
      { numRuns: 200 },
    );
    expect((await retried(() => askFunnel(path, 'snapshot', {}))).process).toBe(process.pid);
  });

  it('comes from at most 16 clients, and the next one receives the reason', async () => {
    const talkers = Array.from({ length: 16 }, () => new Talker().say({ id: 1, method: 'events' }));
    for (const talker of talkers) await talker.answers(1);
    const next = new Talker();
    expect(await next.answers(1)).toEqual([{ id: null, ...code('FT_CONTROL_BUSY') }]);
    await expect(askFunnel(path, 'snapshot', {})).rejects.toMatchObject({ code: 'FT_CONTROL_BUSY' });
    talkers[0]!.socket.destroy();
    expect(await retried(() => askFunnel(path, 'snapshot', {}))).toBeDefined();
    for (const talker of talkers) talker.socket.destroy();
  });

  it('gets no replies faster than the client reads, and unread events are counted', async () => {
    const log = (n: number): void => {
      for (const each of toldEvents) each(logOf(n));
    };
    const toldEvents: ((event: { kind: 'log'; piece: string; level: 'info'; message: string }) => void)[] =
      [];
    const other = await ControlServer.open(join(folder, 'other.sock'));
    const listeners = {
      on: (kind: string, listener: never) => void (kind === 'log' && toldEvents.push(listener)),
    };
    other.serve(
      controlServiceOf(funnel, () => {}),
      { ...listeners, off() {} } as never,
    );
    const reader = connect(join(folder, 'other.sock'));
    let text = '';
    reader.on('data', (chunk) => {
      text += chunk.toString();
    });
    reader.write('{"id":1,"method":"events"}\n');
    await until(() => text.includes('result'));
    reader.pause();
    const before = process.memoryUsage().external;
    for (let n = 0; n < 20_000; n++) log(n);
    expect(process.memoryUsage().external - before).toBeLessThan(64 << 20);
    reader.resume();
    await until(() => text.includes('log 10'));
    // One more event comes through as soon as there is room again, however long the waiting events take.
    let last = 20_000;
    for (; !text.includes(`log ${last - 1} `); last++) {
      log(last);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const received = text.split('\n').filter((line) => line.includes('"log"')).length;
    const missed = [...text.matchAll(/"missed","events":(\d+)/g)].reduce(
      (sum, [, count]) => sum + Number(count),
      0,
    );
    expect(missed).toBeGreaterThan(0);
    expect(received + missed).toBe(last);
    reader.destroy();
    other.close();
  });

  it('never waits without a limit', async () => {
    const timeouts = { idleMs: 40, lineMs: 20, drainMs: 20, endMs: 20 };
    const heard: string[] = [];
    const short = createServer({ allowHalfOpen: true }, (socket) => {
      new ControlConnection(socket, Promise.resolve(controlServiceOf(funnel, () => {})), timeouts);
    }).listen(join(folder, 'short.sock'));
    for (const words of ['', '{"id":1']) {
      const socket = connect(join(folder, 'short.sock'));
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString();
      });
      socket.write(words);
      await until(() => socket.destroyed || socket.readableEnded);
      heard.push(JSON.parse(text).error.message);
      socket.destroy();
    }
    expect(heard).toEqual(['no request came for 0.04 s', 'a line was not complete after 0.02 s']);
    // Keeps sending requests, and reads nothing.
    const deaf = connect(join(folder, 'short.sock'));
    deaf.on('error', () => {});
    deaf.pause();
    const timer = setInterval(() => {
      for (let n = 0; n < 100; n++) deaf.write('{"id":1,"method":"graph"}\n');
    }, 1);
    await until(() => deaf.destroyed);
    clearInterval(timer);
    short.close();
  });
});

describe('a server', () => {
  it('hears each kind of event while it is open, and none after it was closed, when its path is free', async () => {
    const at = join(folder, 'mine.sock');
    const mine = await ControlServer.open(at);
    const heard: string[] = [];
    const listeners = new Map<string, unknown>();
    mine.serve(
      controlServiceOf(funnel, () => {}),
      {
        on: (kind: string, listener: unknown) => {
          heard.push(kind);
          listeners.set(kind, listener);
        },
        off: (kind: string, listener: unknown) =>
          void (listeners.get(kind) === listener && listeners.delete(kind)),
      } as never,
    );
    expect(heard.sort()).toEqual(['changed', 'fault', 'log', 'recovered', 'restarted', 'status']);
    expect(existsSync(at)).toBe(true);
    mine.close();
    mine.close();
    expect([listeners.size, existsSync(at)]).toEqual([0, false]);
  });
});

describe('who asks', () => {
  it('receives the reason why there is no reply', async () => {
    const asked = async (at: string) =>
      (await askFunnel(at, 'snapshot', {}, { timeoutMs: 100 }).catch((error) => error)).code;
    expect(await asked(join(folder, 'nothing.sock'))).toBe('FT_CONTROL_ABSENT');
    writeFileSync(join(folder, 'file'), '');
    expect(await asked(join(folder, 'file'))).toBe('FT_CONTROL_ABSENT');
    const answering = async (answer: (socket: Socket) => void) => {
      const at = join(folder, `${Math.random()}`.slice(0, 12));
      const fake = createServer({ allowHalfOpen: true }, (socket) => {
        socket.on('error', () => {});
        socket.resume();
        answer(socket);
      }).listen(at);
      const result = await asked(at);
      fake.close();
      return result;
    };
    expect(await answering((socket) => socket.end())).toBe('FT_CONTROL_CLOSED');
    expect(await answering((socket) => socket.destroy())).toBe('FT_CONTROL_CLOSED');
    expect(await answering(() => {})).toBe('FT_CONTROL_TIMEOUT');
    expect(await answering((socket) => socket.end('hello\n'))).toBe('FT_CONTROL_JSON');
    expect(await answering((socket) => socket.end(Buffer.of(0xff, 10)))).toBe('FT_CONTROL_JSON');
    expect(await answering((socket) => socket.end('{"id":1,"result":{}}\n'))).toBe('FT_CONTROL_ANSWER');
    expect(await answering((socket) => socket.end('{"id":1}\n'))).toBe('FT_CONTROL_ANSWER');
    const error = { code: 'FT_X', message: '\u001b[2J' };
    expect(await answering((socket) => socket.end(`${JSON.stringify({ id: 1, error })}\n`))).toBe('FT_X');
  });
});

const logOf = (n: number) =>
  ({ kind: 'log', piece: 'x', level: 'info', message: `log ${n} ${'.'.repeat(1000)}` }) as const;

async function openedIdentity(of: ConfigurationObject) {
  const other = await openFunnel(of, { pieces });
  const { identity } = other.puzzle.pieces[1]!.spec;
  await other.close();
  return identity;
}

/** The server sees the end of other connections a moment later. */
async function retried<T>(call: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await call();
    } catch (error) {
      if (tries === 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
