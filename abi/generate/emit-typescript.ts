import type { CoreType } from './layout.ts';
import { coreSignature, flatten, hasList, layoutOf } from './layout.ts';
import { LIMITS } from './limits.ts';
import { allTypes, camelCase, constantCase, pascalCase } from './names.ts';
import type { WitFunction, WitInterface, WitType, World } from './wit-type.ts';

/** `abi/host/contract.ts`: the contract as the host sees it. `docs` are those of `docComments`. */
export function emitTypeScript(world: World, docs: ReadonlyMap<string, string>): string {
  const types = allTypes(world);
  const out: string[] = [
    '// Generated from wit/funnel.wit by tools/generate-abi.mjs. Do not edit.',
    '// biome-ignore-all format: generated',
    '',
    "import type { GuestMemory } from './guest-memory.ts';",
    "import { Lifter, Lowerer } from './guest-memory.ts';",
    '',
    "export type { GuestMemory } from './guest-memory.ts';",
    "export { ContractError } from './guest-memory.ts';",
    '',
  ];
  for (const [path, type] of types) out.push(...declaration(path, type, docs), '');
  for (const [path, type] of types)
    if (type.kind === 'record' && (path.startsWith('frames/') || path === 'crypto/task'))
      out.push(...constants(type), '');
  out.push('/** The limits that the contract states. */', 'export const LIMITS = {');
  for (const limit of LIMITS) out.push(`  /** ${limit.doc} */`, `  ${limit.name}: ${limit.value},`);
  out.push('} as const;', '');
  out.push(...signatures(world), '', ...hostCalls(world, docs), '');
  const functions = world.exports.flatMap((iface) =>
    iface.functions.flatMap((func) => [...exported(func), '']),
  );
  for (const iface of world.imports) if (iface.functions.length > 0) functions.push(...hostFunctions(iface));
  functions.push(...PICK);
  out.push(...used([...types.values()].flatMap(liftAndLower), functions), ...functions);
  return `${out.join('\n').trimEnd()}\n`;
}

function declaration(path: string, type: WitType, docs: ReadonlyMap<string, string>): string[] {
  const name = pascalCase(type.name!);
  const doc = comment(docs.get(path), '');
  switch (type.kind) {
    case 'record':
      return [
        ...doc,
        `export interface ${name} {`,
        ...type.fields.flatMap((field) => {
          const optional = field.type.kind === 'option';
          const fieldType = optional ? typeName(payloadOf(field.type, 'some')) : typeName(field.type);
          return [
            ...comment(docs.get(`${path}/${field.name}`), '  '),
            `  readonly ${camelCase(field.name)}${optional ? '?' : ''}: ${fieldType}${optional ? ' | undefined' : ''};`,
          ];
        }),
        '}',
      ];
    case 'variant':
      return [
        ...doc,
        `export type ${name} =`,
        ...type.cases.flatMap((c, i) => [
          ...comment(docs.get(`${path}/${c.name}`), '  '),
          `  | { readonly tag: '${c.name}'${c.type === undefined ? '' : `; readonly val: ${typeName(c.type)}`} }${i === type.cases.length - 1 ? ';' : ''}`,
        ]),
      ];
    case 'enum':
      return [
        ...doc,
        `export type ${name} = ${type.cases.map((c) => `'${c.name}'`).join(' | ')};`,
        `/** The numbers of {@link ${name}} in memory. */`,
        `export const ${name} = {`,
        ...type.cases.flatMap((c, i) => [
          ...comment(docs.get(`${path}/${c.name}`), '  '),
          `  ${key(c.name)}: ${i},`,
        ]),
        '} as const;',
      ];
    case 'flags':
      return [
        ...doc,
        `export type ${name} = number;`,
        `/** The bits of {@link ${name}}. */`,
        `export const ${name} = {`,
        ...type.labels.flatMap((label, i) => [
          ...comment(docs.get(`${path}/${label}`), '  '),
          `  ${camelCase(label)}: ${2 ** i},`,
        ]),
        '} as const;',
      ];
    default:
      return [...doc, `export type ${name} = ${typeName({ ...type, name: undefined } as WitType)};`];
  }
}

