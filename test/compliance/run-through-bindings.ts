import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { transpileBytes } from '@bytecodealliance/jco-transpile';
import type {
  Algorithm,
  Frame,
  Health,
  HostCalls,
  Joining,
  Outcome,
  Part,
  Piece,
  Problem,
  Property,
} from '../../abi/host/contract.ts';
import { PartMarks } from '../../abi/host/contract.ts';
import { CryptoModel } from './crypto-model.ts';

/**
 * A piece that runs through the ordinary bindings of a component runtime: the second opinion on what runs by
 * offset.
 */
export interface BoundPiece {
  describe(settings: readonly (readonly [string, string])[]): Piece | readonly Problem[];
  start(
    now: number,
    settings: readonly (readonly [string, string])[],
    protocols: readonly number[],
  ): readonly Problem[] | undefined;
  accepts(joining: Joining): Problem | undefined;
  join(joining: Joining): void;
  leave(edge: number, shape: number): void;
  listening(edge: number, stack: string, present: boolean): Problem | undefined;
  ready(edge: number, ready: boolean): void;
  save(now: number): Uint8Array;
  restore(now: number, version: string, state: Uint8Array): Problem | undefined;
  process(now: number, frames: readonly Frame[], parts: readonly Part[], arena: Uint8Array): Outcome;
}

/** Makes instances of one component; each has its own memory. */
export type BoundComponent = (host: HostCalls) => BoundPiece;

/**
 * Turns a component into JavaScript bindings by jco, which takes about a second. Traps are thrown as they
 * are.
 */
export async function runThroughBindings(component: Uint8Array): Promise<BoundComponent> {
  const { files } = await transpileBytes(component, {
    name: 'piece',
    instantiation: 'sync',
    nodejsCompat: false,
  });
  const { instantiate } = await imported(textOf(files['piece.js']));
  const modules = new Map<string, WebAssembly.Module>();
  for (const [name, bytes] of Object.entries(files)) {
    if (name.endsWith('.wasm')) modules.set(name, new WebAssembly.Module(bytesOf(bytes)));
  }
  return (host) =>
    bound(
      instantiate((name) => modules.get(name)!, {
        'arpa2:funnel/host': hostModule(host),
        'arpa2:funnel/crypto': cryptoModule(new CryptoModel()),
        'arpa2:funnel/tls': tlsModule(),
      }),
    );
}

/** The result of jco's `instantiate` for the world `piece`. */
interface Bindings {
  description: { describe(settings: readonly (readonly [string, string])[]): Piece };
  control: {
    start(now: number, settings: readonly (readonly [string, string])[], protocols: Uint16Array): void;
    accepts(joining: Joining): void;
    join(joining: Joining): void;
    leave(edge: number, shape: number): void;
    listening(edge: number, stack: string, present: boolean): void;
    ready(edge: number, ready: boolean): void;
    save(now: number): Uint8Array;
    restore(now: number, version: string, state: Uint8Array): void;
  };
  traffic: {
    process(
      now: number,
      frames: readonly Frame[],
      parts: readonly BoundPart[],
      arena: Uint8Array,
    ): BoundOutcome;
  };
}

type BoundMarks = Record<keyof typeof PartMarks, boolean>;
type BoundPart = Omit<Part, 'marks'> & { readonly marks: BoundMarks };
type BoundOutcome = Omit<Outcome, 'parts' | 'paused'> & {
  readonly parts: readonly BoundPart[];
  readonly paused: ArrayLike<number>;
};

function bound(bindings: Bindings): BoundPiece {
  const { description, control, traffic } = bindings;
  return {
    describe: (settings) => orProblem<Piece, readonly Problem[]>(() => description.describe(settings)),
    start: (now, settings, protocols) =>
      orNothing<readonly Problem[]>(() => control.start(now, settings, Uint16Array.from(protocols))),
    accepts: (joining) => orNothing<Problem>(() => control.accepts(joining)),
    join: (joining) => control.join(joining),
    leave: (edge, shape) => control.leave(edge, shape),
    listening: (edge, stack, present) => orNothing<Problem>(() => control.listening(edge, stack, present)),
    ready: (edge, ready) => control.ready(edge, ready),
    save: (now) => control.save(now),
    restore: (now, version, state) => orNothing<Problem>(() => control.restore(now, version, state)),
    process(now, frames, parts, arena) {
      const asked = parts.map((part) => ({ ...part, marks: flagsOf(part.marks) }));
      const outcome = traffic.process(now, frames, asked, arena);
      return {
        ...outcome,
        parts: outcome.parts.map((part) => ({ ...part, marks: bitsOf(part.marks) })),
        paused: Array.from(outcome.paused),
      };
    },
  };
}

