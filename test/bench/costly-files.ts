import { watPiece } from '../../host/engine/testing/wat-piece.ts';
import {
  type Bytes,
  body,
  coreModule,
  functions,
  I32,
  join,
  longName,
  NOTHING,
  repeated,
  section,
  u32,
  unusedItems,
  vector,
  vectorOf,
  withNested,
} from '../hostile/component-bytes.ts';

/**
 * Component files that cost as much to examine as a file of their kind may, or more: the last ones are
 * refused. Each is made when it is wanted.
 */
export const COSTLY_FILES: Readonly<Record<string, () => Promise<Uint8Array>>> = {
  'code-of-15-mib': () => withModule(code(11_000, repeated(180, [0x20, 0, 0x41, 1, 0x6a, 0x21, 0, 0x01]))),
  'data-of-15-mib': () =>
    withModule(
      coreModule(section(5, [1, 0, ...u32(250)]), section(11, [1, 0, 0x41, 0, 0x0b], bytesOf(15 * 2 ** 20))),
    ),
  '100-000-functions': () => withModule(code(99_000, [])),
  '19-000-exports': () => withModule(exporting(19_000)),
  '64-instances': () => withModule(code(1500, []), 60),
  'long-names': () => withModule(exporting(1900, 4000)),
  'names-of-30-instances': async () => withNested(await watPiece(), unusedItems(1500, 4000), 30),
  '49-000-unused-items': async () => withNested(await watPiece(), unusedItems(49_000, 1), 1),
  'too-many-types': () => withModule(coreModule(section(1, vectorOf(1_000_000, NOTHING)))),
  'too-many-segment-entries': () => withModule(coreModule(section(9, [1, 1, 0], vectorOf(2_000_000, [0])))),
};

/** A piece that does nothing, with one more core module that is instantiated this many times. */
async function withModule(module: Uint8Array, times = 1): Promise<Uint8Array> {
  return join(await watPiece(), section(1, module), section(2, vectorOf(times, [0, 1, 0])));
}

function code(count: number, instructions: Bytes): Uint8Array {
  const one = body([[1, I32]], instructions);
  return coreModule(
    ...functions(
      [NOTHING],
      Array.from({ length: count }, () => [0, one]),
    ),
  );
}

function exporting(count: number, length = 1): Uint8Array {
  const [types, declared, bodies] = functions([NOTHING], [[0, body([], [])]]);
  const exported = Array.from({ length: count }, (_, n) => [...longName(n, length), 0, 0]);
  return coreModule(types, declared, section(7, vector(exported)), bodies);
}

function bytesOf(length: number): Uint8Array {
  return join(u32(length), repeated(length, [7]));
}
