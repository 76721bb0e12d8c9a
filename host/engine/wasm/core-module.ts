import { BinaryReader } from './binary-reader.ts';
import { ComponentError } from './component-error.ts';
import { OP, readInstruction } from './instruction.ts';
import { readValueType } from './value-type.ts';

/** The kinds of item that a core module imports and exports. */
export type CoreSort = 'core-func' | 'core-table' | 'core-memory' | 'core-global' | 'core-tag';

/** The facts about a core module that linking and rewriting need. */
export interface CoreModule {
  readonly bytes: Uint8Array;
  /** All sections except custom ones, which are not needed to run. */
  readonly sections: readonly CoreSection[];
  readonly types: readonly FunctionType[];
  readonly imports: readonly CoreImport[];
  readonly exports: ReadonlyMap<string, CoreExport>;
  /** The type of each function, imported ones first. */
  readonly functionTypes: readonly number[];
  readonly importedFunctions: number;
  readonly importedGlobals: number;
  readonly importedMemories: number;
  /** The memories that it defines, in pages of 64 KiB. */
  readonly definedMemories: readonly ResizeLimits[];
  readonly importedTables: number;
  /** The tables that it defines, in entries. */
  readonly definedTables: readonly ResizeLimits[];
  /** The number of global variables, function tags and data segments that it defines. */
  readonly smallItems: number;
  /** The bytes of its data segments, or a few more. */
  readonly dataBytes: number;
  /** The entries of each of its element segments. */
  readonly segmentLengths: readonly number[];
  /** Whether it has a start function. */
  readonly hasStart: boolean;
}

export interface CoreSection {
  readonly id: number;
  readonly start: number;
  readonly end: number;
}

/** A signature, such as `f64 i32 -> i32`, with the numbers of its parameters and results. */
export interface FunctionType {
  readonly signature: string;
  readonly parameters: number;
  readonly results: number;
}

export interface CoreImport {
  readonly module: string;
  readonly name: string;
  readonly sort: CoreSort;
  /** The signature of a function. */
  readonly signature: string | undefined;
  /** Its sort and type, without its names: a range of the module's bytes. */
  readonly start: number;
  readonly end: number;
}

export interface CoreExport {
  readonly sort: CoreSort;
  /** Its place in the index space of its sort. */
  readonly index: number;
  /** Its place among the exports. */
  readonly place: number;
}

/**
 * Reads a core module, which the engine must have validated before.
 *
 * @throws {ComponentError} FT_COMPONENT_UNSUPPORTED for features newer than this host, or
 * FT_COMPONENT_INVALID.
 */
export function readCoreModule(bytes: Uint8Array): CoreModule {
  const sections = readSections(bytes);
  const types: FunctionType[] = [];
  const imports: CoreImport[] = [];
  const functionTypes: number[] = [];
  const imported = { 'core-func': 0, 'core-table': 0, 'core-memory': 0, 'core-global': 0, 'core-tag': 0 };
  const exports = new Map<string, CoreExport>();
  const definedMemories: ResizeLimits[] = [];
  const definedTables: ResizeLimits[] = [];
  let smallItems = 0;
  let dataBytes = 0;
  const segmentLengths: number[] = [];
  for (const section of sections) {
    const reader = new BinaryReader(bytes, section.start, section.end);
    switch (section.id) {
      case SECTION.type:
        for (let left = reader.count(); left > 0; left--) types.push(readFunctionType(reader));
        break;
      case SECTION.import:
        for (let left = reader.count(); left > 0; left--) {
          const module = reader.name();
          const name = reader.name();
          const { at: start } = reader;
          const sort = readCoreSort(reader);
          imported[sort]++;
          let signature: string | undefined;
          if (sort === 'core-func') {
            const type = reader.u32();
            functionTypes.push(type);
            signature = types[type]?.signature ?? reader.fail('imports a function of unknown type');
          } else skipImportType(reader, sort);
          imports.push({ module, name, sort, signature, start, end: reader.at });
        }
        break;
      case SECTION.function:
        for (let left = reader.count(); left > 0; left--) functionTypes.push(reader.u32());
        break;
      case SECTION.table:
        for (let left = reader.count(); left > 0; left--) {
          readValueType(reader);
          definedTables.push(readLimits(reader));
        }
        break;
      case SECTION.memory:
        for (let left = reader.count(); left > 0; left--) definedMemories.push(readLimits(reader));
        break;
      case SECTION.data:
        dataBytes += section.end - section.start;
        smallItems += reader.count();
        break;
      case SECTION.global:
      case SECTION.tag:
        smallItems += reader.count();
        break;
      case SECTION.element:
        for (let left = reader.count(); left > 0; left--) segmentLengths.push(readSegmentLength(reader));
        break;
      case SECTION.export:
        for (let left = reader.count(); left > 0; left--) {
          const place = exports.size;
          exports.set(reader.name(), { sort: readCoreSort(reader), index: reader.u32(), place });
        }
        break;
    }
  }
  return {
    bytes,
    sections,
    types,
    imports,
    exports,
    functionTypes,
    importedFunctions: imported['core-func'],
    importedGlobals: imported['core-global'],
    importedMemories: imported['core-memory'],
    definedMemories,
    importedTables: imported['core-table'],
    definedTables,
    smallItems,
    dataBytes,
    segmentLengths,
    hasStart: sections.some(({ id }) => id === SECTION.start),
  };
}

