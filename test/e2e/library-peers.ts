import { type EventEmitter, once } from 'node:events';
import type { Funnel } from '../../host/policy/funnel.ts';

/** The package ws, as Debian has it (node-ws). */
export const WS = '/usr/share/nodejs/ws';

/** A dispatcher of undici that connects through a Funnel. */
export interface Dispatcher {
  close(): Promise<void>;
}

/**
 * Returns an `Agent` of undici. The one that is part of Node is not exported, but the default dispatcher is
 * of its class.
 */
export async function undici(funnel: Funnel): Promise<Dispatcher> {
  await fetch('data:,').catch(() => {}); // Node loads undici with the first use
  const current = (globalThis as unknown as Record<symbol, { constructor: unknown }>)[
    Symbol.for('undici.globalDispatcher.1')
  ];
  const Agent = current?.constructor as new (options: object) => Dispatcher;
  return new Agent({
    connect: (
      { hostname, port }: { hostname: string; port: string },
      callback: (error: Error | null, socket?: object) => void,
    ) => {
      const socket = funnel.connect({ host: hostname, port: Number(port || 80) });
      socket.once('connect', () => callback(null, socket));
      socket.once('error', (error) => callback(error));
    },
  });
}

/** The error of a socket or server, as far as programs look at it. */
export async function errorOf(make: () => EventEmitter): Promise<unknown> {
  try {
    const [error] = (await once(make(), 'error')) as [NodeJS.ErrnoException & { address?: string }];
    return { code: error.code, syscall: error.syscall, message: error.message };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { thrown: code, message };
  }
}
