import {
  ContractError,
  cryptoFunctions,
  type GuestMemory,
  type HostCalls,
  hostFunctions,
  tlsFunctions,
} from '../../../abi/host/contract.ts';
import { PieceFault } from '../../piece/piece-fault.ts';
import type { HostFunctionName } from '../component/grants.ts';
import { checkedProperty, shownText } from '../component/guest-text.ts';
import type { EngineItem, FuelCounter } from '../wasm/webassembly-engine.ts';
import type { CallState } from './call-state.ts';
import { CryptoFunctions } from './crypto-functions.ts';
import type { HostImports } from './guest.ts';
import { demandStackRoom } from './stack-room.ts';
import { TlsFunctions } from './tls-functions.ts';

/**
 * Returns a host function for core code. It checks the phase, charges fuel, and lifts its arguments from
 * `memory`.
 *
 * A fault is also kept in `state`, because WebAssembly can catch an exception of JavaScript.
 */
export function hostFunction(
  known: HostFunctionName,
  memory: GuestMemory,
  host: HostImports,
  state: CallState,
  fuel: FuelCounter,
): EngineItem {
  const table = hostFunctions(memory, calls(host));
  const crypto = new CryptoFunctions(memory, host, fuel);
  const keys = cryptoFunctions(memory, crypto);
  const sessions = tlsFunctions(memory, new TlsFunctions(host));

  const guarded = <T>(bytes: number, call: () => T): T => {
    try {
      state.checkImport(known);
      if (!HARMLESS.has(known)) demandStackRoom(depth > 0);
      if (!fuel.take(PRICES[known] + Math.min(bytes, MAX_BYTES_CHARGED))) throw outOfFuel(known);
      depth++;
      try {
        return call();
      } finally {
        depth--;
      }
    } catch (error) {
      state.fault ??= faultOfCall(known, error);
      throw state.fault;
    }
  };

  switch (known) {
    case 'log':
      return (level: number, at: number, length: number): void =>
        guarded(length >>> 0, () => {
          state.messages++;
          if (state.messages <= MAX_MESSAGES) table.log(level, at, length);
          if (state.messages === MAX_MESSAGES + 1)
            host.log('warn', `more than ${MAX_MESSAGES} messages in one call: the rest are dropped`);
        });
    case 'status':
      return (
        health: number,
        summaryAt: number,
        summaryLength: number,
        factsAt: number,
        factCount: number,
      ): void => {
        guarded((summaryLength >>> 0) + factBytes(memory, factsAt >>> 0, factCount >>> 0), () => {
          // This comes before a fact is lifted, because the list may have any length.
          if (factCount >>> 0 > MAX_FACTS) throw tooManyFacts();
          table.status(health, summaryAt, summaryLength, factsAt, factCount);
        });
      };
    case 'random':
      return (): bigint => guarded(0, () => table.random());
    case 'utc':
      return (result: number): void => guarded(0, () => table.utc(result));
    case 'listen':
      return (edge: number, like: number, at: number, length: number, result: number): void =>
        guarded((length >>> 0) + priceOfPorts(memory, at >>> 0, length >>> 0), () =>
          table.listen(edge, like, at, length, result),
        );
    case 'unlisten':
      return (edge: number, shape: number): void => guarded(0, () => table.unlisten(edge, shape));
    case 'offer':
      return (
        edge: number,
        at: number,
        length: number,
        kind: number,
        low: bigint,
        high: number,
        present: number,
      ): void =>
        guarded((length >>> 0) + (high >>> 0), () => table.offer(edge, at, length, kind, low, high, present));
    case 'importKey':
      return (algorithm: number, at: number, length: number, result: number): void =>
        guarded(length >>> 0, () => keys['import-key'](algorithm, at, length, result));
    case 'deriveKey':
      return (
        source: number,
        at: number,
        length: number,
        algorithm: number,
        size: number,
        result: number,
      ): void => guarded(length >>> 0, () => keys['derive-key'](source, at, length, algorithm, size, result));
    case 'dropKey':
      return (key: number): void => guarded(0, () => keys['drop-key'](key));
    case 'protect':
      return (tasksAt: number, count: number, at: number, size: number, result: number): void =>
        guarded(0, () => crypto.protectAt(tasksAt >>> 0, count >>> 0, at >>> 0, size >>> 0, result >>> 0));
    case 'unprotect':
      return (tasksAt: number, count: number, at: number, size: number, result: number): void =>
        guarded(0, () => crypto.unprotectAt(tasksAt >>> 0, count >>> 0, at >>> 0, size >>> 0, result >>> 0));
    case 'ownFingerprint':
      return (digest: number, result: number): void =>
        guarded(0, () => sessions['own-fingerprint'](digest, result));
    case 'openSession':
      return (
        party: number,
        trustedAt: number,
        trusted: number,
        profilesAt: number,
        profiles: number,
        size: number,
        result: number,
      ): void =>
        guarded(profiles >>> 0, () => {
          if (trusted >>> 0 > MAX_TRUSTED)
            throw new ContractError(`${trusted >>> 0} fingerprints are more than ${MAX_TRUSTED}`);
          sessions['open-session'](party, trustedAt, trusted, profilesAt, profiles, size, result);
        });
    case 'receive':
      return (session: number, at: number, length: number, result: number): void =>
        guarded(length >>> 0, () => sessions.receive(session, at, length, result));
    case 'expire':
      return (session: number, result: number): void => guarded(0, () => sessions.expire(session, result));
    case 'exportKeys':
      return (session: number, result: number): void =>
        guarded(0, () => sessions['export-keys'](session, result));
    case 'closeSession':
      return (session: number): void => guarded(0, () => sessions['close-session'](session));
  }
}

