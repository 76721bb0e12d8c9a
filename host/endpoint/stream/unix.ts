import type { PieceStatus } from '../../piece/piece-status.ts';
import { Acceptor } from '../acceptor.ts';
import { EndpointError, systemCode } from '../endpoint-error.ts';
import { addressOf, allowsUser, UNIX_REASONS, UNIX_STREAM, UnixPath } from '../unix-path.ts';
import type { LocalHost, LocalSource, LocalStream } from './local-source.ts';
import type { UnixSettings } from './unix-description.ts';

/** UNIX stream sockets: a path, or abstract name, to listen on or to connect to. */
export class UnixSource implements LocalSource {
  readonly #settings: UnixSettings;
  #host: LocalHost | undefined;
  #acceptor: Acceptor | undefined;
  #listener: UnixPath | undefined;

  constructor(settings: UnixSettings) {
    this.#settings = settings;
  }

  get channels(): readonly number[] {
    return this.#listener === undefined ? [] : [this.#listener.channel];
  }

  start(host: LocalHost): void {
    this.#host = host;
    const { listen: path, mode } = this.#settings;
    if (path === '') return;
    const piece = host.context.name;
    this.#listener = new UnixPath(host.io, host.batch, { kind: UNIX_STREAM, path, mode, piece });
    this.#acceptor = this.#makeAcceptor(host);
  }

  #makeAcceptor(host: LocalHost): Acceptor {
    return new Acceptor(
      host.io,
      host.context,
      this.#settings,
      () => this.#host!.count,
      () => this.channels,
    );
  }

  status(): PieceStatus {
    const { listen, connect } = this.#settings;
    const facts = {
      ...(listen === '' ? {} : { listen }),
      ...(connect === '' ? {} : { connect }),
      connections: String(this.#host?.count ?? 0),
    };
    if (this.deviates)
      return { health: 'failed', summary: `another program removed the socket ${listen}`, facts };
    return {
      health: 'good',
      summary: listen === '' ? 'connects for each stream of a neighbour' : 'listens',
      facts,
    };
  }

  /** Whether it listens at a path that leads no program to it any more. */
  get deviates(): boolean {
    return this.#listener?.isLost === true;
  }

  setWanted(isWanted: boolean): void {
    this.#acceptor?.setJoined(isWanted);
  }

  ready(listener: number): void {
    const { io, context } = this.#host!;
    const { listen, uids } = this.#settings;
    this.#acceptor?.accept(listener, (channel) => {
      const peer = io.streamNames(channel);
      if (allowsUser(peer.uid, listen, uids)) {
        this.#host!.begin({ channel, peer });
        return;
      }
      io.resetStream(channel);
      context.count('not-granted', 1);
      context.log('warn', `a connection of user ${peer.uid} was refused; see the setting uid`);
    });
  }

  open(): LocalStream | string {
    const { connect, connections } = this.#settings;
    const { io, batch, count } = this.#host!;
    if (connect === '') return 'not-connected';
    if (count >= connections) return 'too-many';
    try {
      const address = addressOf(connect, UNIX_STREAM);
      return { channel: io.connectStream(batch, { ...address, idleSeconds: 0 }), isOpening: true };
    } catch (error) {
      return UNIX_REASONS.get(systemCode(error)) ?? 'other-error';
    }
  }

  closed(): void {
    this.#acceptor?.closed();
  }

  move(host: LocalHost): void {
    this.#host = host;
    this.#acceptor?.end();
    if (this.#listener !== undefined) this.#acceptor = this.#makeAcceptor(host);
  }

  /** Settings that do not name the socket may differ. */
  takeOver(from: LocalSource, host: LocalHost): void {
    if (!(from instanceof UnixSource)) throw new TypeError('only a UNIX socket takes over another');
    this.#listener = from.#listener;
    from.#listener = undefined;
    from.#acceptor?.end();
    this.move(host);
    if (this.#listener?.isLost !== true) {
      this.#listener?.setMode(this.#settings.mode);
      return;
    }
    try {
      // The former listener waits at no path, and its connections go on.
      const former = this.#listener.channel;
      this.#acceptor?.end();
      this.start(host);
      host.io.close(former);
    } catch (error) {
      if (!(error instanceof EndpointError)) throw error;
      host.context.log('error', error.message);
    }
  }

  close(): void {
    this.#acceptor?.end();
    this.#acceptor = undefined;
    if (this.#listener === undefined) return;
    this.#host!.io.close(this.#listener.channel);
    this.#listener.remove();
    this.#listener = undefined;
  }
}
