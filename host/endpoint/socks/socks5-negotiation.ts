import { createHash, timingSafeEqual } from 'node:crypto';
import { parseAddress } from '../ip-address.ts';

/** The replies of RFC 1928 §6. */
export const REPLY = {
  succeeded: 0,
  failed: 1,
  notAllowed: 2,
  networkUnreachable: 3,
  hostUnreachable: 4,
  refused: 5,
  expired: 6,
  noSuchCommand: 7,
  noSuchAddressType: 8,
} as const;

export interface SocksRequest {
  readonly command: 'connect' | 'associate';
  /** An address, or a name to resolve. */
  readonly host: Uint8Array | string;
  readonly port: number;
}

/** The end of a message: what to reply, and what follows. */
export interface Negotiated {
  readonly reply?: Uint8Array;
  /** The reason for which the connection ends after the reply. */
  readonly refusal?: Refusal;
  readonly request?: SocksRequest;
}

export type Refusal = 'bad-request' | 'not-authenticated' | 'not-supported';

/**
 * The messages of one client up to its request: RFC 1928 §3 and §4, RFC 1929. Pure: bytes go in, replies come
 * out. It wants no byte behind the request, since that is the first of the client's stream.
 */
export class SocksNegotiation {
  readonly #users: ReadonlyMap<string, string>;
  readonly #bytes = new Uint8Array(LONGEST);
  #length = 0;
  #wanted = 2;
  #stage: 'methods' | 'login' | 'request' = 'methods';

  /** @param users passwords by name; without any, clients need none */
  constructor(users: ReadonlyMap<string, string>) {
    this.#users = users;
  }

  /** The number of bytes to give next, at most. */
  get wanted(): number {
    return this.#wanted - this.#length;
  }

  /** Takes at most `wanted` bytes. Returns undefined while the message is incomplete. */
  take(bytes: Uint8Array): Negotiated | undefined {
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    while (this.#length === this.#wanted) {
      const next = this.#look();
      if (typeof next !== 'number') return next;
      this.#wanted = next;
    }
    return undefined;
  }

  /** Returns the length that the message has, as far as it is known by now; or its meaning. */
  #look(): number | Negotiated {
    switch (this.#stage) {
      case 'methods':
        return this.#methods();
      case 'login':
        return this.#login();
      default:
        return this.#request();
    }
  }

  #next(stage: 'login' | 'request', reply: Uint8Array): Negotiated {
    this.#stage = stage;
    this.#length = 0;
    this.#wanted = stage === 'login' ? 2 : 4;
    return { reply };
  }

  #methods(): number | Negotiated {
    const [version, count = 0] = this.#bytes;
    // A SOCKS4 client, or one of another protocol, would misread any reply of this one.
    if (version !== VERSION) return { refusal: 'bad-request' };
    if (this.#length < 2 + count) return 2 + count;
    const methods = this.#bytes.subarray(2, 2 + count);
    const wanted = this.#users.size === 0 ? METHOD_NONE : METHOD_PASSWORD;
    if (!methods.includes(wanted))
      return { reply: Uint8Array.of(VERSION, METHOD_NOT_ACCEPTABLE), refusal: 'not-authenticated' };
    return this.#next(wanted === METHOD_NONE ? 'request' : 'login', Uint8Array.of(VERSION, wanted));
  }

  #login(): number | Negotiated {
    const [version, nameLength = 0] = this.#bytes;
    if (version !== LOGIN_VERSION) return { refusal: 'bad-request' };
    if (this.#length < 3 + nameLength) return 3 + nameLength;
    const length = 3 + nameLength + this.#bytes[2 + nameLength]!;
    if (this.#length < length) return length;
    const name = Buffer.from(this.#bytes.subarray(2, 2 + nameLength)).toString('utf8');
    const password = this.#bytes.slice(3 + nameLength, length);
    const known = this.#users.get(name);
    // The comparison takes the same time for a user that does not exist.
    const isRight = isSame(password, Buffer.from(known ?? '')) && known !== undefined;
    if (isRight) return this.#next('request', Uint8Array.of(LOGIN_VERSION, 0));
    return { reply: Uint8Array.of(LOGIN_VERSION, 1), refusal: 'not-authenticated' };
  }

  #request(): number | Negotiated {
    const bytes = this.#bytes;
    const [version, command, , type] = bytes;
    if (version !== VERSION) return { refusal: 'bad-request' };
    let size: number;
    if (type === TYPE_IPV4) size = 4;
    else if (type === TYPE_IPV6) size = 16;
    else if (type === TYPE_NAME) {
      if (this.#length < 5) return 5;
      size = 1 + bytes[4]!;
    } else return { reply: replyOf(REPLY.noSuchAddressType), refusal: 'not-supported' };
    if (this.#length < 4 + size + 2) return 4 + size + 2;
    if (command !== CONNECT && command !== ASSOCIATE)
      return { reply: replyOf(REPLY.noSuchCommand), refusal: 'not-supported' };
    const port = (bytes[4 + size]! << 8) | bytes[5 + size]!;
    const host = type === TYPE_NAME ? hostOf(bytes.subarray(5, 4 + size)) : bytes.slice(4, 4 + size);
    if (host === undefined || (command === CONNECT && port === 0))
      return { reply: replyOf(REPLY.failed), refusal: 'bad-request' };
    return { request: { command: command === CONNECT ? 'connect' : 'associate', host, port } };
  }
}

/** Returns a reply with the address to which the server is bound; zero for none. */
export function replyOf(reply: number, address: Uint8Array = NO_ADDRESS, port = 0): Uint8Array {
  const type = address.length === 4 ? TYPE_IPV4 : TYPE_IPV6;
  return Uint8Array.of(VERSION, reply, 0, type, ...address, port >>> 8, port & 0xff);
}

/** Returns the address that a name is in fact, or the name; undefined for one that no resolver takes. */
export function hostOf(bytes: Uint8Array): Uint8Array | string | undefined {
  const name = Buffer.from(bytes).toString('latin1');
  const address = parseAddress(name);
  if (address !== undefined) return address;
  return /^(?=.{1,254}$)([A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?$/.test(name) ? name : undefined;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/** The longest message: a login with a name and a password of 255 bytes each. */
const LONGEST = 3 + 255 + 255;
const NO_ADDRESS = new Uint8Array(4);
const VERSION = 5;
const LOGIN_VERSION = 1;
const METHOD_NONE = 0;
const METHOD_PASSWORD = 2;
const METHOD_NOT_ACCEPTABLE = 0xff;
const CONNECT = 1;
const ASSOCIATE = 3;
export const TYPE_IPV4 = 1;
export const TYPE_NAME = 3;
export const TYPE_IPV6 = 4;
