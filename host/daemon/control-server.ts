import { createServer, type Server, type Socket } from 'node:net';
import type { Funnel, FunnelEvent } from '../policy/funnel.ts';
import { jsonText } from '../stack/foreign-text.ts';
import { FunnelError } from '../stack/funnel-error.ts';
import { claimSocket } from './claim-socket.ts';
import { ControlConnection } from './control-connection.ts';
import type { ControlService } from './control-service.ts';

/**
 * The control socket of a running Funnel. It listens before the Funnel runs, so that a second Funnel at the
 * same path fails early. Requests that arrive before are handled once the Funnel runs.
 */
export class ControlServer {
  readonly path: string;
  readonly #server: Server;
  readonly #release: () => void;
  readonly #connections: Set<ControlConnection>;
  readonly #serve: (service: ControlService) => void;
  #forgetEvents: () => void = () => {};

  private constructor(path: string, { server, release, connections, serve }: Parts) {
    this.path = path;
    this.#server = server;
    this.#release = release;
    this.#connections = connections;
    this.#serve = serve;
  }

  /** @throws {FunnelError} `FT_CONTROL_IN_USE`, `FT_CONTROL_PATH`, `FT_CONTROL_PERMISSION` */
  static async open(path: string): Promise<ControlServer> {
    const connections = new Set<ControlConnection>();
    let serve: (service: ControlService) => void = () => {};
    const service = new Promise<ControlService>((resolve) => {
      serve = resolve;
    });
    // A client that has closed its sending side may still wait for replies.
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
      if (connections.size >= MAX_CLIENTS) {
        refuse(socket);
        return;
      }
      const connection = new ControlConnection(socket, service);
      connections.add(connection);
      socket.once('close', () => connections.delete(connection));
    });
    const release = await claimSocket(server, path);
    return new ControlServer(path, { server, release, connections, serve });
  }

  /** Handles requests with this service from now on, and sends the events of this Funnel. */
  serve(service: ControlService, funnel: Pick<Funnel, 'on' | 'off'>): void {
    const notify = (event: FunnelEvent): void => {
      for (const connection of this.#connections) connection.notify(event);
    };
    for (const kind of EVENT_KINDS) funnel.on(kind, notify);
    this.#forgetEvents = () => {
      for (const kind of EVENT_KINDS) funnel.off(kind, notify);
    };
    this.#serve(service);
  }

  /**
   * Ends all connections, cuts those that do not read their replies in time, and releases the path.
   * Idempotent.
   */
  close(): void {
    this.#forgetEvents();
    this.#release();
    this.#server.close();
    for (const connection of this.#connections) connection.end();
  }
}

interface Parts {
  readonly server: Server;
  readonly release: () => void;
  readonly connections: Set<ControlConnection>;
  readonly serve: (service: ControlService) => void;
}

function refuse(socket: Socket): void {
  const { code, message } = new FunnelError(
    'FT_CONTROL_BUSY',
    `there are already ${MAX_CLIENTS} connections; close one, or try again later`,
  );
  // The client may have gone.
  socket.on('error', () => socket.destroy());
  socket.end(`${jsonText({ id: null, error: { code, message } })}\n`, () => socket.destroy());
}

/** Every kind of event. A kind that is missing here is a type error. */
const KINDS: Readonly<Record<FunnelEvent['kind'], true>> = {
  changed: true,
  fault: true,
  log: true,
  recovered: true,
  restarted: true,
  status: true,
};
const EVENT_KINDS = Object.keys(KINDS) as FunnelEvent['kind'][];

const MAX_CLIENTS = 16;
