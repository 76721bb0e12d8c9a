import type { WitFunction, WitType } from './wit-type.ts';

/**
 * The place of a value in memory. Source: Component Model, CanonicalABI.md, "Alignment" and "Element Size".
 */
export interface Layout {
  size: number;
  align: number;
  /** The offsets of the fields of a record or tuple, in their order. */
  offsets: readonly number[];
  /** For a type with cases: bytes of the discriminant, and the offset of the payload. For flags: bytes. */
  discriminantSize: number;
  payloadOffset: number;
}

export function layoutOf(type: WitType): Layout {
  switch (type.kind) {
    case 'bool':
    case 's8':
    case 'u8':
      return plain(1);
    case 's16':
    case 'u16':
      return plain(2);
    case 's32':
    case 'u32':
    case 'f32':
    case 'char':
      return plain(4);
    case 's64':
    case 'u64':
    case 'f64':
      return plain(8);
    case 'string':
    case 'list':
      return { ...plain(4), size: 8 };
    case 'flags': {
      if (type.labels.length > 32) throw new Error('more than 32 flags have no layout of one word');
      return plain(type.labels.length <= 8 ? 1 : type.labels.length <= 16 ? 2 : 4);
    }
    case 'record':
    case 'tuple': {
      let size = 0;
      let align = 1;
      const offsets: number[] = [];
      for (const field of type.fields) {
        const inner = layoutOf(field.type);
        size = alignedTo(size, inner.align);
        offsets.push(size);
        size += inner.size;
        align = Math.max(align, inner.align);
      }
      return { size: alignedTo(size, align), align, offsets, discriminantSize: 0, payloadOffset: 0 };
    }
    default: {
      const discriminantSize = type.cases.length <= 256 ? 1 : type.cases.length <= 65_536 ? 2 : 4;
      let size = 0;
      let payloadAlign = 1;
      for (const { type: payload } of type.cases) {
        if (payload === undefined) continue;
        const inner = layoutOf(payload);
        size = Math.max(size, inner.size);
        payloadAlign = Math.max(payloadAlign, inner.align);
      }
      const payloadOffset = alignedTo(discriminantSize, payloadAlign);
      const align = Math.max(discriminantSize, payloadAlign);
      return {
        size: alignedTo(payloadOffset + size, align),
        align,
        offsets: [],
        discriminantSize,
        payloadOffset,
      };
    }
  }
}

export type CoreType = 'i32' | 'i64' | 'f32' | 'f64';

/** The core values that a value becomes as an argument. Source: CanonicalABI.md, "Flattening". */
export function flatten(type: WitType): CoreType[] {
  switch (type.kind) {
    case 's64':
    case 'u64':
      return ['i64'];
    case 'f32':
      return ['f32'];
    case 'f64':
      return ['f64'];
    case 'string':
    case 'list':
      return ['i32', 'i32'];
    case 'record':
    case 'tuple':
      return type.fields.flatMap((field) => flatten(field.type));
    case 'enum':
    case 'variant':
    case 'option':
    case 'result': {
      const joined: CoreType[] = [];
      for (const { type: payload } of type.cases) {
        if (payload === undefined) continue;
        flatten(payload).forEach((core, i) => {
          const other = joined[i];
          joined[i] = other === undefined ? core : join(other, core);
        });
      }
      return ['i32', ...joined];
    }
    default:
      return ['i32'];
  }
}

export interface CoreSignature {
  params: readonly CoreType[];
  results: readonly CoreType[];
  /**
   * The result stands in memory: its address is the core result of an export, and the last core argument of
   * an import.
   */
  isIndirect: boolean;
}

/** Source: CanonicalABI.md, `flatten_functype`. */
export function coreSignature(func: WitFunction, side: 'import' | 'export'): CoreSignature {
  const params = func.params.flatMap((param) => flatten(param.type));
  if (params.length > MAX_FLAT_PARAMS)
    throw new Error(`${func.name} has more than ${MAX_FLAT_PARAMS} core arguments`);
  const results = func.result === undefined ? [] : flatten(func.result);
  if (results.length <= MAX_FLAT_RESULTS) return { params, results, isIndirect: false };
  return side === 'export'
    ? { params, results: ['i32'], isIndirect: true }
    : { params: [...params, 'i32'], results: [], isIndirect: true };
}

/** Whether a value of this type has a list or a string in it, for which the callee makes room. */
export function hasList(type: WitType): boolean {
  switch (type.kind) {
    case 'string':
    case 'list':
      return true;
    case 'record':
    case 'tuple':
      return type.fields.some((field) => hasList(field.type));
    case 'enum':
    case 'variant':
    case 'option':
    case 'result':
      return type.cases.some(({ type: payload }) => payload !== undefined && hasList(payload));
    default:
      return false;
  }
}

export function alignedTo(offset: number, align: number): number {
  return Math.ceil(offset / align) * align;
}

const MAX_FLAT_PARAMS = 16;
const MAX_FLAT_RESULTS = 1;

function plain(size: number): Layout {
  return { size, align: size, offsets: [], discriminantSize: size, payloadOffset: 0 };
}

function join(a: CoreType, b: CoreType): CoreType {
  if (a === b) return a;
  return (a === 'i32' && b === 'f32') || (a === 'f32' && b === 'i32') ? 'i32' : 'i64';
}
