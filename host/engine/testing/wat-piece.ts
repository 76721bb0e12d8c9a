import { makeComponentOfText } from '../../../abi/build/make-component-of-text.ts';
import { EXPORT_NAMES, EXPORTS, type ExportName, IMPORTS } from '../../../abi/host/contract.ts';
import type { HostFunctionName } from '../component/grants.ts';

/** A piece in WebAssembly text. A test gives only the fields that matter to it. */
export interface WatPiece {
  /** Functions of the host, callable as `$log`, `$random`, … */
  readonly imports?: readonly HostFunctionName[];
  /** The limits of the memory, in pages. */
  readonly memory?: string;
  /** Fields of the module, such as `(global …)` or `(func $helper …)`. */
  readonly fields?: string;
  /**
   * Instructions of exports, with parameters by number. Exports that are left out return zeros: success, or
   * nothing.
   */
  readonly bodies?: Partial<Record<ExportName | 'realloc' | 'initialize' | `${ExportName}_post`, string>>;
}

/** Makes a component of it, with shim and fixup modules if its imports need them. */
export function watPiece(piece: WatPiece = {}): Promise<Uint8Array> {
  return makeComponentOfText(watOf(piece));
}

/** The address of results of zeros, and the first address that `cabi_realloc` returns. */
const ZEROS = 1024;
const HEAP = 4096;

/** Instructions of a `cabi_realloc` that allocates and never frees. */
export const BUMP_ALLOCATOR = `
  (global.set $heap (i32.and
    (i32.add (global.get $heap) (i32.sub (local.get 2) (i32.const 1)))
    (i32.sub (i32.const 0) (local.get 2))))
  (global.get $heap)
  (global.set $heap (i32.add (global.get $heap) (local.get 3)))`;

function watOf({ imports = [], memory = '1', fields = '', bodies = {} }: WatPiece): string {
  const lines = imports.map((name) => {
    const { interface: from, name: imported, params, results } = IMPORTS[name];
    return `(import "cm32p2|${from.replace(/\.\d+$/, '')}" "${imported}" (func $${name} ${signature(params, results)}))`;
  });
  lines.push(
    `(memory (export "cm32p2_memory") ${memory})`,
    `(global $heap (mut i32) (i32.const ${HEAP}))`,
    fields,
  );
  for (const key of EXPORT_NAMES) {
    const { interface: from, name, params, results } = EXPORTS[key];
    const exported = `cm32p2|${from.replace(/\.\d+$/, '')}|${name}`;
    const zeros = results.length > 0 ? `(i32.const ${ZEROS})` : '';
    lines.push(`(func (export "${exported}") ${signature(params, results)} ${bodies[key] ?? zeros})`);
    lines.push(`(func (export "${exported}_post") ${signature(results, [])} ${bodies[`${key}_post`] ?? ''})`);
  }
  const realloc = bodies.realloc ?? BUMP_ALLOCATOR;
  lines.push(`(func (export "cm32p2_realloc") (param i32 i32 i32 i32) (result i32) ${realloc})`);
  if (bodies.initialize !== undefined) lines.push(`(func (export "cm32p2_initialize") ${bodies.initialize})`);
  return `(module ${lines.join('\n')})`;
}

function signature(params: readonly string[], results: readonly string[]): string {
  return `(param ${params.join(' ')}) (result ${results.join(' ')})`;
}
