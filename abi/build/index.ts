// Makes components: `import { buildPiece } from 'funnel-tunnel/build'`. It needs the packages assemblyscript
// and jco-transpile.

export { BuildError, buildPiece } from './build-piece.ts';
export { makeComponent } from './make-component.ts';
