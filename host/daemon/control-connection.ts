import type { Socket } from 'node:net';
import { setImmediate as immediate } from 'node:timers/promises';
import * as z from 'zod';
import { ConfigurationError } from '../policy/configuration/configuration-error.ts';
import type { FunnelEvent } from '../policy/funnel.ts';
import { jsonText } from '../stack/foreign-text.ts';
import { FunnelError } from '../stack/funnel-error.ts';
import { type ControlFailure, type Method, methodSchemas, requestSchema } from './control-protocol.ts';
import type { ControlService } from './control-service.ts';
import { LineReader } from './line-reader.ts';
import { readJson } from './read-json.ts';

/**
 * One who asks, and is not trusted. Requests are answered one after the other; while one is, or while its answers are not
 * read, nothing more is read from it. Events are left out, and counted, where it does not keep up.
 */
export class ControlConnection {
  readonly #socket: Socket;
  readonly #service: Promise<ControlService>;
  readonly #lines = new LineReader(MOST_LINE_BYTES);
  readonly #patience: Patience;
  #isWorking = false;
  #hasSaidAll = false;
  #isEnding = false;
  /** The request that asked for events. */
  #subscription: string | number | undefined;
  #missed = 0;

  constructor(socket: Socket, service: Promise<ControlService>, patience: Patience = PATIENCE) {
    this.#socket = socket;
    this.#service = service;
    this.#patience = patience;
    // Node destroys it after an error; whoever is gone is not told.
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      this.#lines.push(chunk);
      this.#work();
    });
    socket.on('end', () => {
      this.#hasSaidAll = true;
      this.#work();
    });
    socket.on('timeout', () => this.#onTimeout());
    socket.setTimeout(patience.idleMs);
    socket.resume();
  }

  /** Something has happened. */
  tell(event: FunnelEvent): void {
    const id = this.#subscription;
    if (id === undefined || this.#isEnding) return;
    if (this.#socket.writableLength > MOST_EVENT_BYTES) {
      this.#missed++;
      return;
    }
    if (this.#missed > 0) {
      this.#write({ id, event: { kind: 'missed', events: this.#missed } });
      this.#missed = 0;
    }
    this.#write({ id, event });
  }

  /** Lets it read what it was told, but not for ever. */
  end(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    const timer = setTimeout(() => this.#socket.destroy(), this.#patience.endMs);
    this.#socket.once('close', () => clearTimeout(timer));
    this.#socket.end(() => this.#socket.destroy());
  }

  #work(): void {
    if (this.#isWorking) return;
    this.#isWorking = true;
    this.#socket.pause();
    this.#answerAll().then(
      () => {
        this.#isWorking = false;
        if (this.#hasSaidAll && this.#subscription === undefined) this.end();
        else this.#socket.resume();
        if (this.#hasSaidAll) this.#probe();
        this.#socket.setTimeout(this.#timeoutMs());
      },
      (error: unknown) => {
        // After this nobody knows where a line begins.
        this.#fail(null, error);
        this.end();
      },
    );
  }

  /** Who asks no more and hears events may be gone altogether, which only writing tells. An empty line says nothing. */
  #probe(): void {
    if (!this.#isEnding && this.#socket.writableLength === 0) this.#socket.write('\n');
  }

  #timeoutMs(): number {
    if (this.#lines.isInLine || this.#hasSaidAll) return this.#patience.lineMs;
    return this.#subscription === undefined ? this.#patience.idleMs : 0;
  }

  #onTimeout(): void {
    if (this.#isWorking) return;
    if (this.#hasSaidAll && this.#subscription !== undefined) {
      this.#probe();
      return;
    }
    const what = this.#lines.isInLine
      ? `a line was begun and not ended within ${this.#patience.lineMs / 1000} s`
      : `nothing was asked for ${this.#patience.idleMs / 1000} s`;
    this.#fail(null, new FunnelError('FT_CONTROL_TIMEOUT', what));
    this.end();
  }

  async #answerAll(): Promise<void> {
    for (;;) {
      let line: string | undefined;
      try {
        line = this.#lines.next();
      } catch (error) {
        if (!(error instanceof FunnelError) || error.code === 'FT_CONTROL_TOO_LARGE') throw error;
        this.#fail(null, error);
        continue;
      }
      if (line === undefined) return;
      if (line.trim() !== '') {
        await this.#answer(line);
        // Frames go on between two requests, however many there are.
        await immediate();
      }
      if (this.#isEnding) return;
      if (this.#socket.writableNeedDrain) await this.#drained();
    }
  }

  async #answer(line: string): Promise<void> {
    let id: string | number | null = null;
    try {
      const request = requestSchema.safeParse(readJson(line));
      if (!request.success)
        throw new FunnelError('FT_CONTROL_REQUEST', `this is no request: ${wordsOf(request.error)}`);
      id = request.data.id;
      const result = await this.#call(id, request.data.method, request.data.params ?? {});
      this.#write({ id, result });
    } catch (error) {
      this.#fail(id, error);
    }
  }

  async #call(id: string | number, method: string, given: unknown): Promise<unknown> {
    if (!isMethod(method))
      throw new FunnelError(
        'FT_CONTROL_METHOD',
        `there is no method ${JSON.stringify(method)}; there are ${Object.keys(methodSchemas).join(', ')}`,
      );
    const parameters = methodSchemas[method].safeParse(given);
    if (!parameters.success)
      throw new FunnelError('FT_CONTROL_PARAMETERS', `${method}: ${wordsOf(parameters.error)}`);
    if (method === 'events') {
      this.#subscription = id;
      return {};
    }
    const service = await this.#service;
    // The method and its parameters belong together, which TypeScript cannot see of a union.
    return (service[method] as (parameters: unknown) => Promise<unknown>)(parameters.data);
  }

  #fail(id: string | number | null, error: unknown): void {
    this.#write({ id, error: failureOf(error) });
  }

  #write(answer: object): void {
    if (!this.#isEnding && this.#socket.writable) this.#socket.write(`${jsonText(answer)}\n`);
  }

  /** Resolves when what was written is read, or the connection is over; who reads nothing for too long is let go. */
  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const socket = this.#socket;
      const timer = setTimeout(() => socket.destroy(), this.#patience.drainMs);
      const done = (): void => {
        clearTimeout(timer);
        socket.off('drain', done);
        socket.off('close', done);
        resolve();
      };
      socket.on('drain', done);
      socket.on('close', done);
      if (socket.destroyed) done();
    });
  }
}

