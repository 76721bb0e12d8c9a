import { MAX_EDGES } from './generated';

// The joined pairs in the order of joining: Edge | Shape << 16, and the described Edge.
const CAPACITY: i32 = 1024;
const joinedAt: usize = memory.data(CAPACITY * 4, 4);
const describedAt: usize = memory.data(MAX_EDGES * 2, 2);
let count: i32 = 0;

/** How many pairs of an Edge and a Shape are joined. */
export function joinedCount(): i32 {
  return count;
}

/** The Edge of the i-th pair. */
export function joinedEdge(i: i32): u16 {
  return load<u16>(joinedAt + i * 4);
}

/** The Shape of the i-th pair. */
export function joinedShape(i: i32): u16 {
  return load<u16>(joinedAt + i * 4, 2);
}

/** Whether this Shape of this Edge is joined. */
export function isJoined(edge: u16, shape: u16): bool {
  return find(edge, shape) >= 0;
}

/** The described Edge of an Edge of a frame; -1 if it was never joined. */
export function describedEdge(edge: u16): i32 {
  return <i32>edge < MAX_EDGES ? <i32>load<u16>(describedAt + <i32>edge * 2) - 1 : -1;
}

/**
 * The number of a described Edge that is joined, the first if it is repeated; -1 if it is not joined.
 */
export function edgeOf(described: i32): i32 {
  for (let i = 0; i < count; i++) if (describedEdge(joinedEdge(i)) == described) return joinedEdge(i);
  return -1;
}

/**
 * For the SDK, before anything is joined: touches the tables, so that joining does not wait for their pages.
 */
export function touchEdges(): void {
  store<u32>(joinedAt, 0);
  store<u16>(describedAt, 0);
}

/** For the SDK: adds a join. False if there is no room. */
export function addJoined(edge: u16, shape: u16, described: u16): bool {
  if (<i32>edge >= MAX_EDGES) return false;
  if (find(edge, shape) < 0) {
    if (count == CAPACITY) return false;
    store<u32>(joinedAt + count * 4, <u32>edge | ((<u32>shape) << 16));
    count++;
  }
  store<u16>(describedAt + <i32>edge * 2, described + 1);
  return true;
}

/** For the SDK: removes a join. */
export function removeJoined(edge: u16, shape: u16): void {
  const found = find(edge, shape);
  if (found < 0) return;
  count--;
  for (let i = found; i < count; i++) store<u32>(joinedAt + i * 4, load<u32>(joinedAt + (i + 1) * 4));
}

function find(edge: u16, shape: u16): i32 {
  const key = <u32>edge | ((<u32>shape) << 16);
  for (let i = 0; i < count; i++) if (load<u32>(joinedAt + i * 4) == key) return i;
  return -1;
}