function constants(type: WitType & { kind: 'record' | 'tuple' }): string[] {
  const layout = layoutOf(type);
  const fields = type.fields.map((field, i) => `${camelCase(field.name)}: ${layout.offsets[i]}`);
  return [
    `/** Where the fields of a {@link ${pascalCase(type.name!)}} stand, in bytes. */`,
    `export const ${constantCase(type.name!)} = { size: ${layout.size}, align: ${layout.align}, ${fields.join(', ')} } as const;`,
  ];
}

function signatures(world: World): string[] {
  const table = (
    name: string,
    doc: string,
    side: 'import' | 'export',
    interfaces: readonly WitInterface[],
  ): string[] => [
    `/** ${doc} */`,
    `export const ${name} = {`,
    ...interfaces.flatMap((iface) =>
      iface.functions.map((func) => {
        const core = coreSignature(func, side);
        const quoted = (types: readonly CoreType[]): string => `[${types.map((t) => `'${t}'`).join(', ')}]`;
        return `  ${camelCase(func.name)}: { interface: '${iface.id}', name: '${func.name}', params: ${quoted(core.params)}, results: ${quoted(core.results)}, isIndirect: ${core.isIndirect}, takesLists: ${func.params.some((param) => hasList(param.type))}, returnsLists: ${func.result !== undefined && hasList(func.result)} },`;
      }),
    ),
    '} as const satisfies Record<string, CoreFunction>;',
  ];
  return [
    'export type CoreType = ' + "'i32' | 'i64' | 'f32' | 'f64';",
    '',
    '/** A function of the contract, as WebAssembly has it. */',
    'export interface CoreFunction {',
    '  /** The interface, by which the component imports or exports an instance, and the function in it. */',
    '  readonly interface: string;',
    '  readonly name: string;',
    '  readonly params: readonly CoreType[];',
    '  readonly results: readonly CoreType[];',
    '  /** The result stands in memory: its address is the core result of an export, and the last core argument of an import. */',
    '  readonly isIndirect: boolean;',
    '  /** Some argument has a list or a string, so the callee has to make room for it. */',
    '  readonly takesLists: boolean;',
    '  /** The result has a list or a string. Of an import, the caller has to make room for it. */',
    '  readonly returnsLists: boolean;',
    '}',
    '',
    ...table('EXPORTS', 'What a piece exports.', 'export', world.exports),
    '',
    ...exportNames(world),
    '',
    ...table('IMPORTS', 'What a piece may import.', 'import', world.imports),
  ];
}

/**
 * The list of the functions that a piece exports: the only one, so that the WIT alone decides what is in it.
 */
function exportNames(world: World): string[] {
  const names = world.exports.flatMap((iface) => iface.functions.map((func) => camelCase(func.name)));
  return [
    '/** The name of a function that a piece exports. */',
    'export type ExportName = keyof typeof EXPORTS;',
    '',
    '/** The names of all functions that a piece exports. */',
    `export const EXPORT_NAMES = [${names.map((name) => `'${name}'`).join(', ')}] as const satisfies readonly ExportName[];`,
    '',
    '/** Makes a value for each function that a piece exports. */',
    'export function forEachExport<T>(make: (name: ExportName) => T): Record<ExportName, T> {',
    `  return { ${names.map((name) => `${name}: make('${name}')`).join(', ')} };`,
    '}',
  ];
}

function hostCalls(world: World, docs: ReadonlyMap<string, string>): string[] {
  return world.imports.flatMap((iface) => {
    if (iface.functions.length === 0) return [];
    const short = shortName(iface);
    return [
      ...comment(docs.get(short), ''),
      `export interface ${pascalCase(short)}Calls {`,
      ...iface.functions.flatMap((func) => [
        ...comment(docs.get(`${short}/${func.name}`), '  '),
        `  ${camelCase(func.name)}(${parameters(func)}): ${func.result === undefined ? 'void' : typeName(func.result)};`,
      ]),
      '}',
    ];
  });
}

