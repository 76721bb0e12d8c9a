/*
 * Addresses in the lane's memory. ../../crossing/frame-kernel.ts sets them once.
 */

/** By row, in the layout of host/frame/frames.ts. */
export let starts: u32 = 0;
export let lengths: u32 = 0;
export let partCounts: u32 = 0;
export let references: u32 = 0;
export let hopCounts: u32 = 0;
export let partTables: u32 = 0;
/** The bytes of a row's table of parts. */
export let partTableSize: u32 = 0;
let smallRows: u32 = 0;
let smallRoom: u32 = 0;
let largeRoom: u32 = 0;
/** The headroom in front of a frame that is written anew. */
export let headroom: u32 = 0;

/**
 * Frames that wait to be lowered, {@link WAITING} bytes each: row; edge | shape << 16; skips | withheld <<
 * 16.
 */
export let waiting: u32 = 0;
/** The image of the lists that go to a piece, one behind the other. */
export let image: u32 = 0;
/** The copy of an outcome: frames, parts, arena. */
export let outFrames: u32 = 0;
export let outParts: u32 = 0;
export let outArena: u32 = 0;
/** Frames that go on, {@link PASSED} bytes each: row; edge | shape << 16; skips. */
export let passed: u32 = 0;
/** Words for results of a call besides its return value. */
export let results: u32 = 0;

export const WAITING: u32 = 12;
export const PASSED: u32 = 12;

export function setRows(
  startsAt: u32,
  lengthsAt: u32,
  partCountsAt: u32,
  referencesAt: u32,
  hopsAt: u32,
  partsAt: u32,
  partsSize: u32,
  small: u32,
  smallSize: u32,
  largeSize: u32,
  head: u32,
): void {
  starts = startsAt;
  lengths = lengthsAt;
  partCounts = partCountsAt;
  references = referencesAt;
  hopCounts = hopsAt;
  partTables = partsAt;
  partTableSize = partsSize;
  smallRows = small;
  smallRoom = smallSize;
  largeRoom = largeSize;
  headroom = head;
}

export function setWorkbench(
  waitingAt: u32,
  imageAt: u32,
  outFramesAt: u32,
  outPartsAt: u32,
  outArenaAt: u32,
  passedAt: u32,
  resultsAt: u32,
): void {
  waiting = waitingAt;
  image = imageAt;
  outFrames = outFramesAt;
  outParts = outPartsAt;
  outArena = outArenaAt;
  passed = passedAt;
  results = resultsAt;
}

export function roomStart(row: u32): u32 {
  return row < smallRows ? row * smallRoom : smallRows * smallRoom + (row - smallRows) * largeRoom;
}

export function roomEnd(row: u32): u32 {
  return roomStart(row) + (row < smallRows ? smallRoom : largeRoom);
}

/** Results of {@link lower}: addresses of the lists, parts, bytes of the arena, the largest hop count. */
export const PARTS_AT: u32 = 0;
export const ARENA_AT: u32 = 4;
export const PARTS: u32 = 8;
export const ARENA: u32 = 12;
export const HOPS: u32 = 16;
/**
 * Results of {@link lift}: bytes in the frames of the outcome so far, and frames whose Shape the host has to
 * check.
 */
export const BYTES_OUT: u32 = 20;
export const UNMATCHED: u32 = 24;
