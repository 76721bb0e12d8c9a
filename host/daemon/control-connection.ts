import type { Socket } from 'node:net';
import { setImmediate as immediate } from 'node:timers/promises';
import * as z from 'zod';
import { ConfigurationError } from '../policy/configuration/configuration-error.ts';
import type { FunnelEvent } from '../policy/funnel.ts';
import { jsonText } from '../stack/foreign-text.ts';
import { FunnelError } from '../stack/funnel-error.ts';
import {
  CONTROL_PROTOCOL,
  type ControlFailure,
  type Method,
  methodSchemas,
  requestSchema,
} from './control-protocol.ts';
import type { ControlService } from './control-service.ts';
import { LineReader } from './line-reader.ts';
import { readJson } from './read-json.ts';

/**
 * The connection of one client, which is not trusted. It handles one request at a time, and reads nothing
 * more while a request is handled or while the client does not read its replies. Events that a slow client
 * cannot take are dropped and counted.
 */
export class ControlConnection {
  readonly #socket: Socket;
  readonly #service: Promise<ControlService>;
  readonly #lines = new LineReader(MAX_LINE_BYTES);
  readonly #timeouts: Timeouts;
  #isWorking = false;
  #hasEnded = false;
  #isEnding = false;
  /** The id of the request for events. */
  #subscription: string | number | undefined;
  #missed = 0;

