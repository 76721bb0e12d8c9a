import {
  type Piece as Description,
  type Joining,
  LIMITS,
  type Problem,
  type Property,
} from '../../abi/host/contract.ts';
import type { Frames } from '../frame/frames.ts';
import type { Pattern } from '../frame/pattern.ts';
import type { Inbox } from '../piece/inbox.ts';
import { Ledger, ledgerBytes, MAX_HELD } from '../piece/ledger.ts';
import type { Outbox } from '../piece/outbox.ts';
import type { LogLevel, Piece, PieceContext } from '../piece/piece.ts';
import { PieceFault } from '../piece/piece-fault.ts';
import { MAX_PROPERTIES_TEXT, propertySize } from './component/guest-text.ts';
import { FrameKernel } from './crossing/frame-kernel.ts';
import { GuestWords } from './crossing/guest-words.ts';
import { KernelLowering } from './crossing/kernel-lowering.ts';
import { BROKEN_FRAME, Lifting } from './crossing/lifting.ts';
import { Lowering } from './crossing/lowering.ts';
import { OUTLETS_BYTES, Outlets } from './crossing/outlets.ts';
import type { Guest, HostImports, Settings } from './instance/guest.ts';
import type { KeyStore } from './instance/key-store.ts';
import { LogLimit } from './instance/log-limit.ts';
import type { LoadedComponent } from './load-component.ts';
import { FUEL } from './wasm/fuel.ts';

/**
 * A component as a piece of a puzzle: an instance, the ledger of its tickets, and the crossing of its frames.
 *
 * A fault ends the instance and the frames that it held. `renew` makes a new instance in the same place.
 */
export class ComponentPiece implements Piece {
  readonly description: Description;

  readonly #component: LoadedComponent;
  readonly #settings: Settings;
  readonly #context: PieceContext;
  readonly #environment: ComponentEnvironment;
  readonly #frames: Frames;
  readonly #ledger: Ledger;
  readonly #outlets: Outlets;
  readonly #lowering: Lowering | KernelLowering;
  /**
   * The address of ledger and outlets in the lane's memory; negative if it has no room. The kernel is not
   * used then.
   */
  readonly #deskAt: number;
  readonly #lifting: Lifting;
  readonly #logLimit = new LogLimit();
  #guest: Guest;
  #words: GuestWords;
  #closed = false;

