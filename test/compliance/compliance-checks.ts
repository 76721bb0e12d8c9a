import assert from 'node:assert/strict';
import type { HostCalls, Joining, Piece, Problem } from '../../abi/host/contract.ts';
import { parseStack } from '../../host/stack/parse-stack.ts';
import { Protocols } from '../../host/stack/protocols.ts';
import { brokenRules, enter, type Ledger } from './outcome-rules.ts';
import { type OpenMessages, randomNumbers, randomTraffic } from './random-traffic.ts';
import { runByOffset } from './run-by-offset.ts';
import { type BoundComponent, type BoundPiece, runThroughBindings } from './run-through-bindings.ts';

export interface ComplianceOptions {
  /** Settings under which the piece can start; none when its defaults do. */
  readonly settings?: readonly (readonly [string, string])[];
  /** Calls of `process` with random traffic; 300 when left out. */
  readonly calls?: number;
  /** Where the random traffic begins; the same number gives the same traffic. */
  readonly seed?: number;
}

/** Something that holds for every piece. */
export interface ComplianceCheck {
  readonly name: string;
  /** Throws an AssertionError that says what does not hold. */
  run(): Promise<void>;
}

/**
 * The rules for every piece, by the contract, for any test runner. The first check builds a component that is
 * yet to be built.
 *
 * ```ts
 * for (const { name, run } of complianceChecks(component)) test(name, run);
 * ```
 */
export function complianceChecks(
  component: Uint8Array | (() => Promise<Uint8Array>),
  options: ComplianceOptions = {},
): readonly ComplianceCheck[] {
  const settings = options.settings ?? [];
  // Made once, by whichever check is first: turning a component into bindings takes a second.
  let runners: Promise<readonly [BoundComponent, BoundComponent]> | undefined;
  const both = (): Promise<readonly [BoundComponent, BoundComponent]> => {
    runners ??= Promise.resolve(typeof component === 'function' ? component() : component).then((bytes) =>
      Promise.all([runByOffset(bytes), runThroughBindings(bytes)]),
    );
    return runners;
  };
  const check = (name: string, run: (make: BoundComponent) => void): ComplianceCheck => ({
    name,
    async run() {
      for (const make of await both()) run(make);
    },
  });
  return [
    check('describes itself by default, always the same, and calls nothing of the host', (make) => {
      const first = described(make(refusingHost()), []);
      const piece = make(refusingHost());
      assert.deepEqual(described(piece, []), first);
      assert.deepEqual(described(piece, []), first, 'the second answer of one instance differs');
      assert.deepEqual(described(piece, settings), described(make(refusingHost()), settings));
    }),
    check('describes itself as the contract says', (make) =>
      checkDescription(described(make(refusingHost()), settings)),
    ),
    check('refuses a setting that it does not have', (make) => {
      const problems = make(refusingHost()).describe([...settings, ['no-such-setting-of-any-piece', 'x']]);
      assert.ok(Array.isArray(problems), 'an unknown setting is not a problem');
      assert.ok(problems.length > 0);
    }),
    check('starts with these settings, and joins every Edge', (make) => void started(make, settings)),
    check('accepts without changing anything', (make) => {
      const { piece, joinings } = started(make, settings);
      const before = piece.save(2);
      for (const joining of joinings) piece.accepts({ ...joining, joint: 'another' });
      assert.deepEqual(piece.save(2), before);
    }),
    check('saves without changing anything, and restores what it saved', (make) => {
      const { piece, description } = started(make, settings);
      const state = piece.save(5);
      assert.deepEqual(piece.save(5), state);
      const other = make(new CountingHost());
      assert.equal(other.start(1000, settings, numbersOf(description)), undefined);
      assert.equal(other.restore(1000, description.version, state), undefined, 'it refuses its own state');
      assert.deepEqual(other.save(1000), state, 'its state depends on the clock of the host');
    }),
    check('refuses a state that is cut short, or is as it was', (make) => {
      const { piece, description } = started(make, settings);
      const state = piece.save(5);
      for (let length = 0; length < state.length; length += Math.max(1, Math.floor(state.length / 16))) {
        const other = make(new CountingHost());
        assert.equal(other.start(5, settings, numbersOf(description)), undefined);
        assert.notEqual(
          other.restore(5, description.version, state.slice(0, length)),
          undefined,
          `${length} bytes were enough`,
        );
      }
    }),
    {
      name: 'bears any traffic, keeps the rules of an outcome, and does the same by offset as through bindings',
      async run() {
        const [byOffset, byBindings] = await both();
        compareUnderTraffic(byOffset, byBindings, settings, options.calls ?? 300, options.seed ?? 1);
      },
    },
  ];
}

/** A host that counts, so that two instances get the same values. */
class CountingHost implements HostCalls {
  readonly said: string[] = [];
  readonly listened = new Map<number, Set<number>>();
  #random = 0n;
  #nextShape = 100;

  log(level: string, message: string): void {
    this.said.push(`log ${level} ${message}`);
  }

  status(health: string, summary: string, facts: readonly (readonly [string, string])[]): void {
    this.said.push(`status ${health} ${summary} ${textOf(facts)}`);
  }

  random(): bigint {
    // Any odd number would do; this one spreads over all 64 bits.
    this.#random = BigInt.asUintN(64, this.#random + 0x9e37_79b9_7f4a_7c15n);
    return this.#random;
  }

  utc(): readonly [bigint, number] {
    return [1_700_000_000n, 0];
  }

  listen(edge: number, like: number, stack: string): number | Problem {
    const shape = this.#nextShape++;
    this.said.push(`listen ${edge} ${like} ${stack}`);
    const shapes = this.listened.get(edge) ?? new Set();
    this.listened.set(edge, shapes.add(shape));
    return shape;
  }

