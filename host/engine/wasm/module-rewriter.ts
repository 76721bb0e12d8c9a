import { BinaryReader } from './binary-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { CompileCost, MOST_OPTIMIZING, mostUnits } from './compile-cost.ts';
import { ComponentError } from './component-error.ts';
import { type CoreModule, type CoreSection, type ResizeLimits, readLimits, SECTION } from './core-module.ts';
import { type Counter, writeCounting } from './counting-code.ts';
import { PLAIN_PRICES, type PriceFactors } from './fuel.ts';
import { OP, readInstruction } from './instruction.ts';
import { type Edit, meterFunction } from './metering.ts';
import { readValueType } from './value-type.ts';

/** A core module that counts its fuel and respects its caps; otherwise it behaves like the original. */
export interface RewrittenModule {
  /** Imports and exports have names by {@link itemName}. */
  readonly bytes: Uint8Array;
  /** Whether the code catches exceptions; see {@link PriceFactors.catches}. */
  readonly catches: boolean;
  /** The cost of its compilation; see {@link CompileCost}. */
  readonly compileUnits: number;
}

/**
 * The name of an import or export in a rewritten module: its place among the imports or exports of the
 * original. An instance looks up each of them by its name, and names of the original may be long.
 */
export function itemName(place: number): string {
  return String(place);
}

/** The module name of all imports that the original has. */
export const ITEMS_MODULE = '';
/** The module name of the imports in {@link FUEL_IMPORT}. */
export const FUEL_MODULE = 'fuel';

/** The imports that the rewriter adds, each a mutable global of type i32. */
export const FUEL_IMPORT = {
  /** The remaining units. */
  units: 'units',
  /** Set to 1 when the engine refused to grow a memory. */
  refused: 'refused',
} as const;

export interface ModuleCaps {
  /** Pages of 64 KiB. */
  readonly maxMemoryPages: number;
  readonly maxTableEntries: number;
  /** The most entries by which each table may grow; if left out, up to its cap. */
  readonly maxTableGrowth?: number;
  readonly prices?: PriceFactors;
}

/**
 * Inserts metering and caps into a core module that the engine has validated, and gives its imports and
 * exports other names.
 *
 * The counter becomes an imported global variable, so that all modules of an instance share it. No module can
 * name it, because the original was valid without it. It follows the other imported ones, together with the
 * mark of refused memory, so the global variables that the module defines move up by two.
 *
 * @throws {ComponentError} FT_COMPONENT_MEMORY if a memory or table starts above its cap,
 *   FT_COMPONENT_UNSUPPORTED.
 */
export function rewriteModule(module: CoreModule, caps: ModuleCaps): RewrittenModule {
  if (module.importedMemories + module.definedMemories.length > 1) {
    throw new ComponentError(
      'FT_COMPONENT_UNSUPPORTED',
      'a core module has several memories, but this host allows one; build the piece with one memory',
    );
  }
  const writer = new ByteWriter();
  writer.range(module.bytes, 0, PREAMBLE_BYTES);
  const findings: Findings = { catches: false, compileUnits: 0 };
  let importsAreWritten = false;
  for (const section of module.sections) {
    if (!importsAreWritten && section.id !== SECTION.type) {
      writeImports(module, writer);
      importsAreWritten = true;
      if (section.id === SECTION.import) continue;
    }
    writeSection(module, section, caps, writer, findings);
  }
  if (!importsAreWritten) writeImports(module, writer);
  return { bytes: writer.written.slice(), ...findings };
}

const PREAMBLE_BYTES = 8;

function writeImports(module: CoreModule, writer: ByteWriter): void {
  const content = new ByteWriter();
  content.u32(module.imports.length + OUR_GLOBALS);
  for (const [place, { start, end }] of module.imports.entries()) {
    content.name(ITEMS_MODULE);
    content.name(itemName(place));
    content.range(module.bytes, start, end);
  }
  for (const name of [FUEL_IMPORT.units, FUEL_IMPORT.refused]) {
    content.name(FUEL_MODULE);
    content.name(name);
    content.bytes([KIND_GLOBAL, TYPE_I32, MUTABLE]);
  }
  writeContent(SECTION.import, content, writer);
}

const OUR_GLOBALS = 2;
const KIND_GLOBAL = 3;
const TYPE_I32 = 0x7f;
const MUTABLE = 1;

function writeContent(id: number, content: ByteWriter, writer: ByteWriter): void {
  writer.byte(id);
  writer.u32(content.length);
  writer.bytes(content.written);
}