/** The depth of host calls inside each other, by components of this thread. */
let depth = 0;

/**
 * The host functions that change nothing outside the component; all others may call pieces, or code of an
 * embedder.
 */
const HARMLESS: ReadonlySet<HostFunctionName> = new Set(['random', 'utc', 'protect', 'unprotect']);

/** The most fingerprints of a peer, as the contract states. */
const MAX_TRUSTED = 8;

/** The most messages that one call may log. A piece that logs more repeats itself. */
const MAX_MESSAGES = 16;

/**
 * The price of a call to the host in units of fuel; each byte of text costs one more. So a loop that calls
 * the host ends as early as any other loop.
 */
const PRICES: Record<HostFunctionName, number> = {
  log: 20_000,
  status: 20_000,
  random: 1000,
  utc: 1000,
  listen: 140_000,
  unlisten: 100_000,
  offer: 20_000,
  importKey: 20_000,
  deriveKey: 20_000,
  dropKey: 5000,
  // The tasks cost besides.
  protect: 1000,
  unprotect: 1000,
  // The certificate is made once.
  ownFingerprint: 100_000,
  openSession: 100_000,
  // A flight of a handshake takes up to 0.4 ms: a key exchange, a signature, and the check of another.
  receive: 400_000,
  expire: 200_000,
  exportKeys: 40_000,
  closeSession: 20_000,
};
const MAX_BYTES_CHARGED = 0x1000_0000;

/**
 * The price of each port of a stack, for which an endpoint opens a socket: some 28 µs on an idle machine, and
 * as long again to close it. A piece of telephony opens dozens in a call, so the price is not above that.
 */
const PRICE_OF_PORT = 15_000;
const COMMA = 44;
/** A longer text is not a stack. */
const MAX_STACK_TEXT = 512;

/** The price of the ports in the sets of a stack, which commas divide. */
function priceOfPorts(memory: GuestMemory, at: number, length: number): number {
  const view = memory.view();
  const end = Math.min(at + Math.min(length, MAX_STACK_TEXT), view.byteLength);
  let ports = 1;
  for (let n = at; n < end; n++) if (view.getUint8(n) === COMMA) ports++;
  return ports * PRICE_OF_PORT;
}

/** The lane's functions, with escaped text. */
function calls(host: HostImports): HostCalls {
  return {
    log: (level, message) => host.log(level, shownText(message)),
    status: (health, summary, facts) =>
      host.status({
        health,
        summary: shownText(summary, MAX_STATUS_TEXT),
        facts: Object.fromEntries(
          facts.map(([name, value]) => [shownText(name, MAX_FACT_NAME), shownText(value, MAX_STATUS_TEXT)]),
        ),
      }),
    random: () => host.random(),
    utc: () => host.utc(),
    listen: (edge, like, stack) => host.listen(edge, like, stack),
    unlisten: (edge, shape) => host.unlisten(edge, shape),
    offer: (edge, property, present) => host.offer(edge, checkedProperty(property, 'offers'), present),
  };
}

/** The most facts in one status, and characters in its texts: a table shows them on a few lines. */
const MAX_FACTS = 32;
const MAX_FACT_NAME = 40;
const MAX_STATUS_TEXT = 200;

/** The bytes of the texts of the first facts in a list, where the list is in memory. */
function factBytes(memory: GuestMemory, at: number, count: number): number {
  const view = memory.view();
  let bytes = 0;
  for (let n = 0; n < Math.min(count, MAX_FACTS) && at + (n + 1) * FACT_SIZE <= view.byteLength; n++) {
    // A fact is two texts, each an address and a length.
    const fact = at + n * FACT_SIZE;
    bytes += view.getUint32(fact + 4, true) + view.getUint32(fact + 12, true);
  }
  return bytes;
}
const FACT_SIZE = 16;

function tooManyFacts(): PieceFault {
  return new PieceFault(
    'FT_FAULT_RESULT',
    `the piece reports a status with more than ${MAX_FACTS} facts, which the contract forbids`,
  );
}

function outOfFuel(name: HostFunctionName): PieceFault {
  return new PieceFault(
    'FT_FAULT_FUEL',
    `the piece used up its fuel in a call of the host function "${name}"`,
  );
}

function faultOfCall(name: HostFunctionName, error: unknown): PieceFault {
  if (error instanceof PieceFault) return error;
  if (error instanceof ContractError) {
    return new PieceFault(
      'FT_FAULT_RESULT',
      `the piece called the host function "${name}" against the contract: ${error.message}`,
      {
        cause: error,
      },
    );
  }
  if (error instanceof RangeError && error.message.includes('call stack'))
    return new PieceFault(
      'FT_FAULT_TRAP',
      `the piece used up its stack, and left too little for the host function "${name}"`,
      { cause: error },
    );
  const why = error instanceof Error ? error.message : String(error);
  return new PieceFault(
    'FT_FAULT_TRAP',
    `the host ended the piece, because the host function "${name}" failed: ${why}`,
    { cause: error },
  );
}
