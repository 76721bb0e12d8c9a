// Ports for media, in pairs: an even one for RTP and the odd one behind it for RTCP (RFC 3550 §11).
//
// Listening on a port opens a socket, which costs too much for each call. So the piece opens ports in blocks
// of 16 pairs, and keeps them open. It begins with another block when few open pairs are free, and does a
// third of it in each call of the host, because media wait meanwhile. A pair that a call gives back goes to
// the end of the queue, and is used again when its turn comes. Packets for a pair without a call are counted
// and dropped.

import { Level, Line, listenLine, listenProblem, unlisten } from 'funnel-tunnel/as';
import { Configuration } from './configuration';
import { Edges, SHAPE_MEDIA, SHAPE_RTCP, SHAPE_RTP } from './edges';
import { Load } from './load';

/** The number of blocks that are opened when an Edge is joined, and in each call after that. */
@inline
const BLOCKS_IN_JOIN: i32 = 12;

@inline
const BLOCKS_IN_CALL: i32 = 1;

@inline const BLOCK: i32 = 16;
/** The number of free pairs below which another block is opened. */
@inline const FEW: i32 = 8;
/** A block has a Shape for RTP, one for RTCP, and one for other data. */
@inline const KINDS: i32 = 3;
@inline const NO_BLOCK: i32 = -1;
/** The number of blocks to try in one call: another program may have a port of one. */
@inline const TRIES: i32 = 2;
@inline const RETRY_MS: f64 = 60_000;
/** After all blocks were open, or one could not be opened ahead of time. */
@inline const LOOK_MS: f64 = 1_000;
@inline export const NO_PAIR: i32 = -1;
@inline const NO_END: i32 = -1;

/** Whether a family may have few free pairs: most calls of the host have nothing to prepare. */
let mayBeFew: bool = true;

class Family {
  /** The first end of a stream that each pair serves; further ones are chained. */
  heads: StaticArray<i32> = new StaticArray<i32>(0);
  free: StaticArray<i32> = new StaticArray<i32>(0);
  firstFree: i32 = NO_PAIR;
  lastFree: i32 = NO_PAIR;
  freeCount: i32 = 0;
  /** The block that is being opened, and the number of its Shapes that are there already. */
  opening: i32 = NO_BLOCK;
  opened: i32 = 0;
  /** When to look again for a block that is not open, where there was none. */
  nextLook: f64 = 0;
  /** By block: 0 if it is closed; after a failure, when to try again. */
  isOpen: StaticArray<bool> = new StaticArray<bool>(0);
  failedUntil: StaticArray<f64> = new StaticArray<f64>(0);
  /** The Shapes of listens, three for each block. */
  shapes: StaticArray<i32> = new StaticArray<i32>(0);
  nextBlock: i32 = 0;
  /** Where the search for blocks that calls use and that are closed continues. */
  toOpen: i32 = 0;
}

const ipv4 = new Family();
const ipv6 = new Family();
let pairs: i32 = 0;
let blocks: i32 = 0;
const line = new Line();

export abstract class Ports {
  static start(): void {
    pairs = <i32>(Configuration.lastPort - Configuration.firstPort + 1) / 2;
    blocks = (pairs + BLOCK - 1) / BLOCK;
    begin(ipv4);
    begin(ipv6);
  }

  /** A free pair of a family, or `NO_PAIR`. */
  static take(now: f64, family: u32): i32 {
    const at = portsOf(family);
    if (at.firstFree == NO_PAIR) openAnother(now, family);
    const pair = at.firstFree;
    if (pair == NO_PAIR) return NO_PAIR;
    at.freeCount--;
    if (at.freeCount < FEW) mayBeFew = true;
    at.firstFree = unchecked(at.free[pair]);
    if (at.firstFree == NO_PAIR) at.lastFree = NO_PAIR;
    return pair;
  }

  /** Does a part of opening another block, where calls use ports and few are free. */
  @inline static prepare(now: f64): void {
    if (mayBeFew) prepareBoth(now);
  }

  /** Frees a pair that serves nothing any more. */
  static give(family: u32, pair: i32): void {
    const at = portsOf(family);
    unchecked((at.heads[pair] = NO_END));
    // The pairs of a closed block become free when it is opened.
    if (!unchecked(at.isOpen[pair / BLOCK])) return;
    append(at, pair);
    if (at.freeCount < FEW) mayBeFew = true;
  }

