import assert from 'node:assert/strict';
import { Frames } from '../../host/frame/frames.ts';
import { Lane } from '../../host/puzzle/lane.ts';
import type { PieceMaker } from '../../host/puzzle/plan/piece-maker.ts';
import { PuzzleError } from '../../host/puzzle/plan/puzzle-error.ts';
import { describePiece, ipv6, ScriptedPiece } from '../../host/puzzle/testing/scripted-piece.ts';
import { Protocols } from '../../host/stack/protocols.ts';
import { FuzzRandom } from './fuzz-random.ts';

/**
 * Changes a lane again and again while frames come: it adds, removes, replaces and reconfigures pieces and
 * moves them to other networks, makes one change in four fail, and others join nothing. After each step,
 * every frame was delivered once, dropped by name, or waits; each piece knows the offers of its neighbours;
 * and a failed change has left instances, Joints and counters unchanged.
 *
 * @throws Error with the seed at the first step where that is not so; it happens again with the seed
 */
export async function changeAtRandom(count: number, seed: number): Promise<ChangeTally> {
  try {
    return await changeUntil(count, seed);
  } catch (cause) {
    throw new Error(`with seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

async function changeUntil(count: number, seed: number): Promise<ChangeTally> {
  const random = new FuzzRandom(seed);
  const scene = new Scene();
  const tally = { applied: 0, refused: 0, frames: 0 };
  await scene.lane.start(scene.makers(FIRST, undefined));
  let present = FIRST;
  try {
    for (let n = 0; n < count; n++) {
      const wanted = altered(present, random);
      const fails = random.below(4) === 0 ? random.one(FAILURES) : undefined;
      const before = JSON.stringify(scene.lane.snapshot().pieces);
      const instances = scene.running();
      const changing = scene.lane.apply(scene.makers(wanted, fails)).then(
        () => true,
        (error: unknown) => {
          if (error instanceof PuzzleError) return false;
          throw error;
        },
      );
      assert.equal(JSON.stringify(scene.lane.snapshot().pieces), before, 'preparing is not noticed');
      // While every other change is prepared nothing comes: then a failed one must not be seen at all.
      const isQuiet = random.below(2) === 0;
      const joined = scene.joined();
      let isOver = false;
      const over = changing.finally(() => {
        isOver = true;
      });
      // It is prepared in several turns, and in each of them frames come, and pieces listen on more and on
      // less.
      while (!isQuiet && !isOver) {
        scene.bring(random.below(3));
        scene.stir(random);
        await new Promise((resolve) => setImmediate(resolve));
      }
      const isApplied = await over;
      if (isApplied) {
        present = wanted;
      } else {
        assert.deepEqual(scene.running(), instances, `${n}: a change that fails changes no instance`);
        assert.deepEqual(scene.joined(), joined, `${n}: a change that fails changes no Joint`);
        if (isQuiet)
          assert.equal(JSON.stringify(scene.lane.snapshot().pieces), before, `${n}: nor a counter`);
      }
      scene.checkOffers();
      scene.checkHearing();
      scene.bring(random.below(4));
      scene.checkAccounts();
      tally[isApplied ? 'applied' : 'refused']++;
    }
    tally.frames = scene.sent;
  } finally {
    scene.lane.close();
  }
  assert.equal(scene.lane.frames.freeRows, scene.lane.frames.rows, 'every row is free again');
  assert.deepEqual(scene.running(), [], 'whatever was made was closed');
  return tally;
}

export interface ChangeTally {
  readonly applied: number;
  readonly refused: number;
  readonly frames: number;
}

interface Sketch {
  readonly version: number;
  readonly network: string;
  readonly stack: string;
}

type Sketches = Readonly<Record<string, Sketch>>;
type Failure = (typeof FAILURES)[number];

/** One of the pieces but the first two is added, removed, replaced or moved; sometimes several. */
function altered(present: Sketches, random: FuzzRandom): Sketches {
  const next: Record<string, Sketch> = { ...present };
  for (let steps = 1 + random.below(3); steps > 0; steps--) {
    const name = random.one(NAMES);
    const old = next[name];
    if (old === undefined) {
      if (!BOTH_ENDS.includes(name))
        next[name] = { version: 0, network: random.one(NETWORKS), stack: random.one(STACKS) };
    } else if (!BOTH_ENDS.includes(name) && random.below(3) === 0) {
      delete next[name];
    } else if (!BOTH_ENDS.includes(name) && random.below(2) === 0) {
      next[name] = { ...old, network: random.one(NETWORKS) };
    } else {
      next[name] = { ...old, version: old.version + 1 };
    }
  }
  return next;
}

class Scene {
  readonly #protocols = new Protocols();
  readonly lane = new Lane({
    frames: new Frames({ smallRows: 256, largeRows: 2 }),
    protocols: this.#protocols,
    now: () => 0,
  });
  sent = 0;
  #instances: ScriptedPiece[] = [];
  /** How often each frame was delivered, by its number. */
  #deliveries: number[] = [];
  /** Frames that ended at removed pieces. */
  #endedBefore = 0;
  #endedNow = new Map<string, number>();
  /** On which ports pieces listen, as long as they are on that network. */
  readonly #listens = new WeakMap<ScriptedPiece, { joint: string; shapes: Map<string, number> }>();

  running(): ScriptedPiece[] {
    return this.#instances.filter(({ closes }) => closes === 0);
  }

  /** The joined Edges, with the last notification of each. */
  joined(): unknown {
    return this.running().map(({ joinings, left }) => [joinings.length, left.length, joinings.at(-1)]);
  }

  /**
   * Each piece knows what the others on the network offer: a piece and each version of it offer something
   * else.
   */
  checkOffers(): void {
    const { pieces } = this.lane.snapshot();
    const networkOf = new Map(pieces.map(({ name, edges }) => [name, edges[0]!.network]));
    for (const piece of this.running()) {
      const { name } = piece.description;
      const beside = this.running().filter(
        (other) => other !== piece && networkOf.get(other.description.name) === networkOf.get(name),
      );
      assert.deepEqual(
        piece.joinings
          .at(-1)!
          .properties.flatMap(({ value }) => (value.tag === 'text' ? [value.val] : []))
          .sort(),
        beside.map(({ description }) => identityOf(description)).sort(),
        `what ${name} hears`,
      );
    }
  }

  /** One of the pieces in the middle listens on one more port, or on one less. */
  stir(random: FuzzRandom): void {
    const able = this.running().filter(
      ({ description, joinings }) =>
        joinings.length > 0 && description.edges[0]!.shapes[0]!.stack === 'ipv6/udp',
    );
    if (able.length === 0) return;
    const piece = random.one(able);
    const { edge, joint } = piece.joinings.at(-1)!;
    const known = this.#listens.get(piece);
    const listens = known?.joint === joint ? known : { joint, shapes: new Map<string, number>() };
    this.#listens.set(piece, listens);
    const stack = `ipv6/udp/${1000 + random.below(6)}`;
    const shape = listens.shapes.get(stack);
    if (shape !== undefined) {
      piece.context.unlisten(edge, shape);
      listens.shapes.delete(stack);
      return;
    }
    const answer = piece.context.listen(edge, 0, stack);
    // Others may have it already.
    if (typeof answer === 'number') listens.shapes.set(stack, answer);
  }

  /**
   * A carrier has been notified of all stacks that others take or listen on, and of no stack that has ended.
   */
  checkHearing(): void {
    const networkOf = new Map(
      this.lane.snapshot().pieces.map(({ name, edges }) => [name, edges[0]!.network]),
    );
    const carrier = this.running().find(({ description }) => description.name === 'tun')!;
    const heard = new Set<string>();
    for (const [, stack, present] of carrier.listened) {
      if (present) heard.add(stack);
      else heard.delete(stack);
    }
    const taken = this.running().flatMap((piece) => {
      const { name, edges } = piece.description;
      const joint = networkOf.get(name);
      if (piece === carrier || joint !== networkOf.get('tun')) return [];
      const listens = this.#listens.get(piece);
      const ports = listens !== undefined && listens.joint === joint ? [...listens.shapes.keys()] : [];
      return [edges[0]!.shapes[0]!.stack, ...ports];
    });
    assert.deepEqual([...heard].sort(), [...new Set(taken)].sort(), 'what tun has heard that others take');
  }

  bring(count: number): void {
    const tun = this.#instances.findLast(
      ({ description, closes }) => description.name === 'tun' && closes === 0,
    );
    for (let n = 0; n < count; n++) {
      const packet = ipv6();
      packet.splice(36, 4, ...numberBytes(this.sent++));
      tun!.bring(0, packet);
    }
  }

  checkAccounts(): void {
    for (const { taken } of this.#instances) {
      for (const { bytes } of taken.splice(0)) {
        const number = bytes.slice(-4).reduce((sum, byte) => sum * 256 + byte, 0);
        this.#deliveries[number] = (this.#deliveries[number] ?? 0) + 1;
        assert.equal(this.#deliveries[number], 1, `frame ${number} was delivered twice`);
      }
    }
    this.#instances = this.running();
    const { pieces } = this.lane.snapshot();
    const ended = new Map(
      pieces.map(({ name, reasons }) => [name, sum(reasons.map(({ frames }) => frames))]),
    );
    // The counters of a piece that was removed go with it, or begin again with its name.
    for (const [name, frames] of this.#endedNow)
      if ((ended.get(name) ?? 0) < frames) this.#endedBefore += frames;
    this.#endedNow = ended;
    const delivered = this.#deliveries.filter((count) => count > 0).length;
    const waiting = sum(pieces.map((piece) => piece.waiting + piece.held));
    assert.equal(
      delivered + this.#endedBefore + sum([...ended.values()]) + waiting,
      this.sent,
      'what was sent was delivered, or ended by name, or waits',
    );
  }

  makers(sketches: Sketches, fails: Failure | undefined): PieceMaker[] {
    const entries = Object.entries(sketches);
    return entries.map(([name, { version, network, stack }], place) => {
      const direction = name === 'tun' ? 'down' : 'up';
      const description = { ...describePiece(name, stack, direction), version: `${version}.0.0` };
      return {
        place: { name, description, edges: new Map([['net', [network]]]) },
        kind: 'native',
        failure: 'closed',
        identity: `${version} ${stack}`,
        make: async (context, frames) => {
          // Some are made at once, others take their time.
          if (place % 2 === 0) await Promise.resolve();
          if (fails === 'make' && place === entries.length - 1)
            throw new PuzzleError([{ code: 'FT_TEST', message: 'cannot be made' }]);
          const piece = new ScriptedPiece(description, context, frames, this.#protocols);
          this.#instances.push(piece);
          const value = { tag: 'text' as const, val: identityOf(description) };
          piece.onProcess = ({ calls, joinings }) => {
            if (calls.length === 1) context.offer(joinings.at(-1)!.edge, { name: 'identity', value }, true);
          };
          if (fails === 'start') piece.problems.push({ message: 'does not start' });
          if (fails === 'accepts') piece.refusal = { message: 'does not accept' };
          if (fails === 'restore') piece.restoreRefusal = { message: 'does not restore' };
          return piece;
        },
      };
    });
  }
}

function identityOf({ name, version }: { readonly name: string; readonly version: string }): string {
  return `${name} ${version}`;
}

function numberBytes(n: number): number[] {
  return [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, each) => all + each, 0);
}

const FIRST: Sketches = {
  tun: { version: 0, network: 'lan', stack: 'ip' },
  six: { version: 0, network: 'lan', stack: 'ipv6' },
};
const BOTH_ENDS = Object.keys(FIRST);
const NAMES = [...BOTH_ENDS, 'a', 'b', 'c'];
const NETWORKS = ['lan', 'far'];
const STACKS = ['ipv6/udp', 'ipv6/udp/local:7', 'ipv6/tcp'];
const FAILURES = ['make', 'start', 'accepts', 'restore'] as const;
