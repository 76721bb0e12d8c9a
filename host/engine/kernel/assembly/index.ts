/*
 * The frame kernel does the work for each frame that crosses into a piece or out of it. It is the host's own
 * code, and runs in the memory of a lane. It reads and writes the lane's tables by address, without the tests
 * that JavaScript makes at each access to an array.
 *
 * It is trusted, and small; it has no memory of its own, no data, and imports nothing but the lane's memory.
 * It never sees the memory of a piece: the host copies images of the lists that cross, in blocks. It is
 * compiled by tools/build-kernel.mjs to dist/kernel/frame-kernel.wasm, and called by ../frame-kernel.ts.
 */

export { lift } from './lift';
export { lower } from './lower';
export { settle } from './settle';
export { setRows, setWorkbench } from './tables';