  @inline static port(pair: i32): u32 {
    return Configuration.firstPort + 2 * <u32>pair;
  }

  /** The pair of a port, or `NO_PAIR`. */
  @inline static pairOf(port: u32): i32 {
    return port < Configuration.firstPort || port > Configuration.lastPort
      ? NO_PAIR
      : <i32>(port - Configuration.firstPort) >> 1;
  }

  @inline static head(family: u32, pair: i32): i32 {
    return unchecked(portsOf(family).heads[pair]);
  }

  @inline static setHead(family: u32, pair: i32, end: i32): void {
    unchecked((portsOf(family).heads[pair] = end));
  }

  /** The Shape by which frames of a pair leave on a described Shape; -1 if its block is closed. */
  @inline static shape(family: u32, pair: i32, described: u16): i32 {
    const at = portsOf(family);
    const block = pair / BLOCK;
    return unchecked(at.isOpen[block])
      ? unchecked(at.shapes[block * KINDS + <i32>described - SHAPE_RTP])
      : -1;
  }

  /**
   * The Edge is joined: opens the blocks that calls use, such as those of a restored state. They may be more
   * than one call can open; `openMore` continues.
   */
  static join(family: u32): void {
    portsOf(family).toOpen = 0;
    Ports.openUsed(family, BLOCKS_IN_JOIN);
  }

  /** Opens more of the blocks that calls use. Returns whether all are open. */
  static openMore(): bool {
    return Ports.openUsed(4, BLOCKS_IN_CALL) && Ports.openUsed(6, BLOCKS_IN_CALL);
  }

  private static openUsed(family: u32, most: i32): bool {
    const at = portsOf(family);
    let left = most;
    for (; at.toOpen < blocks; at.toOpen++) {
      const block = at.toOpen;
      if (unchecked(at.isOpen[block]) || !isUsed(at, block)) continue;
      if (left-- == 0) return false;
      open(family, block);
    }
    return true;
  }

  /** The Edge has left with its Shapes. */
  static leave(family: u32): void {
    const at = portsOf(family);
    for (let block = 0; block < blocks; block++) unchecked((at.isOpen[block] = false));
    at.toOpen = blocks;
    at.firstFree = NO_PAIR;
    at.lastFree = NO_PAIR;
    at.freeCount = 0;
    at.opening = NO_BLOCK;
  }
}

@inline
function portsOf(family: u32): Family {
  return family == 4 ? ipv4 : ipv6;
}

function begin(at: Family): void {
  at.toOpen = blocks;
  at.heads = new StaticArray<i32>(pairs);
  at.free = new StaticArray<i32>(pairs);
  for (let i = 0; i < pairs; i++) unchecked((at.heads[i] = NO_END));
  at.isOpen = new StaticArray<bool>(blocks);
  at.failedUntil = new StaticArray<f64>(blocks);
  at.shapes = new StaticArray<i32>(blocks * KINDS);
}

/** Whether a pair of a block serves a call. */
function isUsed(at: Family, block: i32): bool {
  const last = min((block + 1) * BLOCK, pairs);
  for (let pair = block * BLOCK; pair < last; pair++) if (unchecked(at.heads[pair]) != NO_END) return true;
  return false;
}

function append(at: Family, pair: i32): void {
  unchecked((at.free[pair] = NO_PAIR));
  if (at.lastFree == NO_PAIR) at.firstFree = pair;
  else unchecked((at.free[at.lastFree] = pair));
  at.lastFree = pair;
  at.freeCount++;
}

function prepareBoth(now: f64): void {
  mayBeFew = isPreparing(4) || isPreparing(6);
  prepareIn(now, 4);
  prepareIn(now, 6);
}

/** Without a free pair, the next call opens a block at once: it may be the first to need one. */
function isPreparing(family: u32): bool {
  const at = portsOf(family);
  return at.freeCount < FEW && at.firstFree != NO_PAIR;
}