/** How long somebody is waited for, in milliseconds. */
export interface Patience {
  /** Who asks nothing, and wants no events. */
  readonly idleMs: number;
  /** A line that was begun. */
  readonly lineMs: number;
  /** Who does not read its answers. */
  readonly drainMs: number;
  /** Who does not read the last of them. */
  readonly endMs: number;
}

function isMethod(name: string): name is Method {
  return Object.hasOwn(methodSchemas, name);
}

/** In one line. */
function wordsOf(error: z.ZodError): string {
  return z
    .prettifyError(error)
    .replaceAll(/\s*\n\s*/g, ' ')
    .slice(0, MOST_WORDS);
}

function failureOf(error: unknown): ControlFailure {
  if (error instanceof ConfigurationError) {
    const mistakes = error.mistakes.map((mistake) => ({ ...mistake, path: [...mistake.path] }));
    return { code: error.code, message: error.message, mistakes };
  }
  if (error instanceof FunnelError) return { code: error.code, message: error.message };
  return { code: 'FT_INTERNAL', message: error instanceof Error ? error.message : String(error) };
}

const PATIENCE: Patience = { idleMs: 300_000, lineMs: 30_000, drainMs: 30_000, endMs: 1000 };
/** A configuration has at most 256 KiB; as JSON, with every character escaped, four times that. */
const MOST_LINE_BYTES = 1 << 20;
/** What may wait for one who asked for events. */
const MOST_EVENT_BYTES = 256 * 1024;
const MOST_WORDS = 2000;