/**
 * Selects the helpers, each ending with an empty line, that the functions need, directly or through another
 * helper.
 */
function used(helpers: readonly string[], functions: readonly string[]): string[] {
  const blocks = helpers
    .join('\n')
    .split(/\n\n/)
    .map((block) => block.trim());
  const nameOf = (block: string): string => /^(?:function|const) (\w+)/.exec(block)?.[1] ?? '';
  const wanted = new Set<string>();
  const visit = (text: string): void => {
    for (const block of blocks) {
      const name = nameOf(block);
      if (name === '' || wanted.has(name) || !new RegExp(`\\b${name}\\b`).test(text)) continue;
      wanted.add(name);
      visit(block);
    }
  };
  visit(functions.join('\n'));
  return blocks.filter((block) => wanted.has(nameOf(block))).flatMap((block) => [block, '']);
}

function liftAndLower(type: WitType): string[] {
  const name = pascalCase(type.name!);
  const labels = `${constantCase(type.name!)}_LABELS`;
  switch (type.kind) {
    case 'record': {
      const { offsets } = layoutOf(type);
      return [
        `function lift${name}(from: Lifter, at: number): ${name} {`,
        '  return {',
        ...type.fields.map(
          (field, i) => `    ${camelCase(field.name)}: ${lift(field.type, plus('at', offsets[i]!))},`,
        ),
        '  };',
        '}',
        '',
        `function lower${name}(to: Lowerer, at: number, value: ${name}): void {`,
        ...type.fields.map(
          (field, i) => `  ${lower(field.type, plus('at', offsets[i]!), `value.${camelCase(field.name)}`)}`,
        ),
        '}',
        '',
      ];
    }
    case 'enum':
      return [
        `const ${labels}: readonly ${name}[] = [${type.cases.map((c) => `'${c.name}'`).join(', ')}];`,
        '',
      ];
    case 'variant': {
      const { payloadOffset } = layoutOf(type);
      const payloadAt = plus('at', payloadOffset);
      return [
        `function lift${name}(from: Lifter, at: number): ${name} {`,
        `  switch (from.discriminant(from.${discriminantRead(type)}(at), ${type.cases.length}, '${type.name}')) {`,
        ...type.cases.map((c, i) => {
          const value = c.type === undefined ? '' : `, val: ${lift(c.type, payloadAt)}`;
          return `    ${i === type.cases.length - 1 ? 'default' : `case ${i}`}: return { tag: '${c.name}'${value} };`;
        }),
        '  }',
        '}',
        '',
        `function lower${name}(to: Lowerer, at: number, value: ${name}): void {`,
        '  switch (value.tag) {',
        ...type.cases.map((c, i) => {
          const payload = c.type === undefined ? '' : ` ${lower(c.type, payloadAt, 'value.val')}`;
          return `    case '${c.name}': to.${discriminantRead(type)}(at, ${i});${payload} break;`;
        }),
        '  }',
        '}',
        '',
      ];
    }
    default:
      return [];
  }
}

/** An expression for the value at an address. */
function lift(type: WitType, at: string): string {
  switch (type.kind) {
    case 'bool':
    case 'u8':
    case 'u16':
    case 'u32':
    case 's32':
    case 'u64':
    case 'f64':
    case 'string':
      return `from.${type.kind}(${at})`;
    case 'list':
      if (type.element.kind === 'u8') return `from.byteList(${at})`;
      return `from.list(${at}, ${sizeAndAlign(type.element)}, (at) => ${lift(type.element, 'at')})`;
    case 'record':
    case 'variant':
      return `lift${pascalCase(type.name!)}(from, ${at})`;
    case 'tuple': {
      const { offsets } = layoutOf(type);
      return `[${type.fields.map((field, i) => lift(field.type, plus(at, offsets[i]!))).join(', ')}]`;
    }
    case 'flags':
      return `from.${discriminantRead(type)}(${at}) & ${2 ** type.labels.length - 1}`;
    case 'enum':
      return `${constantCase(type.name!)}_LABELS[from.discriminant(from.${discriminantRead(type)}(${at}), ${type.cases.length}, '${type.name}')]!`;
    case 'option':
    case 'result': {
      const payloadAt = plus(at, layoutOf(type).payloadOffset);
      const [first, second] = type.cases.map((c) =>
        c.type === undefined ? 'undefined' : lift(c.type, payloadAt),
      );
      return `from.discriminant(from.${discriminantRead(type)}(${at}), 2, '${type.kind}') === 0 ? ${first} : ${second}`;
    }
    default:
      throw new Error(`${type.kind} is not used by the contract`);
  }
}