  constructor(socket: Socket, service: Promise<ControlService>, timeouts: Timeouts = TIMEOUTS) {
    this.#socket = socket;
    this.#service = service;
    this.#timeouts = timeouts;
    // Node destroys the socket after an error. There is no client to notify.
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      this.#lines.push(chunk);
      this.#readOn();
    });
    socket.on('end', () => {
      this.#hasEnded = true;
      this.#readOn();
    });
    socket.on('timeout', () => this.#onTimeout());
    socket.setTimeout(timeouts.idleMs);
    socket.resume();
  }

  /** Sends an event, if the client requested events. */
  notify(event: FunnelEvent): void {
    const id = this.#subscription;
    if (id === undefined || this.#isEnding) return;
    if (this.#socket.writableLength > MAX_EVENT_BYTES) {
      this.#missed++;
      return;
    }
    if (this.#missed > 0) {
      this.#write({ id, event: { time: timeNow(), kind: 'missed', events: this.#missed } });
      this.#missed = 0;
    }
    this.#write({ id, event: { time: timeNow(), ...event } });
  }

  /** Ends the connection once the client has read its replies, or after a limited time. */
  end(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    const timer = setTimeout(() => this.#socket.destroy(), this.#timeouts.endMs);
    this.#socket.once('close', () => clearTimeout(timer));
    this.#socket.end(() => this.#socket.destroy());
  }

  #readOn(): void {
    if (this.#isWorking) return;
    this.#isWorking = true;
    this.#socket.pause();
    this.#handleAll().then(
      () => {
        this.#isWorking = false;
        if (this.#hasEnded && this.#subscription === undefined) this.end();
        else this.#socket.resume();
        if (this.#hasEnded) this.#probe();
        this.#socket.setTimeout(this.#timeoutMs());
      },
      (error: unknown) => {
        // The beginning of the next line is unknown from here on.
        this.#fail(null, error);
        this.end();
      },
    );
  }

  /**
   * A client that sends no more, and waits for events, may be gone; only a write shows that. An empty line
   * means nothing.
   */
  #probe(): void {
    if (!this.#isEnding && this.#socket.writableLength === 0) this.#socket.write('\n');
  }

  #timeoutMs(): number {
    if (this.#lines.isInLine || this.#hasEnded) return this.#timeouts.lineMs;
    return this.#subscription === undefined ? this.#timeouts.idleMs : 0;
  }

  #onTimeout(): void {
    if (this.#isWorking) return;
    if (this.#hasEnded && this.#subscription !== undefined) {
      this.#probe();
      return;
    }
    const what = this.#lines.isInLine
      ? `a line was not complete after ${this.#timeouts.lineMs / 1000} s`
      : `no request came for ${this.#timeouts.idleMs / 1000} s`;
    this.#fail(null, new FunnelError('FT_CONTROL_TIMEOUT', what));
    this.end();
  }

  async #handleAll(): Promise<void> {
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
        await this.#handle(line);
        // Frames flow between two requests, however many requests there are.
        await immediate();
      }
      if (this.#isEnding) return;
      if (this.#socket.writableNeedDrain) await this.#drained();
    }
  }

  async #handle(line: string): Promise<void> {
    let id: string | number | null = null;
    try {
      const request = requestSchema.safeParse(readJson(line));
      if (!request.success)
        throw new FunnelError('FT_CONTROL_REQUEST', `this is not a request: ${issuesText(request.error)}`);
      id = request.data.id;
      const { protocol = CONTROL_PROTOCOL } = request.data;
      if (protocol !== CONTROL_PROTOCOL)
        throw new FunnelError(
          'FT_CONTROL_VERSION',
          `this Funnel has version ${CONTROL_PROTOCOL} of the protocol, not ${protocol}; use the funnel command of its release`,
        );
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
        `there is no method ${JSON.stringify(method)}; use one of ${Object.keys(methodSchemas).join(', ')}`,
      );
    const parameters = methodSchemas[method].safeParse(given);
    if (!parameters.success)
      throw new FunnelError('FT_CONTROL_PARAMETERS', `${method}: ${issuesText(parameters.error)}`);
    if (method === 'hello') return { protocol: CONTROL_PROTOCOL };
    if (method === 'events') {
      this.#subscription = id;
      return {};
    }
    const service = await this.#service;
    // The parameters fit the method; TypeScript cannot infer that for a union.
    return (service[method] as (parameters: unknown) => Promise<unknown>)(parameters.data);
  }

  #fail(id: string | number | null, error: unknown): void {
    this.#write({ id, error: failureOf(error) });
  }

  #write(answer: object): void {
    if (!this.#isEnding && this.#socket.writable) this.#socket.write(`${jsonText(answer)}\n`);
  }

  /**
   * Resolves when the client has read what was written, or the connection is closed. A client that reads
   * nothing is cut off.
   */
  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const socket = this.#socket;
      const timer = setTimeout(() => socket.destroy(), this.#timeouts.drainMs);
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

/** Timeouts in milliseconds. */
export interface Timeouts {
  /** For the next request of a client without events. */
  readonly idleMs: number;
  /** For the rest of a line. */
  readonly lineMs: number;
  /** For the client to read its replies. */
  readonly drainMs: number;
  /** For the client to read the last replies. */
  readonly endMs: number;
}

function isMethod(name: string): name is Method {
  return Object.hasOwn(methodSchemas, name);
}

/** The time of day for an event, in UTC. */
function timeNow(): string {
  return new Date().toISOString();
}

/** The issues in one line. */
function issuesText(error: z.ZodError): string {
  return z
    .prettifyError(error)
    .replaceAll(/\s*\n\s*/g, ' ')
    .slice(0, MAX_ISSUES_LENGTH);
}

function failureOf(error: unknown): ControlFailure {
  if (error instanceof ConfigurationError) {
    const mistakes = error.mistakes.map((mistake) => ({ ...mistake, path: [...mistake.path] }));
    return { code: error.code, message: error.message, mistakes, isRefusal: error.isRefusal };
  }
  if (error instanceof FunnelError) return { code: error.code, message: error.message };
  return { code: 'FT_INTERNAL', message: error instanceof Error ? error.message : String(error) };
}

const TIMEOUTS: Timeouts = { idleMs: 300_000, lineMs: 30_000, drainMs: 30_000, endMs: 1000 };
/** A configuration has at most 256 KiB; as JSON, with every character escaped, four times that. */
const MAX_LINE_BYTES = 1 << 20;
/** Unread events of one client. */
const MAX_EVENT_BYTES = 256 * 1024;
const MAX_ISSUES_LENGTH = 2000;
