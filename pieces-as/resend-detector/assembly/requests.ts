import { Endpoint } from '../../frame-sequence/assembly/endpoint';

/** The sizes of the largest remembered request, and of the largest response. */
export const MOST_REQUEST: u32 = 2048;
export const MOST_ANSWER: u32 = 4096;
const CHAINS: i32 = 1024;

/** A request that passed, and its response. */
export class Request {
  isUsed: bool = false;
  protocol: i32 = 0;
  key: u64 = 0;
  readonly client: Endpoint = new Endpoint();
  readonly server: Endpoint = new Endpoint();
  /** When it came first, and when it last passed. */
  cameAt: f64 = 0;
  passedAt: f64 = 0;
  isAnswered: bool = false;
  length: u32 = 0;
  /** 0 if no response is kept. */
  answerLength: u32 = 0;
  readonly bytes: usize = heap.alloc(MOST_REQUEST);
  readonly answer: usize = heap.alloc(MOST_ANSWER);
  next: i32 = -1;

  /** Whether the request has these bytes. */
  isSame(at: usize, length: u32): bool {
    return this.length == length && memory.compare(this.bytes, at, length) == 0;
  }
}

/** The remembered requests. The setting bounds them, and a new one replaces the oldest. */
export class Requests {
  private readonly all: StaticArray<Request>;
  private readonly chains: StaticArray<i32> = new StaticArray<i32>(CHAINS);
  private last: i32 = -1;

  constructor(private most: i32) {
    this.all = new StaticArray<Request>(most);
    for (let i = 0; i < most; i++) this.all[i] = new Request();
    for (let i = 0; i < CHAINS; i++) this.chains[i] = -1;
  }

  find(protocol: i32, key: u64, client: Endpoint, server: Endpoint): Request | null {
    for (let i = this.chains[chainOf(key, client, server)]; i >= 0; i = this.all[i].next) {
      const each = this.all[i];
      if (each.key != key || each.protocol != protocol) continue;
      if (each.client.equals(client) && each.server.equals(server)) return each;
    }
    return null;
  }

  /** Adds a request, which the caller fills in. */
  add(protocol: i32, key: u64, client: Endpoint, server: Endpoint): Request {
    this.last = (this.last + 1) % this.most;
    const request = this.all[this.last];
    if (request.isUsed) this.unchain(this.last, request);
    request.isUsed = true;
    request.protocol = protocol;
    request.key = key;
    request.client.copy(client);
    request.server.copy(server);
    const chain = chainOf(key, client, server);
    request.next = this.chains[chain];
    this.chains[chain] = this.last;
    return request;
  }

  private unchain(i: i32, request: Request): void {
    const chain = chainOf(request.key, request.client, request.server);
    if (this.chains[chain] == i) {
      this.chains[chain] = request.next;
      return;
    }
    let before = this.chains[chain];
    while (this.all[before].next != i) before = this.all[before].next;
    this.all[before].next = request.next;
  }
}

function chainOf(key: u64, client: Endpoint, server: Endpoint): i32 {
  const ends =
    client.low ^ (client.high << 1) ^ ((<u64>client.port) << 40) ^ server.low ^ ((<u64>server.port) << 24);
  return <i32>(((ends + key * 0xff51_afd7_ed55_8ccd) * 0x9e37_79b9_7f4a_7c15) >> 54);
}