/** A statement that writes a value at an address. */
function lower(type: WitType, at: string, value: string): string {
  switch (type.kind) {
    case 'bool':
    case 'u8':
    case 'u16':
    case 'u32':
    case 's32':
    case 'u64':
    case 'f64':
    case 'string':
      return `to.${type.kind}(${at}, ${value});`;
    case 'list':
      if (type.element.kind === 'u8') return `to.byteList(${at}, ${value});`;
      return `to.list(${at}, ${value}, ${sizeAndAlign(type.element)}, (at, item) => { ${lower(type.element, 'at', 'item')} });`;
    case 'record':
    case 'variant':
      return `lower${pascalCase(type.name!)}(to, ${at}, ${value});`;
    case 'tuple': {
      const { offsets } = layoutOf(type);
      return type.fields
        .map((field, i) => lower(field.type, plus(at, offsets[i]!), `${value}[${i}]`))
        .join(' ');
    }
    case 'flags':
      return `to.${discriminantRead(type)}(${at}, ${value});`;
    case 'enum':
      return `to.${discriminantRead(type)}(${at}, ${pascalCase(type.name!)}[${value}]);`;
    case 'option': {
      const payloadAt = plus(at, layoutOf(type).payloadOffset);
      const payload = lower(payloadOf(type, 'some'), payloadAt, value);
      return `if (${value} === undefined) to.u8(${at}, 0); else { to.u8(${at}, 1); ${payload} }`;
    }
    default:
      throw new Error(`${type.kind} is not lowered by the contract here`);
  }
}

/** Expressions for the core arguments that a value becomes. */
function lowerFlat(type: WitType, value: string): string[] {
  switch (type.kind) {
    case 'u8':
    case 'u16':
    case 'u32':
    case 's32':
    case 'f64':
    case 'u64':
      return [value];
    case 'bool':
      return [`${value} ? 1 : 0`];
    case 'string':
      return [`...to.stringArgument(${value})`];
    case 'list':
      if (type.element.kind === 'u8') return [`...to.bytesArgument(${value})`];
      return [
        `...to.listArgument(${value}, ${sizeAndAlign(type.element)}, (at, item) => { ${lower(type.element, 'at', 'item')} })`,
      ];
    case 'enum':
      return [`${pascalCase(type.name!)}[${value}]`];
    case 'record':
      return type.fields.flatMap((field) => lowerFlat(field.type, `${value}.${camelCase(field.name)}`));
    default:
      throw new Error(`${type.kind} is not an argument of an export of the contract`);
  }
}