/** The functions of the host, in the manner in which jco wants an `err`: thrown. */
function hostModule(host: HostCalls): Record<string, (...args: never[]) => unknown> {
  return {
    log: host.log.bind(host),
    status: (health: Health, summary: string, facts: readonly (readonly [string, string])[]) =>
      host.status(health, summary, facts),
    random: () => BigInt.asUintN(64, host.random()),
    utc: () => [...host.utc()],
    listen(edge: number, like: number, stack: string): number {
      return orThrow(host.listen(edge, like, stack));
    },
    unlisten: host.unlisten.bind(host),
    offer: (edge: number, property: Property, present: boolean) => host.offer(edge, property, present),
  };
}

function cryptoModule(crypto: CryptoModel): Record<string, (...args: never[]) => unknown> {
  return {
    importKey: (algorithm: Algorithm, secret: Uint8Array) => orThrow(crypto.importKey(algorithm, secret)),
    deriveKey: (source: number, counter: Uint8Array, algorithm: Algorithm, length: number) =>
      orThrow(crypto.deriveKey(source, counter, algorithm, length)),
    dropKey: crypto.dropKey.bind(crypto),
    protect: crypto.protect.bind(crypto),
    unprotect: crypto.unprotect.bind(crypto),
  };
}

/** As on a host without such security: its sessions are tested where the host has them. */
function tlsModule(): Record<string, (...args: never[]) => unknown> {
  const none = (): never => {
    throw new Error('there is no session');
  };
  return {
    ownFingerprint: () => new Uint8Array(),
    openSession: () => orThrow({ message: 'this host has no DTLS' }),
    receive: none,
    expire: none,
    exportKeys: none,
    closeSession: none,
  };
}

function orThrow(answer: number | Problem): number {
  if (typeof answer === 'number') return answer;
  throw Object.assign(new Error(answer.message), { payload: answer });
}

/**
 * jco throws the `err` of a result, bare or as the payload of an error of its own; everything else that is
 * thrown is a trap.
 */
function orProblem<T, P extends Problem | readonly Problem[]>(call: () => T): T | P {
  try {
    return call();
  } catch (error) {
    const payload: unknown = error instanceof Error && 'payload' in error ? error.payload : error;
    if (payload instanceof Error || typeof payload !== 'object' || payload === null) throw error;
    return payload as P;
  }
}

/** For calls whose success says nothing. */
function orNothing<P extends Problem | readonly Problem[]>(call: () => void): P | undefined {
  return orProblem<undefined, P>(() => {
    call();
    return undefined;
  });
}

function flagsOf(marks: number): BoundMarks {
  return {
    withheld: (marks & PartMarks.withheld) !== 0,
    unfinished: (marks & PartMarks.unfinished) !== 0,
    unparsed: (marks & PartMarks.unparsed) !== 0,
    more: (marks & PartMarks.more) !== 0,
    continued: (marks & PartMarks.continued) !== 0,
  };
}

function bitsOf(marks: BoundMarks): number {
  let bits = 0;
  for (const [name, bit] of Object.entries(PartMarks)) if (marks[name as keyof typeof PartMarks]) bits |= bit;
  return bits;
}

type Instantiate = (
  module: (name: string) => WebAssembly.Module,
  imports: Record<string, Record<string, (...args: never[]) => unknown>>,
) => Bindings;

/** Node imports modules from files only. */
async function imported(source: string): Promise<{ instantiate: Instantiate }> {
  const folder = mkdtempSync(join(tmpdir(), 'funnel-bindings-'));
  try {
    const file = join(folder, 'piece.mjs');
    writeFileSync(file, source);
    return (await import(/* @vite-ignore */ pathToFileURL(file).href)) as { instantiate: Instantiate };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function textOf(file: Uint8Array | string | undefined): string {
  if (file === undefined) throw new Error('jco made no JavaScript of the component');
  return typeof file === 'string' ? file : new TextDecoder().decode(file);
}

function bytesOf(file: Uint8Array | string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(typeof file === 'string' ? new TextEncoder().encode(file) : file);
}
