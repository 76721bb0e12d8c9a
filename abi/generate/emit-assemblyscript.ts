import type { CoreType } from './layout.ts';
import { coreSignature, flatten, layoutOf } from './layout.ts';
import { LIMITS } from './limits.ts';
import { allTypes, camelCase, constantCase, pascalCase } from './names.ts';
import type { WitFunction, WitType, World } from './wit-type.ts';

/**
 * `abi/as/generated.ts`: the contract's types as views. A view is an unmanaged class whose `this` is the
 * record's address. So making one costs nothing, and each field is a single load.
 */
export function emitAssemblyScript(world: World, docs: ReadonlyMap<string, string>): string {
  const out = [HEAD, "import { List, Text } from './text';", ''];
  for (const limit of LIMITS) {
    out.push(`/** ${limit.doc} */`, `export const ${screaming(limit.name)}: i32 = ${limit.value};`);
  }
  out.push('');
  for (const [path, type] of allTypes(world)) out.push(...view(path, type, docs));
  out.push('// The functions of the host, as WebAssembly has them. `host.ts` makes them fit to use.', '');
  for (const iface of world.imports) {
    for (const func of iface.functions) {
      const { params, results } = coreSignature(func, 'import');
      const list = params.map((core, i) => `a${i}: ${AS_CORE[core]}`).join(', ');
      out.push(
        `// @ts-ignore: decorator`,
        `@external('${iface.id}', '${func.name}')`,
        `export declare function host${pascalCase(func.name)}(${list}): ${results[0] === undefined ? 'void' : AS_CORE[results[0]]};`,
        '',
      );
    }
  }
  return `${out.join('\n').trimEnd()}\n`;
}

/**
 * `abi/as/generated-exports.ts`: the exports of a piece's core module; the build gives them the contract's
 * names.
 */
export function emitAssemblyScriptExports(world: World): string {
  const functions = world.exports.flatMap((iface) => iface.functions);
  const hooks = functions.map((func) => `on${pascalCase(func.name)}`);
  const records = [
    ...new Set(
      functions.flatMap((func) =>
        func.params.flatMap((p) => (p.type.kind === 'record' ? [`${pascalCase(p.type.name!)}Record`] : [])),
      ),
    ),
  ];
  const out = [
    HEAD,
    `import { ${[...hooks, 'onReturned'].sort().join(', ')} } from './runtime';`,
    `import { ${records.join(', ')} } from './generated';`,
    "export { cabi_realloc } from './memory';",
    '',
  ];
  for (const func of functions) out.push(...exported(func), '');
  return `${out.join('\n').trimEnd()}\n`;
}

const HEAD = '// Generated from wit/funnel.wit by tools/generate-abi.mjs. Do not edit.\n';

const AS_CORE: Record<CoreType, string> = { i32: 'i32', i64: 'i64', f32: 'f32', f64: 'f64' };

function view(path: string, type: WitType, docs: ReadonlyMap<string, string>): string[] {
  const name = pascalCase(type.name!);
  const doc = comment(docs.get(path), '');
  switch (type.kind) {
    case 'enum':
    case 'flags': {
      const labels = 'labels' in type ? type.labels : type.cases.map((c) => c.name);
      const number = (i: number): number => (type.kind === 'enum' ? i : 2 ** i);
      return [
        ...doc,
        `export const enum ${name} {`,
        ...labels.flatMap((label, i) => [
          ...comment(docs.get(`${path}/${label}`), '  '),
          `  ${pascalCase(label)} = ${number(i)},`,
        ]),
        '}',
        '',
      ];
    }
    case 'record': {
      const { size, align, offsets } = layoutOf(type);
      return [
        `export const ${constantCase(type.name!)}_SIZE: i32 = ${size};`,
        `export const ${constantCase(type.name!)}_ALIGN: i32 = ${align};`,
        '',
        ...doc,
        '// @ts-ignore: decorator',
        '@unmanaged',
        `export class ${name}Record {`,
        ...type.fields.flatMap((field, i) => [
          ...comment(docs.get(`${path}/${field.name}`), '  '),
          ...accessors(fieldName(field.name), field.type, offsets[i]!),
        ]),
        '}',
        '',
      ];
    }
    case 'variant': {
      const { size, payloadOffset, discriminantSize } = layoutOf(type);
      return [
        `export const ${constantCase(type.name!)}_SIZE: i32 = ${size};`,
        '',
        '/** The cases of the variant, by their numbers. */',
        `export const enum ${name}Case {`,
        ...type.cases.map((c, i) => `  ${pascalCase(c.name)} = ${i},`),
        '}',
        '',
        ...doc,
        '// @ts-ignore: decorator',
        '@unmanaged',
        `export class ${name}Record {`,
        ...number('tag', `u${discriminantSize * 8}`, 'i32', 0),
        ...type.cases.flatMap((c) =>
          c.type === undefined ? [] : accessors(camelCase(c.name), c.type, payloadOffset),
        ),
        '}',
        '',
      ];
    }
    default:
      return [];
  }
}