/** Section ids of the core binary format. */
export const SECTION = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
  dataCount: 12,
  tag: 13,
} as const;

/** The signature of an exported function; undefined if no function has that name. */
export function exportedSignature(module: CoreModule, name: string): string | undefined {
  const found = module.exports.get(name);
  if (found?.sort !== 'core-func') return undefined;
  const type = module.functionTypes[found.index];
  return type === undefined ? undefined : module.types[type]?.signature;
}

/** The initial and the maximal size of a memory or table; without a bound if `maximum` is undefined. */
export interface ResizeLimits {
  readonly minimum: number;
  readonly maximum: number | undefined;
}

/** Reads the limits of a memory or table. Shared and 64-bit ones are refused. */
export function readLimits(reader: BinaryReader): ResizeLimits {
  const offset = reader.at;
  const flags = reader.byte();
  if (flags > 1) unsupported('has a shared or 64-bit memory or table', offset);
  const minimum = reader.u32();
  return { minimum, maximum: flags === 1 ? reader.u32() : undefined };
}

function readSections(bytes: Uint8Array): CoreSection[] {
  const reader = new BinaryReader(bytes);
  reader.skip(8);
  const sections: CoreSection[] = [];
  while (!reader.isAtEnd) {
    const offset = reader.at;
    const id = reader.byte();
    if (id > SECTION.tag) unsupported(`has a section ${id}, which is newer than this host`, offset);
    const { at: start, end } = reader.part(reader.u32());
    if (id !== SECTION.custom) sections.push({ id, start, end });
  }
  return sections;
}

function readFunctionType(reader: BinaryReader): FunctionType {
  const offset = reader.at;
  if (reader.byte() !== 0x60) unsupported('defines types other than those of functions', offset);
  const parameters: string[] = [];
  for (let left = reader.count(); left > 0; left--) parameters.push(readValueType(reader));
  const results: string[] = [];
  for (let left = reader.count(); left > 0; left--) results.push(readValueType(reader));
  return {
    signature: [...parameters, '->', ...results].join(' '),
    parameters: parameters.length,
    results: results.length,
  };
}

/** Skips an element segment; see {@link rewriteModule} for its forms. */
function readSegmentLength(reader: BinaryReader): number {
  const flags = reader.u32();
  const isActive = (flags & 1) === 0;
  const isExplicit = (flags & 2) !== 0;
  if (isActive) {
    if (isExplicit) reader.u32();
    skipConstantExpression(reader);
  }
  if (!isActive || isExplicit) reader.byte();
  const length = reader.count();
  for (let left = length; left > 0; left--) {
    if ((flags & 4) === 0) reader.u32();
    else skipConstantExpression(reader);
  }
  return length;
}

function skipConstantExpression(reader: BinaryReader): void {
  while (readInstruction(reader) !== OP.end);
}

const SORT_BY_KIND: readonly CoreSort[] = [
  'core-func',
  'core-table',
  'core-memory',
  'core-global',
  'core-tag',
];

function readCoreSort(reader: BinaryReader): CoreSort {
  const offset = reader.at;
  return SORT_BY_KIND[reader.byte()] ?? unsupported('imports or exports an unknown sort of item', offset);
}

function skipImportType(reader: BinaryReader, sort: CoreSort): void {
  switch (sort) {
    case 'core-table':
      readValueType(reader);
      readLimits(reader);
      return;
    case 'core-memory':
      readLimits(reader);
      return;
    case 'core-global':
      readValueType(reader);
      reader.byte();
      return;
    default:
      reader.byte();
      reader.u32();
  }
}

function unsupported(what: string, offset: number): never {
  throw new ComponentError('FT_COMPONENT_UNSUPPORTED', `a core module ${what}, at byte ${offset} of it`, {
    offset,
  });
}