  /** Makes the first instance; a start function of the component runs here. */
  constructor(
    component: LoadedComponent,
    description: Description,
    settings: Settings,
    environment: ComponentEnvironment,
  ) {
    this.description = description;
    this.#component = component;
    this.#settings = settings;
    const { context, frames } = environment;
    this.#environment = environment;
    this.#context = context;
    this.#frames = frames;
    const laneKernel = FrameKernel.of(frames);
    this.#deskAt = frames.lane.take(deskBytes(frames));
    const kernel = this.#deskAt < 0 ? undefined : laneKernel;
    const region = (offset: number) =>
      this.#deskAt < 0 ? undefined : { buffer: frames.memory, at: this.#deskAt + offset };
    this.#outlets = new Outlets(region(0));
    this.#ledger = new Ledger(frames.rows, MAX_HELD, frames.firstLargeRow, region(OUTLETS_BYTES));
    this.#lowering =
      kernel === undefined
        ? new Lowering(frames, this.#ledger, this.#outlets)
        : new KernelLowering(kernel, frames, this.#ledger, this.#outlets);
    this.#lifting = new Lifting(
      frames,
      this.#ledger,
      this.#outlets,
      context.counters,
      description.reasons.map((reason) => reason.name),
      environment.protocolCount,
      kernel,
    );
    try {
      this.#guest = component.instantiate(this.#imports());
    } catch (error) {
      this.#giveDesk();
      throw error;
    }
    this.#words = new GuestWords(this.#guest.memory);
  }

  start(now: number): readonly Problem[] {
    const numbers = this.description.protocols.map(([name]) => this.#environment.protocolNumber(name));
    return this.#guest.start(now, this.#settings, numbers);
  }

  accepts(joining: Joining): Problem | undefined {
    return this.#guest.accepts(joining);
  }

  join(joining: Joining): void {
    const shape = this.description.edges[joining.described]!.shapes[joining.shape]!;
    this.#open(joining.edge, joining.shape, joining.described, joining.shape, shape.stack);
    this.#guest.join(joining);
  }

  leave(edge: number, shape: number): void {
    this.#shut(edge, shape);
    this.#forgetOffers(edge);
    this.#guest.leave(edge, shape);
  }

  listening(edge: number, stack: string, present: boolean): Problem | undefined {
    return this.#guest.listening(edge, stack, present);
  }

  ready(edge: number, ready: boolean): void {
    this.#guest.ready(edge, ready);
  }

  save(now: number): Uint8Array {
    return this.#guest.save(now);
  }

  restore(now: number, version: string, state: Uint8Array): Problem | undefined {
    return this.#guest.restore(now, version, state);
  }

  process(now: number, inbox: Inbox, limit: number, outbox: Outbox): number {
    const guest = this.#guest;
    const lowering = this.#lowering;
    if (this.#frames.hasFragments) this.#dropBroken(inbox);
    if (this.#ledger.largeRoom <= 0) this.#dropLarge(inbox);
    let most = Math.min(inbox.length, limit, LIMITS.maxFramesIn, this.#ledger.room);
    if (most === 0 && inbox.length > 0) this.#dropWaiting(inbox, inbox.length);
    if (this.#frames.hasFragments) most = this.#untilFragment(inbox, most);
    guest.refuel(FUEL_A_CALL + most * FUEL_A_FRAME);
    const count = lowering.lower(guest, this.#words, inbox, most);
    if (lowering.arena * FUEL_A_BYTE > most * FUEL_A_FRAME)
      guest.refuel(FUEL_A_CALL + lowering.arena * FUEL_A_BYTE);
    try {
      const outcome = guest.process(
        now,
        lowering.framesAt,
        count,
        lowering.partsAt,
        lowering.parts,
        lowering.arenaAt,
        lowering.arena,
      );
      this.#words.refresh();
      const wakeAt = this.#lifting.lift(this.#words, outcome, now, lowering.hops, outbox);
      guest.postReturn(outcome);
      if (this.#ledger.inbound.lost > 0) this.#countLost();
      return wakeAt;
    } catch (error) {
      throw guest.faultOf(error);
    }
  }

  get paused(): ReadonlySet<number> {
    return this.#lifting.paused;
  }

  get held(): number {
    return this.#closed ? 0 : this.#ledger.held;
  }

  /** Ends the instance after a fault, and the frames that it held, counted as `fault`. */
  fail(): void {
    this.#guest.discard();
    this.#keys?.close();
    this.#keys = undefined;
    this.#lifting.paused.clear();
    for (const key of this.#listened) this.#outlets.delete(key >>> 16, key & 0xffff);
    this.#listened.clear();
    this.#offers.clear();
    this.#offeredSize = 0;
    const lost = this.#ledger.closeAll((row) => this.#frames.release(row));
    if (lost > 0) this.#context.counters.add('fault', lost);
  }

  /** Makes a new instance in the place of one that failed. The caller starts and joins it again. */
  renew(): void {
    this.#guest = this.#component.instantiate(this.#imports());
    this.#words = new GuestWords(this.#guest.memory);
  }

  close(): void {
    if (this.#closed) return;
    this.fail();
    this.#closed = true;
    this.#giveDesk();
  }

  #giveDesk(): void {
    if (this.#deskAt >= 0) this.#frames.lane.give(this.#deskAt, deskBytes(this.#frames));
  }

  /** Drops waiting frames: the piece holds as many as it may. */
  #dropWaiting(inbox: Inbox, waiting: number): void {
    for (let n = 0; n < waiting; n++) this.#frames.release(inbox.rows[inbox.at(n)]!);
    inbox.take(waiting);
    this.#context.counters.add('held-full', waiting);
  }

  /**
   * Drops large frames in front of the inbox: the piece holds as many as it may, and small ones may wait
   * behind them.
   */
  #dropLarge(inbox: Inbox): void {
    const { firstLarge } = this.#ledger;
    let large = 0;
    while (large < inbox.length && inbox.rows[inbox.at(large)]! >= firstLarge) large++;
    if (large > 0) this.#dropWaiting(inbox, large);
  }

  /** Drops fragments in front of the inbox that are not admitted: their frame has a gap, or has ended. */
  #dropBroken(inbox: Inbox): void {
    const { messageIds, fragments } = this.#frames;
    const { inbound } = this.#ledger;
    let broken = 0;
    for (; broken < inbox.length; broken++) {
      const at = inbox.at(broken);
      const row = inbox.rows[at]!;
      const messageId = messageIds[row]!;
      if (messageId === 0 || inbound.admits(inbox.edgeShapes[at]!, messageId, fragments[row]!)) break;
      this.#frames.release(row);
    }
    inbox.take(broken);
    inbound.lost += broken;
    if (inbound.lost > 0) this.#countLost();
  }

  #countLost(): void {
    const { inbound } = this.#ledger;
    this.#context.counters.add(BROKEN_FRAME, inbound.lost);
    inbound.lost = 0;
  }

  /**
   * Limits a call to one fragment, in front: a fragment is admitted once the outcome of those before it is
   * known.
   */
  #untilFragment(inbox: Inbox, most: number): number {
    const { messageIds } = this.#frames;
    for (let n = 1; n < most; n++) if (messageIds[inbox.rows[inbox.at(n)]!] !== 0) return n;
    return most;
  }

  #open(edge: number, shape: number, described: number, like: number, stack: string): void {
    const { reach, direction } = this.description.edges[described]!.shapes[like]!;
    this.#outlets.set(
      edge,
      shape,
      reach === 'headers',
      direction === 'up',
      this.#environment.patternOf(stack),
    );
    this.#described[edge] = described;
  }

  #shut(edge: number, shape: number): void {
    const edgeShape = (edge | (shape << 16)) >>> 0;
    this.#outlets.delete(edge, shape);
    this.#ledger.inbound.left(edgeShape);
    this.#ledger.outbound.left(edgeShape);
  }

  /** Logs a message of the piece from any call, at a rate that people can read. */
  #say(level: LogLevel, message: string): void {
    const dropped = this.#logLimit.admit(this.#context.now());
    if (dropped < 0) return;
    if (dropped > 0) {
      const were =
        dropped === 1 ? '1 message before this one was' : `${dropped} messages before this one were`;
      this.#context.log('warn', `${were} dropped: too many at once`);
    }
    this.#context.log(level, message);
  }

  #offer(edge: number, property: Property, present: boolean): void {
    const offers = this.#offers.get(edge) ?? new Map<string, number>();
    const { tag } = property.value;
    const key = `${tag} ${property.name} ${tag === 'yes' ? '' : property.value.val}`;
    const size = propertySize(property);
    if (!present) {
      if (offers.delete(key)) this.#offeredSize -= size;
    } else if (this.#described[edge] === undefined) {
      this.#say('warn', `offers ${property.name} on Edge ${edge}, where it is not joined`);
      return;
    } else if (!this.#component.mayUse('offer', this.description.edges[this.#described[edge]]!.name)) {
      const { name } = this.description.edges[this.#described[edge]]!;
      this.#say('warn', `offers ${property.name} on its Edge ${name}, where it was not granted to offer`);
      return;
    } else if (offers.size >= MAX_OFFERS && !offers.has(key)) {
      this.#say('warn', `offers more than ${MAX_OFFERS} properties on an Edge; ${property.name} is left out`);
      return;
    } else if (!offers.has(key) && this.#offeredSize + size > MAX_PROPERTIES_TEXT) {
      this.#say(
        'warn',
        `offers properties of more than ${MAX_PROPERTIES_TEXT} characters; ${property.name} is left out`,
      );
      return;
    } else {
      if (!offers.has(key)) this.#offeredSize += size;
      offers.set(key, size);
    }
    this.#offers.set(edge, offers);
    this.#context.offer(edge, property, present);
  }

