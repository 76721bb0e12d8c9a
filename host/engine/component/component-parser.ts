import { ComponentError } from '../wasm/component-error.ts';
import type { CoreSort } from '../wasm/core-module.ts';
import type { CanonOptions, CoreArgument, Definition, Named, Sort } from './component-definitions.ts';
import { ComponentReader } from './component-reader.ts';
import { checkNestedPreamble, checkPreamble } from './preamble.ts';

/**
 * Reads the sections of a component, and of those nested in it.
 *
 * @throws {ComponentError} FT_COMPONENT_INVALID, FT_COMPONENT_TOO_LARGE, FT_COMPONENT_UNSUPPORTED.
 * @see https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md
 */
export function parseComponent(bytes: Uint8Array): readonly Definition[] {
  checkPreamble(bytes);
  return parseDefinitions(new ComponentReader(bytes, { items: 0 }), 0);
}

/** Components nested deeper are refused. The known tools nest one or two deep. */
const MAX_NESTING = 16;

/** Reads a component, starting with its preamble. */
function parseDefinitions(reader: ComponentReader, depth: number): Definition[] {
  if (depth > MAX_NESTING) {
    throw new ComponentError(
      'FT_COMPONENT_TOO_LARGE',
      `components are nested more than ${MAX_NESTING} deep, at byte ${reader.at}`,
      { offset: reader.at },
    );
  }
  if (depth > 0) checkNestedPreamble(reader);
  else reader.skip(8);
  const definitions: Definition[] = [];
  while (!reader.isAtEnd) {
    const offset = reader.at;
    const id = reader.byte();
    reader.countItems(1);
    const section = reader.section(reader.u32());
    if (id === SECTION_CUSTOM) continue;
    if (id === SECTION_CORE_MODULE) {
      definitions.push({ kind: 'core-module', offset, start: section.at, end: section.end });
    } else if (id === SECTION_COMPONENT) {
      definitions.push({ kind: 'component', offset, definitions: parseDefinitions(section, depth + 1) });
    } else {
      parseSection(id, offset, section, definitions);
    }
  }
  return definitions;
}

const SECTION_CUSTOM = 0;
const SECTION_CORE_MODULE = 1;
const SECTION_CORE_INSTANCE = 2;
const SECTION_CORE_TYPE = 3;
const SECTION_COMPONENT = 4;
const SECTION_INSTANCE = 5;
const SECTION_ALIAS = 6;
const SECTION_TYPE = 7;
const SECTION_CANON = 8;
const SECTION_START = 9;
const SECTION_IMPORT = 10;
const SECTION_EXPORT = 11;
const SECTION_VALUE = 12;

/** The sections that are vectors of definitions. */
function parseSection(id: number, offset: number, section: ComponentReader, definitions: Definition[]): void {
  switch (id) {
    case SECTION_CORE_TYPE:
      definitions.push({ kind: 'types', offset, sort: 'core-type', count: section.count() });
      return;
    case SECTION_TYPE:
      definitions.push({ kind: 'types', offset, sort: 'type', count: section.count() });
      return;
    case SECTION_START:
      unsupported('has a start section of the Component Model', offset);
      break;
    case SECTION_VALUE:
      unsupported('holds values of the Component Model', offset);
  }
  const parse = VECTOR_SECTIONS.get(id);
  if (parse === undefined) section.fail(`has a section of unknown kind ${id}`, offset);
  for (let left = section.items(); left > 0; left--) definitions.push(parse(section));
  section.finish(`section of kind ${id}`);
}

const VECTOR_SECTIONS: ReadonlyMap<number, (reader: ComponentReader) => Definition> = new Map([
  [SECTION_CORE_INSTANCE, parseCoreInstance],
  [SECTION_INSTANCE, parseInstance],
  [SECTION_ALIAS, parseAlias],
  [SECTION_CANON, parseCanon],
  [SECTION_IMPORT, parseImport],
  [SECTION_EXPORT, parseExport],
]);

