import { readFileSync } from 'node:fs';
import { componentEmbed } from '@bytecodealliance/jco-transpile/wasm-tools';
import { expect, test } from 'vitest';
import { END, EXPORTS, FRAME, IMPORTS, LIMITS, OUTCOME, PART } from '../host/contract.ts';
import { componentTypeSection, decodeWorld } from './decode-world.ts';
import { docComments } from './doc-comments.ts';
import { coreSignature } from './layout.ts';
import { allTypes } from './names.ts';
import type { WitType } from './wit-type.ts';

const wit = readFileSync(new URL('../../wit/funnel.wit', import.meta.url), 'utf8');
const dummy = await componentEmbed({ dummy: true, witSource: wit, world: 'piece' });
const world = decodeWorld(componentTypeSection(dummy));

test('the records of the frame path have the layout that is frozen', () => {
  expect(FRAME).toEqual({
    size: 24,
    align: 4,
    edge: 0,
    shape: 2,
    firstPart: 4,
    partCount: 8,
    skipHeaders: 10,
    skipTrailers: 11,
    roomOffset: 12,
    roomLength: 16,
    ticket: 20,
  });
  expect(PART).toEqual({ size: 12, align: 4, protocol: 0, role: 2, marks: 3, offset: 4, length: 8 });
  expect(OUTCOME).toMatchObject({
    size: 48,
    frames: 0,
    parts: 8,
    arena: 16,
    ends: 24,
    paused: 32,
    wakeAt: 40,
  });
  expect(END).toMatchObject({ size: 8, ticket: 0, reason: 4 });
});

test('no record of the frame path holds a list or a string', () => {
  const holdsRoom = (type: WitType): boolean =>
    type.kind === 'list' ||
    type.kind === 'string' ||
    ('fields' in type && type.fields.some((f) => holdsRoom(f.type)));
  for (const name of ['frame', 'part', 'end'])
    expect(holdsRoom(allTypes(world).get(`frames/${name}`)!), name).toBe(false);
});

test('the core signatures are those that wasm-tools gives the same world', async () => {
  const module = new WebAssembly.Module(Uint8Array.from(dummy));
  const imports = new Set(WebAssembly.Module.imports(module).map((i) => `${i.module}#${i.name}`));
  for (const iface of world.imports) {
    for (const func of iface.functions) {
      expect(imports).toContain(`cm32p2|${iface.id.replace(/\.\d+$/, '')}#${func.name}`);
    }
  }
  // A dummy module exports functions of the right core types; the test checks their arguments by calling
  // them.
  const zeros: WebAssembly.Imports = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module))
    zeros[from] = { ...zeros[from], [name]: () => 0 };
  const instance = new WebAssembly.Instance(module, zeros);
  for (const iface of world.exports) {
    for (const func of iface.functions) {
      const core = instance.exports[`cm32p2|${iface.id.replace(/\.\d+$/, '')}|${func.name}`];
      expect(core, func.name).toBeInstanceOf(Function);
      expect((core as () => void).length, func.name).toBe(coreSignature(func, 'export').params.length);
    }
  }
});

test('functions of the contract have one name each, by which the tables find them', () => {
  const functions = [...world.exports, ...world.imports].flatMap((iface) => iface.functions);
  expect(Object.keys(EXPORTS).length + Object.keys(IMPORTS).length).toBe(functions.length);
});

test('every item of the contract is documented', () => {
  const docs = docComments(wit);
  const undocumented: string[] = [];
  const obvious =
    /^(types\/property\/|frames\/(frame|part|end|outcome)\/|description\/(shape|edge|setting|piece|property-wish|kind|curve)\/|control\/joining\/|host\/level\/)/;
  const want = (path: string): void => {
    if (!docs.has(path) && !obvious.test(path)) undocumented.push(path);
  };
  for (const [path, type] of allTypes(world)) {
    want(path);
    if ('fields' in type) for (const field of type.fields) want(`${path}/${field.name}`);
    if ('cases' in type) for (const c of type.cases) want(`${path}/${c.name}`);
    if ('labels' in type) for (const label of type.labels) want(`${path}/${label}`);
  }
  for (const iface of [...world.imports, ...world.exports]) {
    const short = iface.id.replace(/^.*\//, '').replace(/@.*$/, '');
    want(short);
    for (const func of iface.functions) want(`${short}/${func.name}`);
  }
  expect(undocumented).toEqual([]);
});

test('the limits are those that the contract states in words', () => {
  const words = [...wit.matchAll(/\/\/\/.*/g)].join('\n');
  for (const [name, value] of Object.entries(LIMITS))
    expect(words, name).toMatch(new RegExp(`\\b${value}\\b`));
});

test('the generator refuses types that the contract does not use', async () => {
  const other = await componentEmbed({
    dummy: true,
    witSource: 'package a:b; interface i { resource r; f: func(r: borrow<r>); } world piece { export i; }',
    world: 'piece',
  });
  expect(() => decodeWorld(componentTypeSection(other))).toThrow(/resources/);
  expect(() => componentTypeSection(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]))).toThrow(
    /no component-type/,
  );
});
