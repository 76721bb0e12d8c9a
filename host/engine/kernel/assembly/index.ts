/*
 * The frame kernel: what crossing into a piece and out of it costs for each frame, as code of the host's own
 * that runs in the memory of a lane. It reads and writes the lane's tables by address, where JavaScript would
 * test an array at each access.
 *
 * It is trusted, and small; it has no memory of its own, no data, and imports nothing but the lane's memory.
 * It never sees the memory of a piece: the host brings images of the lists that cross, in blocks. It is
 * compiled by tools/build-kernel.mjs to dist/kernel/frame-kernel.wasm, and called by ../frame-kernel.ts.
 */

export { lift } from './lift';
export { lower } from './lower';
export { settle } from './settle';
export { setRows, setWorkbench } from './tables';