function parseCoreInstance(reader: ComponentReader): Definition {
  const offset = reader.at;
  const form = reader.byte();
  if (form === 0) {
    const module = reader.u32();
    const args: CoreArgument[] = [];
    for (let left = reader.items(); left > 0; left--) {
      const name = reader.name();
      if (reader.byte() !== 0x12)
        reader.fail('gives a core module something other than an instance', reader.at - 1);
      args.push({ name, instance: reader.u32() });
    }
    return { kind: 'core-instance', offset, module, args };
  }
  if (form !== 1) reader.fail('has a core instance of unknown form', offset);
  const exports: Named<CoreSort>[] = [];
  for (let left = reader.items(); left > 0; left--) {
    exports.push({ name: reader.name(), sort: parseCoreItemSort(reader), index: reader.u32() });
  }
  return { kind: 'core-bundle', offset, exports };
}

function parseInstance(reader: ComponentReader): Definition {
  const offset = reader.at;
  const form = reader.byte();
  if (form === 0) {
    const component = reader.u32();
    const args: Named<Sort>[] = [];
    for (let left = reader.items(); left > 0; left--) {
      args.push({ name: reader.name(), sort: parseSort(reader), index: reader.u32() });
    }
    return { kind: 'instance', offset, component, args };
  }
  if (form !== 1) reader.fail('has an instance of unknown form', offset);
  const exports: Named<Sort>[] = [];
  for (let left = reader.items(); left > 0; left--) {
    exports.push({ name: parseExternName(reader), sort: parseSort(reader), index: reader.u32() });
  }
  return { kind: 'bundle', offset, exports };
}

function parseAlias(reader: ComponentReader): Definition {
  const offset = reader.at;
  const sort = parseSort(reader);
  const target = reader.byte();
  switch (target) {
    case 0:
      return { kind: 'alias-export', offset, sort, instance: reader.u32(), name: reader.name() };
    case 1:
      if (!isCoreItemSort(sort)) reader.fail(`takes a ${sort} out of a core instance`, offset);
      return { kind: 'alias-core-export', offset, sort, instance: reader.u32(), name: reader.name() };
    case 2:
      return { kind: 'alias-outer', offset, sort, levels: reader.u32(), index: reader.u32() };
    default:
      return reader.fail('has an alias of unknown form', offset);
  }
}

function parseCanon(reader: ComponentReader): Definition {
  const offset = reader.at;
  const form = reader.byte();
  switch (form) {
    case 0: {
      if (reader.byte() !== 0) reader.fail('lifts something other than a function', reader.at - 1);
      const coreFunction = reader.u32();
      return { kind: 'lift', offset, coreFunction, options: parseCanonOptions(reader), type: reader.u32() };
    }
    case 1:
      if (reader.byte() !== 0) reader.fail('lowers something other than a function', reader.at - 1);
      return { kind: 'lower', offset, function: reader.u32(), options: parseCanonOptions(reader) };
    case 2:
    case 3:
    case 4:
      return unsupported(`defines resources (resource.${['new', 'drop', 'rep'][form - 2]})`, offset);
    default:
      return unsupported(
        `uses built-in 0x${form.toString(16)} of the Component Model (asynchronous calls or threads)`,
        offset,
      );
  }
}

function parseCanonOptions(reader: ComponentReader): CanonOptions {
  let encoding: CanonOptions['encoding'] = 'utf8';
  let memory: number | undefined;
  let realloc: number | undefined;
  let postReturn: number | undefined;
  for (let left = reader.items(); left > 0; left--) {
    const offset = reader.at;
    const option = reader.byte();
    switch (option) {
      case 0:
        encoding = 'utf8';
        break;
      case 1:
        encoding = 'utf16';
        break;
      case 2:
        encoding = 'latin1+utf16';
        break;
      case 3:
        memory = reader.u32();
        break;
      case 4:
        realloc = reader.u32();
        break;
      case 5:
        postReturn = reader.u32();
        break;
      case 6:
      case 7:
        return unsupported('has an asynchronous function', offset);
      default:
        return unsupported(`lifts or lowers a function with unknown option ${option}`, offset);
    }
  }
  return { encoding, memory, realloc, postReturn };
}

