import { coreSignature, layoutOf } from './layout.ts';
import { LIMITS } from './limits.ts';
import { allTypes, constantCase, snakeCase } from './names.ts';
import type { WitFunction, WitInterface, WitType, World } from './wit-type.ts';

/** `abi/c/funnel.h`: the contract for a piece in C, compiled by clang for wasm32. */
export function emitC(world: World, docs: ReadonlyMap<string, string>): string {
  const emitter = new Emitter(docs);
  for (const [path, type] of allTypes(world)) emitter.named(path, type);
  const out = [
    '/* SPDX-License-Identifier: Apache-2.0 */',
    '/*',
    ' * The contract of a Puzzle Piece, for C. Generated from wit/funnel.wit by tools/generate-abi.mjs. Do not edit.',
    ' *',
    ' * Define the functions under "What a piece exports"; those under "What a piece may import" are the host\'s. Arguments belong to the piece:',
    ' * they were allocated by its cabi_realloc. A result stays as it is until the function ending in _returned was called, if the piece has one.',
    ' */',
    '#ifndef FUNNEL_H',
    '#define FUNNEL_H',
    '',
    '#include <stdbool.h>',
    '#include <stddef.h>',
    '#include <stdint.h>',
    '',
  ];
  for (const limit of LIMITS) {
    out.push(
      `/* ${limit.doc} */`,
      `#define FUNNEL_${limit.name.replace(/[A-Z]/g, (c) => `_${c}`).toUpperCase()} ${limit.value}u`,
    );
  }
  out.push('');
  const functions: string[] = ['/* What a piece exports. */', ''];
  functions.push(
    '/* Only the host calls it, to bring arguments. */',
    '__attribute__((export_name("cabi_realloc")))',
    'void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size);',
    '',
  );
  for (const iface of world.exports)
    for (const func of iface.functions) functions.push(...exported(emitter, iface, func, docs));
  functions.push('/* What a piece may import. */', '');
  for (const iface of world.imports)
    for (const func of iface.functions) functions.push(...imported(emitter, iface, func, docs));
  return `${[...out, ...emitter.declarations, ...functions, '#endif'].join('\n')}\n`;
}

class Emitter {
  readonly declarations: string[] = [];
  readonly #declared = new Set<string>();
  readonly #docs: ReadonlyMap<string, string>;

  constructor(docs: ReadonlyMap<string, string>) {
    this.#docs = docs;
  }

  named(path: string, type: WitType): void {
    const name = snakeCase(type.name!);
    this.#declared.add(name);
    const doc = comment(this.#docs.get(path), '');
    switch (type.kind) {
      case 'enum':
      case 'flags': {
        const labels = 'labels' in type ? type.labels : type.cases.map((c) => c.name);
        this.declarations.push(...doc, `typedef uint${layoutOf(type).size * 8}_t funnel_${name};`, 'enum {');
        for (const [i, label] of labels.entries()) {
          this.declarations.push(
            ...comment(this.#docs.get(`${path}/${label}`), '  '),
            `  FUNNEL_${constantCase(type.name!)}_${constantCase(label)} = ${type.kind === 'enum' ? i : 2 ** i},`,
          );
        }
        this.declarations.push('};', '');
        return;
      }
      case 'record': {
        // Names first: a list of a type that is not yet known must be declared before this struct begins.
        const types = type.fields.map((field) => this.typeName(field.type));
        const fields = type.fields.flatMap((field, i) => [
          ...comment(this.#docs.get(`${path}/${field.name}`), '  '),
          `  ${types[i]} ${fieldName(field.name)};`,
        ]);
        this.#struct(name, doc, fields, type);
        for (const [i, offset] of layoutOf(type).offsets.entries()) {
          const field = fieldName(type.fields[i]!.name);
          this.declarations.splice(
            -1,
            0,
            `_Static_assert(offsetof(funnel_${name}, ${field}) == ${offset}, "${name}.${field}");`,
          );
        }
        return;
      }
      case 'variant': {
        const members = type.cases.flatMap((c) =>
          c.type === undefined ? [] : [`${this.typeName(c.type)} ${fieldName(c.name)};`],
        );
        this.declarations.push('enum {');
        for (const [i, c] of type.cases.entries()) {
          this.declarations.push(
            ...comment(this.#docs.get(`${path}/${c.name}`), '  '),
            `  FUNNEL_${constantCase(type.name!)}_${constantCase(c.name)} = ${i},`,
          );
        }
        this.declarations.push('};', '');
        this.#struct(
          name,
          doc,
          ['  uint8_t tag;', '  union {', ...members.map((m) => `    ${m}`), '  };'],
          type,
        );
        return;
      }
      default:
        this.declarations.push(
          ...doc,
          `typedef ${this.typeName({ ...type, name: undefined } as WitType)} funnel_${name};`,
          '',
        );
    }
  }

  /** The C type; declares it first when it has no name of its own in the contract. */
  typeName(type: WitType): string {
    switch (type.kind) {
      case 'bool':
        return 'bool';
      case 'f64':
        return type.name === undefined ? 'double' : `funnel_${snakeCase(type.name)}`;
      case 'u8':
      case 'u16':
      case 'u32':
      case 'u64':
        return `uint${type.kind.slice(1)}_t`;
      case 's32':
        return 'int32_t';
      default:
        return `funnel_${this.#shortName(type)}`;
    }
  }

  #shortName(type: WitType): string {
    if (type.name !== undefined) return snakeCase(type.name);
    switch (type.kind) {
      case 'string':
        this.#once('string', type, ['  const char *at;', '  uint32_t length;'], '/* UTF-8. */');
        return 'string';
      case 'list': {
        const element = this.typeName(type.element);
        const name = `${element.replace(/^funnel_|_t$/g, '')}_list`;
        this.#once(name, type, [`  ${element} *at;`, '  uint32_t length;']);
        return name;
      }
      case 'tuple': {
        const members = type.fields.map((field) => this.typeName(field.type));
        const name = members.map((m) => m.replace(/^funnel_|_t$/g, '')).join('_and_');
        this.#once(
          name,
          type,
          members.map((m, i) => `  ${m} ${['first', 'second', 'third'][i]};`),
        );
        return name;
      }
      case 'option': {
        const some = this.typeName(type.cases[1]!.type!);
        const name = `optional_${some.replace(/^funnel_|_t$/g, '')}`;
        this.#once(name, type, ['  bool is_some;', `  ${some} value;`]);
        return name;
      }
      default:
        throw new Error(`${type.kind} without a name is not used by the contract here`);
    }
  }

  /** The result of a function, which has its name. */
  result(func: WitFunction): string {
    const type = func.result!;
    if (type.kind !== 'result') return this.typeName(type);
    const name = `${snakeCase(func.name)}_result`;
    const members = type.cases.flatMap((c) =>
      c.type === undefined ? [] : [`    ${this.typeName(c.type)} ${c.name};`],
    );
    this.#once(name, type, ['  bool is_err;', '  union {', ...members, '  };']);
    return `funnel_${name}`;
  }

  #once(name: string, type: WitType, fields: readonly string[], ...doc: string[]): void {
    if (this.#declared.has(name)) return;
    this.#declared.add(name);
    this.#struct(name, doc, fields, type);
  }

  #struct(name: string, doc: readonly string[], fields: readonly string[], type: WitType): void {
    this.declarations.push(
      ...doc,
      'typedef struct {',
      ...fields,
      `} funnel_${name};`,
      `_Static_assert(sizeof(funnel_${name}) == ${layoutOf(type).size}, "${name}");`,
      '',
    );
  }
}

