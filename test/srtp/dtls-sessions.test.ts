import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Party, Progress, Stage } from '../../abi/host/contract.ts';
import { type KeyStore, MAX_KEYS } from '../../host/engine/instance/key-store.ts';
import { openKeyStore } from '../../host/policy/pieces/native-keys.ts';

/** Two pieces, each with its certificate. */
let stores: [KeyStore, KeyStore];

beforeEach(() => {
  stores = [opened(), opened()];
});
afterEach(() => {
  for (const store of stores) store.close();
});

function opened(): KeyStore {
  const store = openKeyStore();
  if ('message' in store) throw new Error(store.message);
  return store;
}

describe('two sessions of DTLS', () => {
  it.each([
    [[7, 1], [1, 7], 1],
    [[8], [7, 8], 8],
    [[2, 1], [2], 2],
    [[7], [7], 7],
  ])('agree on a profile that both have, and on keys: %s and %s', (client, server, agreed) => {
    const pair = new Pair(client, server);
    expect(pair.run()).toEqual(['established', 'established']);
    const [mine, theirs] = pair.keys();
    expect(mine!.profile).toBe(agreed);
    expect(theirs!.profile).toBe(agreed);
    expect(mine!.clientSalt).toEqual(theirs!.clientSalt);
    expect(mine!.serverSalt).toEqual(theirs!.serverSalt);
    expect(mine!.clientSalt).not.toEqual(mine!.serverSalt);
    // The same keystream on both sides, and another in the other direction.
    const streams = [
      keystream(stores[0], mine!.clientKey),
      keystream(stores[1], theirs!.clientKey),
      keystream(stores[0], mine!.serverKey),
      keystream(stores[1], theirs!.serverKey),
    ];
    expect(streams[0]).toEqual(streams[1]);
    expect(streams[2]).toEqual(streams[3]);
    expect(streams[0]).not.toEqual(streams[2]);
  });

  it('have no keys without a profile that both have, or before the end', () => {
    const pair = new Pair([7], [8]);
    expect(pair.keys().map(({ profile }) => profile)).toEqual([0, 0]);
    expect(pair.run()).toEqual(['established', 'established']);
    expect(pair.keys().map(({ profile, clientKey }) => [profile, clientKey])).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  it('get through whichever datagrams are lost', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 8 }), (kept) => {
        const pair = new Pair([7], [7]);
        // 0 for a datagram that is lost, up to eight of them.
        expect(pair.run((n) => (kept[n] ?? 1) !== 0)).toEqual(['established', 'established']);
        pair.close();
      }),
      { numRuns: 60 },
    );
  });

  it('take no harm of repeated and of random datagrams', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(30), fc.nat(1), fc.uint8Array({ maxLength: 300 })), { maxLength: 12 }),
        (noise) => {
          const pair = new Pair([7], [7]);
          const stages = pair.run(
            () => true,
            (n, deliver) => {
              for (const [at, side, bytes] of noise) {
                // Handshake messages and alerts in the clear are believed, so the noise is of other types.
                if (at === n) deliver(side as SideNumber, Uint8Array.from([23, 254, 253, 0, 1, ...bytes]));
              }
            },
          );
          expect(stages).toEqual(['established', 'established']);
          pair.close();
        },
      ),
      { numRuns: 60 },
    );
  });

  it('repeat the last flight of the server for a client that did not get it', () => {
    const pair = new Pair([7], [7]);
    let dropped = 0;
    const stages = pair.run((_n, side, stage) => {
      // The datagram with which the server is done.
      if (side !== 1 || stage !== 'established' || dropped > 0) return true;
      dropped++;
      return false;
    });
    expect(dropped).toBe(1);
    expect(stages).toEqual(['established', 'established']);
  });
});

describe('a certificate that is not trusted', () => {
  it('ends the session of the side that sees it, with an alert for the other', () => {
    const wrong = new Uint8Array(32).fill(1);
    const pair = new Pair([7], [7], [wrong, undefined]);
    expect(pair.run()).toEqual(['untrusted', 'failed']);
    expect(pair.keys().map(({ profile }) => profile)).toEqual([0, 0]);
    const other = new Pair([7], [7], [undefined, wrong]);
    expect(other.run()).toEqual(['failed', 'untrusted']);
  });

  it('is one of several, by any of the digests', () => {
    for (const digest of ['sha256', 'sha384', 'sha512', 'sha1'] as const) {
      const value = stores[1].sessions.ownFingerprint(digest);
      const client = number(
        stores[0].sessions.open(
          'client',
          [
            { digest: 'sha256', value: new Uint8Array(32) },
            { digest, value },
          ],
          Uint8Array.of(7),
          1200,
        ),
      );
      const pair = new Pair([7], [7], [undefined, undefined], client);
      expect(pair.run()).toEqual(['established', 'established']);
    }
  });

  it('is every one where there are no fingerprints', () => {
    const client = number(stores[0].sessions.open('client', [], Uint8Array.of(7), 1200));
    expect(new Pair([7], [7], [undefined, undefined], client).run()).toEqual(['untrusted', 'failed']);
  });
});