  #openKeys(): KeyStore | Problem {
    if (this.#keys !== undefined) return this.#keys;
    const opened = this.#environment.openKeyStore?.() ?? { message: 'this host has no cryptography' };
    if (!('message' in opened)) this.#keys = opened;
    return opened;
  }

  #forgetOffers(edge: number): void {
    for (const size of this.#offers.get(edge)?.values() ?? []) this.#offeredSize -= size;
    this.#offers.delete(edge);
  }

  /** Opened when the instance uses it first. */
  #keys: KeyStore | undefined;
  readonly #described: number[] = [];
  /** Shapes that `listen` added, by Edge and Shape. */
  readonly #listened = new Set<number>();
  /** The offers of the piece, by Edge, with their sizes. */
  readonly #offers = new Map<number, Map<string, number>>();
  #offeredSize = 0;

  #imports(): HostImports {
    const context = this.#context;
    return {
      log: (level, message) => this.#say(level, message),
      status: (status) => context.status(status),
      random: () => context.random(),
      utc: () => {
        // A clock that was set before 1970 has no number in the contract.
        const now = Math.max(0, Date.now());
        return [BigInt(Math.floor(now / 1000)), (now % 1000) * 1_000_000];
      },
      listen: (edge, like, stack) => {
        const described = this.#described[edge];
        if (described === undefined) return { message: `Edge ${edge} is not joined` };
        const { name } = this.description.edges[described]!;
        if (!this.#component.mayUse('listen', name))
          return { message: `the piece was not granted to listen on its Edge ${name}` };
        const number = context.listen(edge, like, stack);
        if (typeof number === 'number') {
          this.#open(edge, number, described, like, stack);
          this.#listened.add(keyOf(edge, number));
        }
        return number;
      },
      unlisten: (edge, shape) => {
        if (!this.#listened.delete(keyOf(edge, shape)))
          throw new PieceFault(
            'FT_FAULT_RESULT',
            `the piece takes back Shape ${shape} of Edge ${edge}, on which it does not listen`,
          );
        this.#shut(edge, shape);
        context.unlisten(edge, shape);
      },
      offer: (edge, property, present) => this.#offer(edge, property, present),
      keys: () => this.#openKeys(),
    };
  }
}

function deskBytes(frames: Frames): number {
  return OUTLETS_BYTES + ledgerBytes(frames.rows);
}

function keyOf(edge: number, shape: number): number {
  return ((edge << 16) | shape) >>> 0;
}

/**
 * Properties that a piece may offer on one Edge: when one changes, the lane notifies neighbours of all of
 * them.
 */
const MAX_OFFERS = 64;

/** The environment of a component: its lane, and the protocol numbers of the lane. */
export interface ComponentEnvironment {
  readonly context: PieceContext;
  readonly frames: Frames;
  /** The number of a protocol by its name; 0 if there is none. */
  protocolNumber(name: string): number;
  /** One more than the largest number of a protocol. */
  protocolCount(): number;
  /** The check of frames that leave by a Shape of this stack. */
  patternOf(stack: string): Pick<Pattern, 'matches'>;
  /** Opens the keys of an instance, or says why there can be none. Absent where no piece has keys. */
  openKeyStore?(): KeyStore | Problem;
}

/**
 * The fuel of a call grows with its frames or with their bytes, whichever gives more, up to the budget of a
 * full batch. So a piece that looks at each byte has the same fuel for each, whatever comes together. An
 * endless loop in a call with one frame ends after a quarter of the time that a full batch may take. Most
 * pieces use a thousandth: some 330 units a frame.
 */
const FUEL_A_CALL = FUEL.process / 4;
const FUEL_A_FRAME = Math.floor((FUEL.process * 3) / 4 / LIMITS.maxFramesIn);
const FUEL_A_BYTE = Math.floor((FUEL.process * 3) / 4 / LIMITS.maxArenaIn);