/** An expression for a value from its core arguments; takes them from the start of `args`. */
function liftFlat(type: WitType, args: { name: string; core: CoreType }[]): string {
  const take = (core: CoreType): string => {
    const arg = args.shift()!;
    if (arg.core === core) return arg.name;
    if (arg.core === 'i64' && core === 'i32') return `Number(BigInt.asUintN(32, ${arg.name}))`;
    throw new Error(`${arg.core} does not carry ${core} in the contract`);
  };
  switch (type.kind) {
    case 'bool':
      return `${take('i32')} !== 0`;
    case 'u8':
      return `${take('i32')} & 0xff`;
    case 'u16':
      return `${take('i32')} & 0xffff`;
    case 'u32':
      return `${take('i32')} >>> 0`;
    case 's32':
      return take('i32');
    case 'u64':
      return `BigInt.asUintN(64, ${take('i64')})`;
    case 'f64':
      return take('f64');
    case 'string':
      return `from.stringAt(${take('i32')}, ${take('i32')})`;
    case 'list':
      if (type.element.kind === 'u8') return `from.bytesAt(${take('i32')}, ${take('i32')})`;
      return `from.listAt(${take('i32')}, ${take('i32')}, ${sizeAndAlign(type.element)}, (at) => ${lift(type.element, 'at')})`;
    case 'enum':
      return `${constantCase(type.name!)}_LABELS[from.discriminant(${take('i32')} >>> 0, ${type.cases.length}, '${type.name}')]!`;
    case 'record':
      return `{ ${type.fields.map((field) => `${camelCase(field.name)}: ${liftFlat(field.type, args)}`).join(', ')} }`;
    case 'variant': {
      const tag = take('i32');
      const joined = args.splice(0, flatten(type).length - 1);
      const cases = type.cases.map((c) => {
        const value = c.type === undefined ? '' : `, val: ${liftFlat(c.type, [...joined])}`;
        return `{ tag: '${c.name}'${value} }`;
      });
      return `pick<${typeName(type)}>(from.discriminant(${tag} >>> 0, ${cases.length}, '${type.name}'), ${cases.map((c) => `() => (${c})`).join(', ')})`;
    }
    default:
      throw new Error(`${type.kind} is not an argument of an import of the contract`);
  }
}

function exported(func: WitFunction): string[] {
  const name = pascalCase(func.name);
  const core = coreSignature(func, 'export');
  const out = [
    `/** The core arguments of \`${func.name}\`, whose lists and strings now stand in the guest. */`,
    `export function lower${name}(memory: GuestMemory, ${parameters(func)}): (number | bigint)[] {`,
    ...(func.params.some((p) => needsMemory(p.type))
      ? ['  const to = new Lowerer(memory);']
      : ['  void memory;']),
    `  return [${func.params.flatMap((p) => lowerFlat(p.type, camelCase(p.name))).join(', ')}];`,
    '}',
  ];
  if (func.result === undefined) return out;
  if (!core.isIndirect)
    throw new Error(`${func.name}: a direct result of an export is not used by the contract`);
  const { size, align } = layoutOf(func.result);
  return [
    ...out,
    '',
    `/** The result of \`${func.name}\`, at the address that the core function returned. */`,
    `export function lift${name}(memory: GuestMemory, address: number): ${typeName(func.result)} {`,
    '  const from = new Lifter(memory);',
    `  const at = from.checked(address, ${size}, ${align});`,
    `  return ${lift(func.result, 'at')};`,
    '}',
  ];
}

function hostFunctions(iface: WitInterface): string[] {
  const short = shortName(iface);
  const out = [
    '/**',
    ` * The functions of \`${short}\` that a core module imports, by name. Each lifts its arguments from \`memory\`, which is that of its`,
    ' * canon lower, and throws {@link ContractError} where they break the contract.',
    ' */',
    `export function ${camelCase(short)}Functions(memory: GuestMemory, ${camelCase(short)}: ${pascalCase(short)}Calls) {`,
    '  return {',
  ];
  for (const func of iface.functions) {
    const core = coreSignature(func, 'import');
    const flat = func.params.flatMap((p) => flatten(p.type));
    const args = flat.map((type, i) => ({ name: `a${i}`, core: type }));
    const params = args.map((a) => `${a.name}: ${a.core === 'i64' ? 'bigint' : 'number'}`);
    if (core.isIndirect) params.push('result: number');
    const lifted = func.params.map((p) => liftFlat(p.type, args));
    const call = `${camelCase(short)}.${camelCase(func.name)}(${lifted.join(', ')})`;
    const needsLifter = call.includes('from.');
    out.push(
      `    ${key(func.name)}(${params.join(', ')})${core.results.length > 0 ? `: ${core.results[0] === 'i64' ? 'bigint' : 'number'}` : ': void'} {`,
    );
    if (needsLifter) out.push('      const from = new Lifter(memory);');
    if (func.result === undefined) {
      out.push(`      ${call};`);
    } else if (!core.isIndirect) {
      out.push(`      return ${call};`);
    } else {
      const { size, align } = layoutOf(func.result);
      out.push(
        '      const to = new Lowerer(memory);',
        `      const at = to.checked(result, ${size}, ${align});`,
      );
      out.push(`      const value = ${call};`, ...lowerResult(func.result).map((line) => `      ${line}`));
    }
    out.push('    },');
  }
  out.push('  };', '}', '');
  return out;
}