describe('the sessions of a piece', () => {
  it('have a bound, and room again when one ends', () => {
    const { sessions } = stores[0];
    const all: number[] = [];
    for (;;) {
      const made = sessions.open('server', [], Uint8Array.of(7), 1200);
      if (typeof made !== 'number') {
        expect(made).toBe('full');
        break;
      }
      all.push(made);
    }
    expect(all).toHaveLength(1024);
    expect(sessions.close(all[17]!)).toBe(true);
    expect(sessions.open('server', [], Uint8Array.of(7), 1200)).toBe(all[17]);
    expect(sessions.close(2000)).toBe(false);
    expect(sessions.close(0xffff_ffff)).toBe(false);
    expect(sessions.receive(0, new Uint8Array())).toBeUndefined();
  });

  it('refuse arguments that are out of range', () => {
    const { sessions } = stores[0];
    const trusted = [{ digest: 'sha256', value: new Uint8Array(32) }] as const;
    expect(sessions.open('client', trusted, Uint8Array.of(3), 1200)).toBe('argument');
    expect(sessions.open('client', trusted, Uint8Array.of(7), 255)).toBe('argument');
    expect(sessions.open('client', trusted, Uint8Array.of(7), 0xffff_ffff)).toBe('argument');
    expect(
      sessions.open('client', [{ digest: 'sha256', value: new Uint8Array(300) }], Uint8Array.of(7), 1200),
    ).toBe('argument');
  });

  it('bring no keys where the store is full, and lose none', () => {
    const pair = new Pair([7], [7]);
    pair.run();
    const secret = new Uint8Array(16);
    let count = 0;
    while (typeof stores[0].importKey('aes-ctr', secret) === 'number') count++;
    expect(count).toBe(MAX_KEYS);
    stores[0].dropKey(1);
    expect(pair.keys()[0]!.profile).toBe(0);
    stores[0].dropKey(2);
    expect(pair.keys()[0]!.profile).toBe(7);
  });
});

type SideNumber = 0 | 1;

/** A client, of the first store, and a server. */
class Pair {
  readonly #sessions: readonly [number, number];
  readonly #stages: Stage[] = ['handshake', 'handshake'];
  readonly #waiting: { to: SideNumber; bytes: Uint8Array }[] = [];
  #sent = 0;

  constructor(
    client: readonly number[],
    server: readonly number[],
    trusted: readonly (Uint8Array | undefined)[] = [],
    given?: number,
  ) {
    const open = (side: SideNumber, party: Party, profiles: readonly number[]): number => {
      const value = trusted[side] ?? stores[1 - side]!.sessions.ownFingerprint('sha256');
      return number(
        stores[side].sessions.open(party, [{ digest: 'sha256', value }], Uint8Array.from(profiles), 1200),
      );
    };
    this.#sessions = [given ?? open(0, 'client', client), open(1, 'server', server)];
  }

  /** Runs the handshake, and lets a flight be repeated where nothing is under way. Returns both stages. */
  run(
    arrives: (n: number, from: SideNumber, stage: Stage) => boolean = () => true,
    between: (n: number, deliver: (side: SideNumber, bytes: Uint8Array) => void) => void = () => {},
  ): readonly Stage[] {
    this.#take(0, this.#receive(0, new Uint8Array()), arrives);
    for (let rounds = 0; rounds < 20; rounds++) {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
        between(this.#sent, (side, bytes) => this.#take(side, this.#receive(side, bytes), arrives));
        this.#take(next.to, this.#receive(next.to, next.bytes), arrives);
      }
      if (!this.#stages.includes('handshake') || this.#stages.some((stage) => stage === 'untrusted')) break;
      for (const side of [0, 1] as const)
        this.#take(side, stores[side].sessions.expire(this.#sessions[side])!, arrives);
    }
    return this.#stages;
  }

  keys() {
    return ([0, 1] as const).map((side) => stores[side].sessions.exportKeys(this.#sessions[side])!);
  }

  close(): void {
    for (const side of [0, 1] as const) stores[side].sessions.close(this.#sessions[side]);
  }

  #receive(side: SideNumber, bytes: Uint8Array): Progress {
    return stores[side].sessions.receive(this.#sessions[side], bytes)!;
  }

  #take(
    from: SideNumber,
    progress: Progress,
    arrives: (n: number, from: SideNumber, stage: Stage) => boolean,
  ) {
    this.#stages[from] = progress.stage;
    const { datagrams } = progress;
    for (let at = 0; at < datagrams.length; ) {
      const length = datagrams[at]! * 256 + datagrams[at + 1]!;
      expect(length).toBeLessThanOrEqual(1200);
      const bytes = datagrams.slice(at + 2, at + 2 + length);
      if (arrives(this.#sent++, from, progress.stage))
        this.#waiting.push({ to: (1 - from) as SideNumber, bytes });
      at += 2 + length;
    }
  }
}

function number(made: unknown): number {
  if (typeof made !== 'number') throw new Error(String(made));
  return made;
}

/** One block of the keystream of a key of AES in counter mode. */
function keystream(store: KeyStore, key: number): Uint8Array {
  const memory = new Uint8Array(128);
  const view = new DataView(memory.buffer);
  view.setUint32(0, key, true);
  view.setUint32(28, 16, true);
  view.setUint32(32, 16, true);
  expect(store.run(memory, false, 0, 1, 64, 32, 0, 10_000)).toBeGreaterThan(0);
  return memory.slice(80, 96);
}