/** Sections without changes are copied. */
function writeSection(
  module: CoreModule,
  section: CoreSection,
  caps: ModuleCaps,
  writer: ByteWriter,
  findings: Findings,
): void {
  const rewrite = REWRITES.get(section.id);
  if (rewrite === undefined) {
    writer.byte(section.id);
    writer.u32(section.end - section.start);
    writer.range(module.bytes, section.start, section.end);
    return;
  }
  const reader = new BinaryReader(module.bytes, section.start, section.end);
  const content = new ByteWriter();
  const count = reader.count();
  content.u32(count);
  rewrite({ module, caps, reader, content, count, findings });
  reader.finish(`core section ${section.id}`);
  writeContent(section.id, content, writer);
}

/** The rewriter's findings about the code. */
interface Findings {
  catches: boolean;
  compileUnits: number;
}

interface Rewriting {
  readonly module: CoreModule;
  readonly caps: ModuleCaps;
  readonly reader: BinaryReader;
  readonly content: ByteWriter;
  /** The number of entries in the section. */
  readonly count: number;
  readonly findings: Findings;
}

const REWRITES: ReadonlyMap<number, (rewriting: Rewriting) => void> = new Map([
  [SECTION.table, rewriteTables],
  [SECTION.memory, rewriteMemories],
  [SECTION.global, rewriteGlobals],
  [SECTION.export, rewriteExports],
  [SECTION.element, rewriteElements],
  [SECTION.code, rewriteCode],
  [SECTION.data, rewriteData],
]);

/** The most tables of one module; more would be a way around the cap on entries. */
const MAX_TABLES = 16;

function rewriteTables({ caps, reader, content, count }: Rewriting): void {
  if (count > MAX_TABLES) {
    throw new ComponentError(
      'FT_COMPONENT_TOO_LARGE',
      `a core module has ${count} tables, but this host allows ${MAX_TABLES}; use another piece`,
    );
  }
  for (let left = count; left > 0; left--) {
    const start = reader.at;
    readValueType(reader);
    content.range(reader.bytes, start, reader.at);
    const { minimum, maximum } = capped(readLimits(reader), caps.maxTableEntries, 'table', 'entries');
    writeLimits(content, { minimum, maximum: Math.min(maximum, minimum + (caps.maxTableGrowth ?? maximum)) });
  }
}

function rewriteMemories({ caps, reader, content, count }: Rewriting): void {
  for (let left = count; left > 0; left--) {
    writeLimits(content, capped(readLimits(reader), caps.maxMemoryPages, 'memory', 'pages of 64 KiB'));
  }
}

function capped(
  limits: ResizeLimits,
  cap: number,
  what: string,
  unit: string,
): Required<ResizeLimits> & { maximum: number } {
  if (limits.minimum > cap) {
    throw new ComponentError(
      'FT_COMPONENT_MEMORY',
      `the component has a ${what} that starts with ${limits.minimum} ${unit}, but its limit is ${cap}; raise the limit of the piece, or use another component`,
    );
  }
  return { minimum: limits.minimum, maximum: Math.min(limits.maximum ?? cap, cap) };
}

function writeLimits(content: ByteWriter, limits: { minimum: number; maximum: number }): void {
  content.byte(1);
  content.u32(limits.minimum);
  content.u32(limits.maximum);
}

function rewriteGlobals({ module, reader, content, count }: Rewriting): void {
  for (let left = count; left > 0; left--) {
    const start = reader.at;
    readValueType(reader);
    reader.byte();
    content.range(reader.bytes, start, reader.at);
    copyConstantExpression(module, reader, content);
  }
}

function rewriteExports({ module, reader, content, count }: Rewriting): void {
  for (let place = 0; place < count; place++) {
    reader.name();
    const kind = reader.byte();
    content.name(itemName(place));
    content.byte(kind);
    const index = reader.u32();
    content.u32(kind === KIND_GLOBAL ? movedGlobal(module, index) : index);
  }
}

/**
 * The eight forms of an element segment: flags say whether it is passive, names its table, holds expressions.
 */
