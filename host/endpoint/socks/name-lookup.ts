import { lookup } from 'node:dns/promises';
import {
  type DnsAnswer,
  dnsAnswer,
  dnsQuery,
  RECORD_A,
  RECORD_AAAA,
  type RecordType,
} from './dns-message.ts';

/** Resolves a name to its addresses; none where it has none, or the resolver fails. */
export type NameLookup = (name: string) => Promise<readonly Uint8Array[]>;

/** A datagram port of the puzzle, with which a resolver asks its servers. */
export interface QueryPort {
  /** Sends a datagram to port 53 of a server. Returns false while there is no network. */
  send(server: Uint8Array, message: Uint8Array): boolean;
  /** Sets the receiver of the datagrams that come from port 53 of some address. */
  onMessage: (server: Uint8Array, message: Uint8Array) => void;
}

/**
 * Resolves names by this machine's resolver, as all its programs do (getaddrinfo). Node's threads for that
 * are few, so the number of waiting names is bounded; further ones have no address.
 */
export function hostLookup(parse: (text: string) => Uint8Array | undefined): NameLookup {
  let waiting = 0;
  return async (name) => {
    if (waiting >= MOST_WAITING) return [];
    waiting++;
    try {
      const found = await lookup(name, { all: true });
      return found.flatMap(({ address }) => parse(address.split('%')[0] ?? '') ?? []);
    } catch {
      return []; // the client gets the reply that the host cannot be reached
    } finally {
      waiting--;
    }
  };
}

/** Resolves names by DNS servers behind the puzzle: over UDP, server by server, each asked twice. */
export class PuzzleLookup {
  readonly #servers: readonly Uint8Array[];
  readonly #port: QueryPort;
  readonly #randomId: () => number;
  readonly #timeoutMs: number;
  readonly #waiting = new Map<number, Query>();

  constructor(
    servers: readonly Uint8Array[],
    port: QueryPort,
    randomId: () => number,
    timeoutMs = TIMEOUT_MS,
  ) {
    this.#servers = servers;
    this.#port = port;
    this.#randomId = randomId;
    this.#timeoutMs = timeoutMs;
    port.onMessage = (server, message) => this.#receive(server, message);
  }

  readonly lookup: NameLookup = async (name) => {
    const found = await Promise.all([this.#addresses(name, RECORD_A), this.#addresses(name, RECORD_AAAA)]);
    return found.flat();
  };

  async #addresses(name: string, type: RecordType): Promise<readonly Uint8Array[]> {
    for (let attempt = 0; attempt < this.#servers.length * ATTEMPTS; attempt++) {
      const answer = await this.#ask(this.#servers[attempt % this.#servers.length]!, name, type);
      if (answer !== 'failed') return answer.addresses;
    }
    return [];
  }

  #ask(server: Uint8Array, name: string, type: RecordType): Promise<DnsAnswer> {
    const id = this.#randomId() & 0xffff;
    if (this.#waiting.size >= MOST_WAITING * 2 || this.#waiting.has(id)) return Promise.resolve('failed');
    const message = dnsQuery(id, name, type);
    return new Promise((resolve) => {
      const settle = (answer: DnsAnswer): void => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        resolve(answer);
      };
      const timer = setTimeout(() => settle('failed'), this.#timeoutMs).unref();
      this.#waiting.set(id, { server, message, settle });
      if (!this.#port.send(server, message)) settle('failed');
    });
  }

  #receive(server: Uint8Array, message: Uint8Array): void {
    const query = message.length < 2 ? undefined : this.#waiting.get((message[0]! << 8) | message[1]!);
    if (query === undefined || Buffer.compare(query.server, server) !== 0) return;
    const answer = dnsAnswer(message, query.message);
    if (answer !== undefined) query.settle(answer);
  }

  close(): void {
    for (const { settle } of [...this.#waiting.values()]) settle('failed');
  }
}

interface Query {
  readonly server: Uint8Array;
  readonly message: Uint8Array;
  settle(answer: DnsAnswer): void;
}

const MOST_WAITING = 256;
const ATTEMPTS = 2;
const TIMEOUT_MS = 2000;