function parseImport(reader: ComponentReader): Definition {
  const offset = reader.at;
  const name = parseExternName(reader);
  return { kind: 'import', offset, name, sort: parseExternDescription(reader) };
}

function parseExport(reader: ComponentReader): Definition {
  const offset = reader.at;
  const name = parseExternName(reader);
  const sort = parseSort(reader);
  const index = reader.u32();
  const described = reader.byte();
  if (described > 1) reader.fail('has an export of unknown form', reader.at - 1);
  if (described === 1) parseExternDescription(reader);
  return { kind: 'export', offset, name, sort, index };
}

/** The name of an import or export; the two older forms carry no other meaning here. */
function parseExternName(reader: ComponentReader): string {
  const offset = reader.at;
  const form = reader.byte();
  if (form > 2) reader.fail('has an import or export with a name of unknown form', offset);
  const name = reader.name();
  if (form === 2) {
    for (let left = reader.items(); left > 0; left--) {
      reader.byte();
      reader.name();
    }
  }
  return name;
}

/** The sort of an import, or the stated sort of an export. */
function parseExternDescription(reader: ComponentReader): Sort {
  const offset = reader.at;
  const form = reader.byte();
  switch (form) {
    case 0:
      if (reader.byte() !== 0x11) reader.fail('imports a core item that is not a module', reader.at - 1);
      reader.u32();
      return 'core-module';
    case 1:
      reader.u32();
      return 'func';
    case 2:
      return unsupported('imports or exports a value', offset);
    case 3: {
      const bound = reader.byte();
      if (bound > 1) reader.fail('has a type with an unknown bound', reader.at - 1);
      if (bound === 0) reader.u32();
      return 'type';
    }
    case 4:
      reader.u32();
      return 'component';
    case 5:
      reader.u32();
      return 'instance';
    default:
      return reader.fail('imports or exports something of unknown sort', offset);
  }
}

const CORE_SORTS: ReadonlyMap<number, Sort> = new Map([
  [0x00, 'core-func'],
  [0x01, 'core-table'],
  [0x02, 'core-memory'],
  [0x03, 'core-global'],
  [0x04, 'core-tag'],
  [0x10, 'core-type'],
  [0x11, 'core-module'],
  [0x12, 'core-instance'],
]);
const SORTS: readonly (Sort | undefined)[] = [undefined, 'func', 'value', 'type', 'component', 'instance'];

function parseSort(reader: ComponentReader): Sort {
  const offset = reader.at;
  const form = reader.byte();
  const sort = form === 0 ? CORE_SORTS.get(reader.byte()) : SORTS[form];
  return sort ?? reader.fail('names something of unknown sort', offset);
}

/** The sort of an item that a core instance exports. */
function parseCoreItemSort(reader: ComponentReader): CoreSort {
  const offset = reader.at;
  const sort = CORE_SORTS.get(reader.byte());
  if (sort === undefined || !isCoreItemSort(sort)) reader.fail('names a core item of unknown sort', offset);
  return sort;
}

function isCoreItemSort(sort: Sort): sort is CoreSort {
  return (
    sort === 'core-func' ||
    sort === 'core-table' ||
    sort === 'core-memory' ||
    sort === 'core-global' ||
    sort === 'core-tag'
  );
}

function unsupported(what: string, offset: number): never {
  throw new ComponentError(
    'FT_COMPONENT_UNSUPPORTED',
    `the component ${what}, at byte ${offset}, which this host does not support; build it without`,
    {
      offset,
    },
  );
}
