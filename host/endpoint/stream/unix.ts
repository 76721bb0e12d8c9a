import { chmodSync, type Stats, unlinkSync } from 'node:fs';
import type { PieceStatus } from '../../piece/piece-status.ts';
import { EndpointError, systemCode } from '../endpoint-error.ts';
import { socketError } from '../socket-error.ts';
import { Acceptor } from './acceptor.ts';
import { statOf } from './local-settings.ts';
import type { LocalHost, LocalSource, LocalStream } from './local-source.ts';
import type { UnixSettings } from './unix-description.ts';

/** UNIX stream sockets: a path, or abstract name, to listen on or to connect to. */
export class UnixSource implements LocalSource {
  readonly #settings: UnixSettings;
  #host: LocalHost | undefined;
  #acceptor: Acceptor | undefined;
  #listener = -1;
  /** The state of the socket's file when it was made; undefined for an abstract name. */
  #made: Stats | undefined;

  constructor(settings: UnixSettings) {
    this.#settings = settings;
  }

  get channels(): readonly number[] {
    return this.#listener < 0 ? [] : [this.#listener];
  }

  start(host: LocalHost): void {
    this.#host = host;
    const { listen, mode } = this.#settings;
    if (listen === '') return;
    this.#listener = this.#open(listen, true);
    if (!listen.startsWith('@')) {
      this.#made = statOf(listen);
      chmodSync(listen, mode);
    }
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

  #open(path: string, mayRemove: boolean): number {
    const { io, batch, context } = this.#host!;
    const address = { family: 1, address: path, port: 0, device: '' } as const;
    try {
      return io.listenStream(batch, { ...address, key: `unix ${context.name} ${path}` }).channel;
    } catch (error) {
      if (systemCode(error) === 'EADDRINUSE' && mayRemove && this.#removeDead(path))
        return this.#open(path, false);
      throw unixError(context.name, path, 'listen', error);
    }
  }

  /** A path outlives its socket if the process was killed. No process listens behind such a path. */
  #removeDead(path: string): boolean {
    if (path.startsWith('@') || statOf(path)?.isSocket() !== true) return false;
    const { io, batch } = this.#host!;
    try {
      const channel = io.connectStream(batch, { ...addressOf(path), idleSeconds: 0 });
      io.close(channel);
      return false;
    } catch (error) {
      if (systemCode(error) !== 'ECONNREFUSED') return false;
    }
    unlinkSync(path);
    return true;
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
    return this.#made !== undefined && !this.#isAtPath(this.#made);
  }

  #isAtPath(made: Stats): boolean {
    const now = statOf(this.#settings.listen);
    return now?.ino === made.ino && now.dev === made.dev;
  }

  setWanted(isWanted: boolean): void {
    this.#acceptor?.setJoined(isWanted);
  }

  ready(listener: number): void {
    const { io, context } = this.#host!;
    this.#acceptor?.accept(listener, (channel) => {
      const peer = io.streamNames(channel);
      if (this.#allows(peer.uid)) {
        this.#host!.begin({ channel, peer });
        return;
      }
      io.resetStream(channel);
      context.count('not-granted', 1);
      context.log('warn', `a connection of user ${peer.uid} was refused; see the setting uid`);
    });
  }

  /** The mode of a path controls access. An abstract name has no mode. */
  #allows(peer: number): boolean {
    const { uids, listen } = this.#settings;
    const uid = peer >>> 0;
    if (uids.length > 0) return uids.includes(uid);
    return !listen.startsWith('@') || uid === 0 || uid === process.getuid?.();
  }

  open(): LocalStream | string {
    const { connect, connections } = this.#settings;
    const { io, batch, count } = this.#host!;
    if (connect === '') return 'not-connected';
    if (count >= connections) return 'too-many';
    try {
      return { channel: io.connectStream(batch, { ...addressOf(connect), idleSeconds: 0 }), isOpening: true };
    } catch (error) {
      return REASONS.get(systemCode(error)) ?? 'other-error';
    }
  }

  closed(): void {
    this.#acceptor?.closed();
  }

  move(host: LocalHost): void {
    this.#host = host;
    this.#acceptor?.end();
    if (this.#listener >= 0) this.#acceptor = this.#makeAcceptor(host);
  }

  /** Settings that do not name the socket may differ. */
  takeOver(from: LocalSource, host: LocalHost): void {
    if (!(from instanceof UnixSource)) throw new TypeError('only a UNIX socket takes over another');
    this.#listener = from.#listener;
    this.#made = from.#made;
    from.#listener = -1;
    from.#acceptor?.end();
    this.move(host);
    const { listen, mode } = this.#settings;
    if (this.#made === undefined) return;
    if (!this.deviates) {
      chmodSync(listen, mode);
      return;
    }
    try {
      // The former listener waits at no path, and its connections go on.
      const former = this.#listener;
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
    if (this.#listener < 0) return;
    this.#host!.io.close(this.#listener);
    this.#listener = -1;
    // Another process may have made the path anew.
    if (this.#made !== undefined && !this.deviates) unlinkSync(this.#settings.listen);
  }
}

export function addressOf(path: string) {
  return { family: 1, address: path, port: 0, localAddress: '', localPort: 0, device: '' } as const;
}

/** Returns why the piece cannot listen on a path, or connect to it. */
export function unixError(piece: string, path: string, setting: string, error: unknown): EndpointError {
  const what = `the UNIX socket ${path}`;
  const options = { cause: error, setting };
  const code = systemCode(error);
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new EndpointError(
      'FT_SOCKET_ADDRESS',
      `piece ${piece}: ${what} cannot be made, because its folder does not exist. Make it, or choose another path`,
      options,
    );
  return socketError(piece, what, error, {
    permission: 'Give this user the right to write in its folder, or choose another path',
    inUse:
      statOf(path) === undefined || statOf(path)?.isSocket() === true
        ? 'End that one, or choose another path'
        : 'The path is not a socket, and is left unchanged: choose another path',
    setting,
  });
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'refused'],
  ['EAGAIN', 'refused'],
  ['EPROTOTYPE', 'refused'],
  ['ENOENT', 'unreachable'],
  ['ENOTDIR', 'unreachable'],
  ['EACCES', 'not-granted'],
  ['EPERM', 'not-granted'],
  ['EMFILE', 'too-many'],
  ['ENFILE', 'too-many'],
]);