function exported(
  emitter: Emitter,
  iface: WitInterface,
  func: WitFunction,
  docs: ReadonlyMap<string, string>,
): string[] {
  const name = `funnel_${snakeCase(func.name)}`;
  const indirect = coreSignature(func, 'export').isIndirect;
  const result = indirect ? `${emitter.result(func)} *` : 'void ';
  const out = [
    ...comment(docs.get(`${iface.id.replace(/^.*\//, '').replace(/@.*$/, '')}/${func.name}`), ''),
    `__attribute__((export_name("${iface.id}#${func.name}")))`,
    `${result}${name}(${parameters(emitter, func)});`,
  ];
  if (indirect) {
    out.push(
      `__attribute__((export_name("cabi_post_${iface.id}#${func.name}")))`,
      `void ${name}_returned(${result}result);`,
    );
  }
  return [...out, ''];
}

function imported(
  emitter: Emitter,
  iface: WitInterface,
  func: WitFunction,
  docs: ReadonlyMap<string, string>,
): string[] {
  const indirect = coreSignature(func, 'import').isIndirect;
  const result = func.result === undefined || indirect ? 'void' : emitter.typeName(func.result);
  const params = parameters(emitter, func);
  const last = indirect ? `${params === 'void' ? '' : `${params}, `}${emitter.result(func)} *result` : params;
  return [
    ...comment(docs.get(`${iface.id.replace(/^.*\//, '').replace(/@.*$/, '')}/${func.name}`), ''),
    `__attribute__((import_module("${iface.id}"), import_name("${func.name}")))`,
    `${result} funnel_${snakeCase(func.name)}(${last});`,
    '',
  ];
}

function parameters(emitter: Emitter, func: WitFunction): string {
  const all = func.params.flatMap((param) =>
    flatParameters(emitter, fieldName(param.name), param.type, func.params.length === 1),
  );
  return all.length === 0 ? 'void' : all.join(', ');
}

/**
 * Arguments as WebAssembly has them: a type narrower than 32 bits takes 32, and a record is passed by its
 * fields.
 */
function flatParameters(emitter: Emitter, name: string, type: WitType, isOnly: boolean): string[] {
  switch (type.kind) {
    case 'string':
      return [`const char *${name}`, `uint32_t ${name}_length`];
    case 'list':
      return [`${emitter.typeName(type.element)} *${name}`, `uint32_t ${name}_length`];
    case 'record':
      return type.fields.flatMap((field) =>
        flatParameters(
          emitter,
          isOnly ? fieldName(field.name) : `${name}_${fieldName(field.name)}`,
          field.type,
          false,
        ),
      );
    case 'variant':
      // The payload of `value`: a number in 64 bits, or an address in them and a length.
      return [`uint32_t ${name}_tag`, `uint64_t ${name}_payload`, `uint32_t ${name}_length`];
    case 'f64':
      return [`${emitter.typeName(type)} ${name}`];
    case 'u64':
      return [`uint64_t ${name}`];
    case 's32':
      return [`int32_t ${name}`];
    default:
      return [`uint32_t ${name}`];
  }
}

/** `default` and `opaque` may be used as they are in C but for the first. */
function fieldName(name: string): string {
  return name === 'default' ? 'default_value' : snakeCase(name);
}

function comment(doc: string | undefined, indent: string): string[] {
  if (doc === undefined) return [];
  const lines = doc.split('\n');
  if (lines.length === 1) return [`${indent}/* ${doc} */`];
  return [`${indent}/*`, ...lines.map((line) => `${indent} * ${line}`.trimEnd()), `${indent} */`];
}
