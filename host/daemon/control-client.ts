import { connect, type Socket } from 'node:net';
import {
  ConfigurationError,
  type ConfigurationMistake,
} from '../policy/configuration/configuration-error.ts';
import { printable } from '../stack/foreign-text.ts';
import { FunnelError } from '../stack/funnel-error.ts';
import {
  answerSchema,
  CONTROL_PROTOCOL,
  type ControlFailure,
  type Method,
  type Parameters,
  type Result,
  resultSchemas,
} from './control-protocol.ts';
import { LineReader } from './line-reader.ts';
import { readJson } from './read-json.ts';

/**
 * Calls one method of a running Funnel through its control socket.
 *
 * @param path of its control socket
 * @throws {ConfigurationError} with the mistakes that the Funnel found, or the pieces that refused a change,
 *   and why
 * @throws {FunnelError} `FT_CONTROL_…`, or the code of another error of the Funnel
 */
export async function askFunnel<M extends Exclude<Method, 'events'>>(
  path: string,
  method: M,
  parameters: Parameters<M>,
  { timeoutMs = 60_000 }: { timeoutMs?: number } = {},
): Promise<Result<M>> {
  const socket = await connected(path);
  try {
    socket.end(`${JSON.stringify({ id: 1, protocol: CONTROL_PROTOCOL, method, params: parameters })}\n`);
    const answer = answerSchema.safeParse(printableAll(readJson(await firstLine(socket, path, timeoutMs))));
    if (!answer.success || 'event' in answer.data) throw unknownAnswer(path);
    if ('error' in answer.data) throw errorOf(answer.data.error);
    const result = resultSchemas[method].safeParse(answer.data.result);
    if (!result.success) throw unknownAnswer(path);
    return result.data as Result<M>;
  } finally {
    socket.destroy();
  }
}

function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, allowHalfOpen: true });
    socket.once('error', (error) => reject(connectError(path, error)));
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      // A later error closes the socket, and `close` reports it.
      socket.on('error', () => {});
      resolve(socket);
    });
  });
}

function connectError(path: string, error: Error): FunnelError {
  const code = 'code' in error ? error.code : error.message;
  switch (code) {
    case 'ENOENT':
      return new FunnelError(
        'FT_CONTROL_ABSENT',
        `there is no control socket at ${path}; start a Funnel with funnel run, or name its socket with --control`,
        { cause: error },
      );
    case 'ECONNREFUSED':
      return new FunnelError(
        'FT_CONTROL_ABSENT',
        `the Funnel that left its control socket at ${path} has ended; start it again with funnel run`,
        { cause: error },
      );
    case 'EACCES':
      return new FunnelError(
        'FT_CONTROL_PERMISSION',
        `the control socket at ${path} belongs to another user; run this command as that user, or as root`,
        { cause: error },
      );
    default:
      return new FunnelError('FT_CONTROL_PATH', `the control socket at ${path} cannot be reached (${code})`, {
        cause: error,
      });
  }
}

function firstLine(socket: Socket, path: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const lines = new LineReader(MOST_ANSWER_BYTES);
    const timer = setTimeout(() => {
      const message = `the Funnel at ${path} has not replied within ${timeoutMs / 1000} s; it may still carry out the request`;
      reject(new FunnelError('FT_CONTROL_TIMEOUT', message));
    }, timeoutMs);
    const onEnd = (): void => {
      const message = `the Funnel at ${path} closed the connection without a reply; it may have ended`;
      reject(new FunnelError('FT_CONTROL_CLOSED', message));
    };
    socket.once('end', onEnd);
    socket.once('close', () => {
      clearTimeout(timer);
      onEnd();
    });
    socket.on('data', (chunk: Buffer) => {
      try {
        lines.push(chunk);
        const line = lines.next();
        if (line !== undefined) resolve(line);
      } catch (error) {
        reject(error);
        socket.destroy();
      }
    });
  });
}

function unknownAnswer(path: string): FunnelError {
  return new FunnelError(
    'FT_CONTROL_ANSWER',
    `the reply of the server at ${path} is not that of a Funnel of this version; name another socket with --control`,
  );
}

function errorOf({ code, message, mistakes, isRefusal = false }: ControlFailure): FunnelError {
  if (mistakes === undefined || mistakes.length === 0) return new FunnelError(code, message);
  // The same structure, except that absent keys may be undefined.
  return new ConfigurationError(mistakes as readonly ConfigurationMistake[], { isRefusal });
}

/**
 * Escapes all texts for a terminal: they come from pieces and files, through a server that may not be a
 * Funnel.
 */
function printableAll(value: unknown): unknown {
  if (typeof value === 'string') return printable(value);
  if (Array.isArray(value)) return value.map(printableAll);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [printable(key), printableAll(each)]));
}

/** The counters of a thousand pieces take a megabyte. */
const MOST_ANSWER_BYTES = 64 << 20;