  unlisten(edge: number, shape: number): void {
    this.said.push(`unlisten ${edge} ${shape}`);
    assert.ok(
      this.listened.get(edge)?.delete(shape),
      `unlisten of Shape ${shape}, which was not listened on`,
    );
  }

  offer(edge: number, property: { readonly name: string; readonly value: unknown }, present: boolean): void {
    const value = textOf(property.value);
    this.said.push(`offer ${edge} ${property.name} ${value} ${present}`);
  }
}

function refusingHost(): HostCalls {
  const refuse = (): never => {
    throw new Error('describe called the host');
  };
  return {
    log: refuse,
    status: refuse,
    random: refuse,
    utc: refuse,
    listen: refuse,
    unlisten: refuse,
    offer: refuse,
  };
}

function described(piece: BoundPiece, settings: readonly (readonly [string, string])[]): Piece {
  const answer = piece.describe(settings);
  assert.ok('edges' in answer, `the settings are not right: ${textOf(answer)}`);
  return answer;
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? String(each) : each));
}

/** The host's protocols, with those that the piece brings. */
function protocolsWith(description: Piece): Protocols {
  const protocols = new Protocols();
  for (const [name, definition] of description.protocols)
    if (definition !== undefined) protocols.defineFromText(name, definition);
  return protocols;
}

function numbersOf(description: Piece): number[] {
  const protocols = protocolsWith(description);
  return description.protocols.map(([name]) => protocols.number(name));
}

interface Started {
  readonly piece: BoundPiece;
  readonly host: CountingHost;
  readonly description: Piece;
  readonly joinings: readonly Joining[];
  readonly edges: ReadonlyMap<number, number>;
}

/** An instance that is joined at every Edge, a repeated one twice. */
function started(make: BoundComponent, settings: readonly (readonly [string, string])[]): Started {
  const host = new CountingHost();
  const piece = make(host);
  const description = described(make(refusingHost()), settings);
  assert.equal(piece.start(1, settings, numbersOf(description)), undefined);
  const joinings: Joining[] = [];
  const edges = new Map<number, number>();
  for (const [index, edge] of description.edges.entries()) {
    for (let n = edge.repeated ? 2 : 1; n > 0; n--) {
      const number = 3 + edges.size;
      edges.set(number, index);
      for (const shape of edge.shapes.keys()) {
        joinings.push({ edge: number, described: index, shape, joint: `network-${number}`, properties: [] });
      }
    }
  }
  for (const joining of joinings) {
    assert.equal(piece.accepts(joining), undefined);
    piece.join(joining);
  }
  return { piece, host, description, joinings, edges };
}

function checkDescription(description: Piece): void {
  const kebab = /^[a-z0-9]+(-[a-z0-9]+)*$/;
  assert.match(description.name, kebab);
  assert.match(description.version, /^\d+\.\d+\.\d+/);
  assert.ok(description.summary.length > 0 && !description.summary.includes('\n'), 'the summary is one line');
  for (const list of [description.edges, description.settings, description.reasons]) {
    const names = list.map((each) => each.name);
    for (const name of names) assert.match(name, kebab);
    assert.equal(new Set(names).size, names.length, `names are not unique: ${names.join(', ')}`);
  }
  for (const { name, required, default: standard, least, most } of description.settings) {
    assert.ok(!required || standard === undefined, `setting ${name} is required, and has a default`);
    assert.ok(least <= most, `setting ${name} has a range from ${least} to ${most}`);
  }
  for (const { name, summary } of description.reasons) {
    assert.match(summary, /^\S[^\n]*\.$/, `reason ${name} has no sentence, such as "The checksum is wrong."`);
  }
  for (const edge of description.edges) {
    assert.ok(edge.shapes.length > 0, `Edge ${edge.name} has no Shape`);
    for (const shape of edge.shapes) parseStack(shape.stack, protocolsWith(description));
  }
  for (const curve of description.curves) {
    assert.ok(
      description.edges[curve.fromEdge]?.shapes[curve.fromShape] !== undefined,
      'a Curve begins nowhere',
    );
    assert.ok(description.edges[curve.toEdge]?.shapes[curve.toShape] !== undefined, 'a Curve ends nowhere');
  }
}

function compareUnderTraffic(
  byOffset: BoundComponent,
  byBindings: BoundComponent,
  settings: readonly (readonly [string, string])[],
  calls: number,
  seed: number,
): void {
  const mine = started(byOffset, settings);
  const theirs = started(byBindings, settings);
  const { description, edges } = mine;
  const ledger: Ledger = { description, edges, listened: mine.host.listened, open: new Map() };
  const openMessages: OpenMessages = { frames: [], isOpen: (each) => ledger.open.has(each) };
  const random = randomNumbers(seed);
  let now = 1;
  let ticket = 1;
  for (let call = 0; call < calls; call++) {
    now += random(50) === 0 ? random(100_000) : random(40) / 4;
    const { frames, parts, arena } = randomTraffic(
      random,
      description,
      edges,
      numbersOf(description),
      ticket,
      openMessages,
    );
    ticket += frames.length;
    enter(ledger, frames, parts);
    const outcome = mine.piece.process(now, frames, parts, arena);
    assert.deepEqual(brokenRules(ledger, now, outcome), [], `seed ${seed}, call ${call}`);
    assert.deepEqual(
      theirs.piece.process(now, frames, parts, arena),
      outcome,
      `seed ${seed}, call ${call}: by bindings it does other things`,
    );
    assert.deepEqual(
      theirs.host.said,
      mine.host.said,
      `seed ${seed}, call ${call}: by bindings it asks other things`,
    );
  }
  assert.deepEqual(theirs.piece.save(now), mine.piece.save(now));
}