function rewriteElements({ module, reader, content, count }: Rewriting): void {
  for (let left = count; left > 0; left--) {
    const flags = reader.u32();
    content.u32(flags);
    const isActive = (flags & 1) === 0;
    const isExplicit = (flags & 2) !== 0;
    const holdsExpressions = (flags & 4) !== 0;
    if (isActive) {
      if (isExplicit) content.u32(reader.u32());
      copyConstantExpression(module, reader, content);
    }
    if (!isActive || isExplicit) {
      // The kind or the type of the elements. It is checked because newer types take more than this byte.
      const start = reader.at;
      if (holdsExpressions) readValueType(reader);
      else reader.byte();
      content.range(reader.bytes, start, reader.at);
    }
    const elements = reader.count();
    content.u32(elements);
    for (let i = 0; i < elements; i++) {
      if (holdsExpressions) copyConstantExpression(module, reader, content);
      else content.u32(reader.u32());
    }
  }
}

function rewriteData({ module, reader, content, count }: Rewriting): void {
  for (let left = count; left > 0; left--) {
    const flags = reader.u32();
    content.u32(flags);
    if (flags === 2) content.u32(reader.u32());
    if (flags !== 1) copyConstantExpression(module, reader, content);
    const start = reader.at;
    reader.skip(reader.u32());
    content.range(reader.bytes, start, reader.at);
  }
}

function copyConstantExpression(module: CoreModule, reader: BinaryReader, content: ByteWriter): void {
  for (;;) {
    const start = reader.at;
    const opcode = readInstruction(reader);
    if (opcode === OP.globalGet) {
      content.byte(opcode);
      content.u32(movedGlobal(module, new BinaryReader(reader.bytes, start + 1, reader.at).u32()));
    } else {
      content.range(reader.bytes, start, reader.at);
    }
    if (opcode === OP.end) return;
  }
}

function movedGlobal(module: CoreModule, index: number): number {
  return index < module.importedGlobals ? index : index + OUR_GLOBALS;
}

function rewriteCode({ module, caps, reader, content, count, findings }: Rewriting): void {
  const body = new ByteWriter();
  for (let i = 0; i < count; i++) {
    body.clear();
    const code = reader.part(reader.u32());
    const type = module.functionTypes[module.importedFunctions + i];
    const parameters = module.types[type ?? -1]?.parameters ?? code.fail('has code of unknown type');
    writeFunction(module, code, { parameters, prices: caps.prices ?? PLAIN_PRICES }, body, findings);
    content.u32(body.length);
    content.bytes(body.written);
  }
}

/**
 * Writes the body of one function: its locals, with one or two added behind them, and its code with the
 * edits.
 */
function writeFunction(
  module: CoreModule,
  code: BinaryReader,
  { parameters, prices }: { readonly parameters: number; readonly prices: PriceFactors },
  body: ByteWriter,
  findings: Findings,
): void {
  const bytes = code.end - code.at;
  const groups = code.count();
  const groupsStart = code.at;
  let locals = parameters;
  for (let left = groups; left > 0; left--) {
    locals += code.u32();
    readValueType(code);
  }
  const groupsEnd = code.at;
  const cost = new CompileCost(module, locals);
  const { segmentLengths } = module;
  const edits = meterFunction(code, { prices, segmentLengths, locals: locals - parameters, cost });
  cost.addCounts(edits.filter(isCount).length);
  if (cost.units > mostUnits(bytes) || cost.optimizing > MOST_OPTIMIZING) tooCostly(code.at, locals);
  findings.compileUnits += cost.units;
  findings.catches ||= cost.catches;
  const hasStretches = edits.some(({ kind }) => kind === 'count-stretch' || kind === 'note-refusal');

  body.u32(groups + 1);
  body.range(code.bytes, groupsStart, groupsEnd);
  body.u32(hasStretches ? 2 : 1);
  body.byte(TYPE_I32);

  const counter: Counter = {
    global: module.importedGlobals,
    refused: module.importedGlobals + 1,
    left: locals,
    length: locals + 1,
  };
  let copied = groupsEnd;
  for (const edit of edits) {
    body.range(code.bytes, copied, edit.at);
    copied = edit.kind === 'global' ? edit.end : edit.at;
    if (edit.kind === 'global') body.u32(movedGlobal(module, edit.index));
    else writeCounting(edit, counter, body);
  }
  body.range(code.bytes, copied, code.end);
}

function isCount({ kind }: Edit): boolean {
  return kind === 'count' || kind === 'count-stretch';
}

function tooCostly(at: number, locals: number): never {
  throw new ComponentError(
    'FT_COMPONENT_COSTLY',
    `a core module has a function of ${locals} locals, up to byte ${at} of it, with more branches, blocks and calls than the engine compiles in reasonable time; split the function, or use another piece`,
    { offset: at },
  );
}