function accessors(name: string, type: WitType, offset: number): string[] {
  const at = `changetype<usize>(this) + ${offset}`;
  switch (type.kind) {
    case 'u8':
    case 'u16':
    case 'u32':
    case 'u64':
    case 'f64':
      return number(name, type.kind, type.kind, offset);
    case 's32':
      return number(name, 'i32', 'i32', offset);
    case 'bool':
      return number(name, 'bool', 'bool', offset);
    case 'enum':
      return number(name, `u${layoutOf(type).discriminantSize * 8}`, 'i32', offset);
    case 'flags':
      return number(name, `u${layoutOf(type).discriminantSize * 8}`, 'i32', offset);
    case 'string':
      return [`  get ${name}(): Text { return changetype<Text>(${at}); }`];
    case 'list':
      return [`  get ${name}(): List { return changetype<List>(${at}); }`];
    case 'record':
    case 'variant':
      return [
        `  get ${name}(): ${pascalCase(type.name!)}Record { return changetype<${pascalCase(type.name!)}Record>(${at}); }`,
      ];
    case 'option': {
      const some = type.cases[1]!.type!;
      const has = `has${name.charAt(0).toUpperCase()}${name.slice(1)}`;
      return [
        ...number(has, 'bool', 'bool', offset),
        ...accessors(name, some, offset + layoutOf(type).payloadOffset),
      ];
    }
    default:
      throw new Error(`a field of ${type.kind} is not used by the contract`);
  }
}

function number(name: string, stored: string, shown: string, offset: number): string[] {
  const cast = stored === shown ? '' : `<${shown}>`;
  return [
    `  get ${name}(): ${shown} { return ${cast}load<${stored}>(changetype<usize>(this), ${offset}); }`,
    `  set ${name}(value: ${shown}) { store<${stored}>(changetype<usize>(this), ${cast === '' ? '' : `<${stored}>`}value, ${offset}); }`,
  ];
}

function exported(func: WitFunction): string[] {
  const name = pascalCase(func.name);
  const core = coreSignature(func, 'export');
  const params = core.params.map((type, i) => `a${i}: ${AS_CORE[type]}`);
  const flat = core.params.map((_, i) => `a${i}`);
  const out: string[] = [];
  const record = func.params.length === 1 ? func.params[0]!.type : undefined;
  const result = core.isIndirect ? 'usize' : 'void';
  const body: string[] = [];
  if (record?.kind === 'record') {
    const { size, align, offsets } = layoutOf(record);
    const view = `${pascalCase(record.name!)}Record`;
    out.push(`const ${camelCase(func.name)}Argument: usize = memory.data(${size}, ${align});`, '');
    let next = 0;
    for (const [i, field] of record.fields.entries()) {
      const count = flatten(field.type).length;
      const slot = `${camelCase(func.name)}Argument`;
      if (field.type.kind === 'string' || field.type.kind === 'list') {
        body.push(
          `  store<i32>(${slot}, ${flat[next]}, ${offsets[i]});`,
          `  store<i32>(${slot}, ${flat[next + 1]}, ${offsets[i]! + 4});`,
        );
      } else {
        const { size } = layoutOf(field.type);
        body.push(`  store<u${size * 8}>(${slot}, <u${size * 8}>${flat[next]}, ${offsets[i]});`);
      }
      next += count;
    }
    body.push(
      `  ${core.isIndirect ? 'return ' : ''}on${name}(changetype<${view}>(${camelCase(func.name)}Argument));`,
    );
  } else {
    const args: string[] = [];
    let next = 0;
    for (const { type } of func.params) {
      const count = flatten(type).length;
      if (type.kind === 'u16') args.push(`<u16>${flat[next]}`);
      else if (type.kind === 'bool') args.push(`${flat[next]} != 0`);
      else if (type.kind === 'string' || type.kind === 'list')
        args.push(`<usize>${flat[next]}`, `${flat[next + 1]}`);
      else if (type.kind === 'f64') args.push(flat[next]!);
      else throw new Error(`an argument of ${type.kind} is not used by the contract`);
      next += count;
    }
    body.push(`  ${core.isIndirect ? 'return ' : ''}on${name}(${args.join(', ')});`);
  }
  out.push(`export function export_${camelCase(func.name)}(${params.join(', ')}): ${result} {`, ...body, '}');
  if (core.isIndirect)
    out.push(
      '',
      `export function post_${camelCase(func.name)}(result: usize): void {`,
      '  onReturned();',
      '}',
    );
  return out;
}

/** AssemblyScript reserves words that cannot name an accessor. */
function fieldName(name: string): string {
  return name === 'default' ? 'defaultValue' : camelCase(name);
}

function screaming(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

function comment(doc: string | undefined, indent: string): string[] {
  if (doc === undefined) return [];
  const lines = doc.split('\n');
  if (lines.length === 1) return [`${indent}/** ${doc} */`];
  return [`${indent}/**`, ...lines.map((line) => `${indent} * ${line}`.trimEnd()), `${indent} */`];
}