const PICK = [
  'function pick<T>(index: number, ...cases: (() => T)[]): T {',
  '  return cases[index]!();',
  '}',
];

function lowerResult(type: WitType): string[] {
  if (type.kind !== 'result') return [lower(type, 'at', 'value')];
  const ok = payloadOf(type, 'ok');
  const err = payloadOf(type, 'err');
  if (!['u8', 'u16', 'u32'].includes(ok.kind)) throw new Error('only a number can stand beside a problem');
  const payloadAt = plus('at', layoutOf(type).payloadOffset);
  return [
    "if (typeof value === 'number') {",
    '  to.u8(at, 0);',
    `  ${lower(ok, payloadAt, 'value')}`,
    '} else {',
    '  to.u8(at, 1);',
    `  ${lower(err, payloadAt, 'value')}`,
    '}',
  ];
}

function parameters(func: WitFunction): string {
  return func.params.map((p) => `${camelCase(p.name)}: ${typeName(p.type)}`).join(', ');
}

function typeName(type: WitType): string {
  if (type.name !== undefined) return pascalCase(type.name);
  switch (type.kind) {
    case 'bool':
      return 'boolean';
    case 'string':
    case 'char':
      return 'string';
    case 'u64':
    case 's64':
      return 'bigint';
    case 'list':
      if (type.element.kind === 'u8') return 'Uint8Array';
      return `readonly ${parenthesised(typeName(type.element))}[]`;
    case 'tuple':
      return `readonly [${type.fields.map((field) => typeName(field.type)).join(', ')}]`;
    case 'option':
      return `${typeName(payloadOf(type, 'some'))} | undefined`;
    case 'result':
      return type.cases.map((c) => (c.type === undefined ? 'undefined' : typeName(c.type))).join(' | ');
    case 'record':
    case 'variant':
    case 'enum':
    case 'flags':
      throw new Error(`${type.kind} without a name`);
    default:
      return 'number';
  }
}

function parenthesised(name: string): string {
  return /[ |]/.test(name) ? `(${name})` : name;
}

function payloadOf(type: WitType, name: string): WitType {
  if (!('cases' in type)) throw new Error(`${type.kind} has no cases`);
  const payload = type.cases.find((c) => c.name === name)?.type;
  if (payload === undefined) throw new Error(`${type.kind} has no payload for ${name}`);
  return payload;
}

function needsMemory(type: WitType): boolean {
  switch (type.kind) {
    case 'string':
    case 'list':
      return true;
    case 'record':
      return type.fields.some((field) => needsMemory(field.type));
    default:
      return false;
  }
}

function discriminantRead(type: WitType): string {
  return `u${layoutOf(type).discriminantSize * 8}`;
}

function sizeAndAlign(type: WitType): string {
  const { size, align } = layoutOf(type);
  return `${size}, ${align}`;
}

function plus(at: string, offset: number): string {
  return offset === 0 ? at : `${at} + ${offset}`;
}

function key(name: string): string {
  return name.includes('-') ? `'${name}'` : name;
}

function shortName(iface: WitInterface): string {
  return iface.id.replace(/^.*\//, '').replace(/@.*$/, '');
}

function comment(doc: string | undefined, indent: string): string[] {
  if (doc === undefined) return [];
  const lines = doc.split('\n');
  if (lines.length === 1) return [`${indent}/** ${doc} */`];
  return [`${indent}/**`, ...lines.map((line) => `${indent} * ${line}`.trimEnd()), `${indent} */`];
}
