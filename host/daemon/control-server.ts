import { createServer, type Server, type Socket } from 'node:net';
import type { Funnel, FunnelEvent } from '../policy/funnel.ts';
import { jsonText } from '../stack/foreign-text.ts';
import { FunnelError } from '../stack/funnel-error.ts';
import { claimSocket } from './claim-socket.ts';
import { ControlConnection } from './control-connection.ts';
import type { ControlService } from './control-service.ts';

/**
 * The control socket of a running Funnel. It listens before there is anything to ask, so that a second Funnel at the same
 * path is refused early; who connects then is answered when the Funnel runs.
 */
export class ControlServer {
  readonly path: string;
  readonly #server: Server;
  readonly #giveUp: () => void;
  readonly #connections: Set<ControlConnection>;
  readonly #serve: (service: ControlService) => void;
  #forgetEvents: () => void = () => {};

  private constructor(path: string, { server, giveUp, connections, serve }: Parts) {
    this.path = path;
    this.#server = server;
    this.#giveUp = giveUp;
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
    // Who has said all that it asks may still wait for the answer.
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
      if (connections.size >= MOST_CLIENTS) {
        refuse(socket);
        return;
      }
      const connection = new ControlConnection(socket, service);
      connections.add(connection);
      socket.once('close', () => connections.delete(connection));
    });
    const giveUp = await claimSocket(server, path);
    return new ControlServer(path, { server, giveUp, connections, serve });
  }

  /** Answers by this service from now on, and tells of the events of this Funnel. */
  serve(service: ControlService, funnel: Pick<Funnel, 'on' | 'off'>): void {
    const tell = (event: FunnelEvent): void => {
      for (const connection of this.#connections) connection.tell(event);
    };
    for (const kind of EVENT_KINDS) funnel.on(kind, tell);
    this.#forgetEvents = () => {
      for (const kind of EVENT_KINDS) funnel.off(kind, tell);
    };
    this.#serve(service);
  }

  /** Ends all connections, those who do not read soon enough at once, and gives the path up. Twice is as once. */
  close(): void {
    this.#forgetEvents();
    this.#giveUp();
    this.#server.close();
    for (const connection of this.#connections) connection.end();
  }
}

interface Parts {
  readonly server: Server;
  readonly giveUp: () => void;
  readonly connections: Set<ControlConnection>;
  readonly serve: (service: ControlService) => void;
}

function refuse(socket: Socket): void {
  const { code, message } = new FunnelError(
    'FT_CONTROL_BUSY',
    `there are ${MOST_CLIENTS} connections already; end one, or try again`,
  );
  // Whoever has gone already is not told.
  socket.on('error', () => socket.destroy());
  socket.end(`${jsonText({ id: null, error: { code, message } })}\n`, () => socket.destroy());
}

/** All of them: a kind that is added and not named here is an error of types. */
const KINDS: Readonly<Record<FunnelEvent['kind'], true>> = {
  changed: true,
  fault: true,
  log: true,
  recovered: true,
  restarted: true,
};
const EVENT_KINDS = Object.keys(KINDS) as FunnelEvent['kind'][];

const MOST_CLIENTS = 16;