function prepareIn(now: f64, family: u32): void {
  const at = portsOf(family);
  if (!isPreparing(family) || at.toOpen < blocks) return;
  if (at.opening == NO_BLOCK) {
    if (now < at.nextLook) return;
    at.opening = nextClosed(now, family);
    at.opened = 0;
    if (at.opening == NO_BLOCK) {
      at.nextLook = now + LOOK_MS;
      return;
    }
  }
  if (!openKind(now, family)) at.nextLook = now + LOOK_MS;
}

/** No pair is free: opens all of a block. */
function openAnother(now: f64, family: u32): void {
  const at = portsOf(family);
  for (let tries = TRIES; tries > 0 && at.firstFree == NO_PAIR; tries--) {
    if (at.opening == NO_BLOCK) {
      at.opening = nextClosed(now, family);
      at.opened = 0;
    }
    while (at.opening != NO_BLOCK && openKind(now, family));
    if (Edges.media(family) < 0) return;
  }
}

/** The next block that is closed, and that another program does not have; `NO_BLOCK` if there is none. */
function nextClosed(now: f64, family: u32): i32 {
  const at = portsOf(family);
  for (let i = 0; i < blocks; i++) {
    const block = at.nextBlock;
    at.nextBlock = block + 1 == blocks ? 0 : block + 1;
    if (!unchecked(at.isOpen[block]) && unchecked(at.failedUntil[block]) <= now) return block;
  }
  return NO_BLOCK;
}

/** Opens a block that calls use. */
function open(family: u32, block: i32): void {
  const at = portsOf(family);
  while (at.opening != NO_BLOCK && openKind(0, family));
  if (unchecked(at.isOpen[block])) return;
  at.opening = block;
  at.opened = 0;
  while (at.opening != NO_BLOCK && openKind(0, family));
}

/** Listens on the next Shape of the block that is being opened. False if that is not possible. */
function openKind(now: f64, family: u32): bool {
  const at = portsOf(family);
  const edge = Edges.media(family);
  const block = at.opening;
  if (edge < 0) {
    at.opening = NO_BLOCK;
    return false;
  }
  const kind = at.opened;
  Load.spend(kind + SHAPE_RTP == SHAPE_MEDIA ? 640_000 : 400_000);
  const shape = listenLine(<u16>edge, SHAPE_RTP + <u16>kind, stackOf(family, block, kind));
  if (shape < 0) {
    line
      .clear()
      .text('cannot listen on media ports from ')
      .unsigned(Ports.port(block * BLOCK));
    line.text(' on: ').utf8(listenProblem()).log(Level.Warn);
    // No frame has left by these yet.
    for (let k = 0; k < kind; k++) unlisten(<u16>edge, <u16>unchecked(at.shapes[block * KINDS + k]));
    unchecked((at.failedUntil[block] = now + RETRY_MS));
    at.opening = NO_BLOCK;
    return false;
  }
  unchecked((at.shapes[block * KINDS + kind] = shape));
  at.opened++;
  if (at.opened == KINDS) finish(at, block);
  return true;
}

/** A block is open: its pairs that serve nothing become free. */
function finish(at: Family, block: i32): void {
  at.opening = NO_BLOCK;
  unchecked((at.isOpen[block] = true));
  const last = min((block + 1) * BLOCK, pairs);
  for (let pair = block * BLOCK; pair < last; pair++)
    if (unchecked(at.heads[pair]) == NO_END) append(at, pair);
  if (at.freeCount < FEW) mayBeFew = true;
}

/** RTP comes to the even ports and RTCP to the odd ones; other data may come to both. */
function stackOf(family: u32, block: i32, kind: i32): Line {
  line.clear().text(family == 4 ? 'ipv4/udp/{' : 'ipv6/udp/{');
  const last = min((block + 1) * BLOCK, pairs);
  for (let pair = block * BLOCK; pair < last; pair++) {
    if (pair > block * BLOCK) line.text(',');
    const port = Ports.port(pair);
    if (kind + SHAPE_RTP != SHAPE_RTCP) line.text('local:').unsigned(port);
    if (kind + SHAPE_RTP == SHAPE_MEDIA) line.text(',');
    if (kind + SHAPE_RTP != SHAPE_RTP) line.text('local:').unsigned(port + 1);
  }
  line.text('}');
  if (kind + SHAPE_RTP == SHAPE_RTP) line.text('/rtp');
  if (kind + SHAPE_RTP == SHAPE_RTCP) line.text('/rtcp');
  return line;
}
