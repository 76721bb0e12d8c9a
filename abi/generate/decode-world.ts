import type { Primitive, WitCase, WitField, WitFunction, WitInterface, WitType, World } from './wit-type.ts';

/**
 * Reads a world from the `component-type` custom section that `wasm-tools component embed` writes: a
 * component whose type section holds the world as a type. Knows what our contract uses, and throws at
 * anything else.
 *
 * Source: Component Model, Binary.md.
 */
export function decodeWorld(section: Uint8Array): World {
  return new Decoder(section).world();
}

/** The `component-type` custom section of a core module. */
export function componentTypeSection(module: Uint8Array): Uint8Array {
  const reader = new Reader(module, 8);
  while (!reader.atEnd) {
    const id = reader.byte();
    const end = reader.unsigned() + reader.at;
    if (id === 0 && reader.name().startsWith('component-type')) return module.subarray(reader.at, end);
    reader.at = end;
  }
  throw new Error('the module has no component-type section');
}

type Extern =
  | { sort: 'type'; type: WitType }
  | { sort: 'func'; func: WitFunction }
  | { sort: 'instance'; instance: Scope }
  | { sort: 'component'; component: Scope };

class Scope {
  readonly types: Extern[] = [];
  readonly instances: Scope[] = [];
  readonly imports = new Map<string, Extern>();
  readonly exports = new Map<string, Extern>();
  readonly parent: Scope | undefined;

  constructor(parent?: Scope) {
    this.parent = parent;
  }
}

class Reader {
  at: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.at = at;
  }

  get atEnd(): boolean {
    return this.at >= this.#bytes.length;
  }

  byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw new Error('the component type ends early');
    return byte;
  }

  unsigned(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  name(): string {
    const length = this.unsigned();
    this.at += length;
    return new TextDecoder('utf-8', { fatal: true }).decode(this.#bytes.subarray(this.at - length, this.at));
  }

  externName(): string {
    const kind = this.byte();
    if (kind > 1) throw new Error(`extern name of kind ${kind} is not understood`);
    return this.name();
  }

  vector<T>(read: () => T): T[] {
    return Array.from({ length: this.unsigned() }, read);
  }
}

class Decoder {
  readonly #in: Reader;

  constructor(section: Uint8Array) {
    this.#in = new Reader(section, 8);
  }

  world(): World {
    const top = new Scope();
    while (!this.#in.atEnd) {
      const id = this.#in.byte();
      const end = this.#in.unsigned() + this.#in.at;
      if (id === 7) for (let n = this.#in.unsigned(); n > 0; n--) top.types.push(this.#definition(top));
      this.#in.at = end;
    }
    const wrapper = top.types[0];
    if (wrapper?.sort !== 'component') throw new Error('the component type holds no world');
    const world = [...wrapper.component.exports.values()][0];
    if (world?.sort !== 'component') throw new Error('the component type holds no world');
    return { imports: interfaces(world.component.imports), exports: interfaces(world.component.exports) };
  }

  #definition(scope: Scope): Extern {
    const code = this.#in.byte();
    if (code === 0x41 || code === 0x42) {
      const inner = new Scope(scope);
      for (let n = this.#in.unsigned(); n > 0; n--) this.#declaration(inner);
      return code === 0x41 ? { sort: 'component', component: inner } : { sort: 'instance', instance: inner };
    }
    if (code === 0x40) return { sort: 'func', func: this.#function(scope) };
    return { sort: 'type', type: this.#type(code, scope) };
  }

  #function(scope: Scope): WitFunction {
    const params = this.#fields(scope);
    const hasNoResult = this.#in.byte() !== 0;
    if (hasNoResult) this.#in.byte();
    return { name: '', params, result: hasNoResult ? undefined : this.#valueType(scope) };
  }

  #type(code: number, scope: Scope): WitType {
    const primitive = PRIMITIVES.get(code);
    if (primitive !== undefined) return { kind: primitive };
    switch (code) {
      case 0x72:
        return { kind: 'record', fields: this.#fields(scope) };
      case 0x71:
        return {
          kind: 'variant',
          cases: this.#in.vector((): WitCase => {
            const name = this.#in.name();
            const type = this.#optionalType(scope);
            this.#in.byte();
            return { name, type };
          }),
        };
      case 0x70:
        return { kind: 'list', element: this.#valueType(scope) };
      case 0x6f:
        return {
          kind: 'tuple',
          fields: this.#in.vector(() => this.#valueType(scope)).map((type, i) => ({ name: String(i), type })),
        };
      case 0x6e:
        return { kind: 'flags', labels: this.#in.vector(() => this.#in.name()) };
      case 0x6d:
        return { kind: 'enum', cases: this.#in.vector(() => ({ name: this.#in.name(), type: undefined })) };
      case 0x6b:
        return {
          kind: 'option',
          cases: [
            { name: 'none', type: undefined },
            { name: 'some', type: this.#valueType(scope) },
          ],
        };
      case 0x6a:
        return {
          kind: 'result',
          cases: [
            { name: 'ok', type: this.#optionalType(scope) },
            { name: 'err', type: this.#optionalType(scope) },
          ],
        };
      default:
        throw new Error(`type 0x${code.toString(16)} is not used by the contract and not understood`);
    }
  }

  #fields(scope: Scope): WitField[] {
    return this.#in.vector(() => ({ name: this.#in.name(), type: this.#valueType(scope) }));
  }

  #optionalType(scope: Scope): WitType | undefined {
    return this.#in.byte() === 0 ? undefined : this.#valueType(scope);
  }

  #valueType(scope: Scope): WitType {
    const before = this.#in.at;
    const primitive = PRIMITIVES.get(this.#in.byte());
    if (primitive !== undefined) return { kind: primitive };
    this.#in.at = before;
    const extern = scope.types[this.#in.unsigned()];
    if (extern?.sort !== 'type') throw new Error('a value type is expected');
    return extern.type;
  }

  #declaration(scope: Scope): void {
    const kind = this.#in.byte();
    switch (kind) {
      case 1:
        scope.types.push(this.#definition(scope));
        return;
      case 2:
        this.#alias(scope);
        return;
      case 3: {
        const name = this.#in.externName();
        scope.imports.set(name, this.#extern(scope, name));
        return;
      }
      case 4: {
        const name = this.#in.externName();
        scope.exports.set(name, this.#extern(scope, name));
        return;
      }
      default:
        throw new Error(`declaration ${kind} is not understood`);
    }
  }

  #alias(scope: Scope): void {
    if (this.#in.byte() !== 3) throw new Error('only types are aliased');
    if (this.#in.byte() === 2) {
      let from: Scope | undefined = scope;
      for (let n = this.#in.unsigned(); n > 0; n--) from = from?.parent;
      scope.types.push(found(from?.types[this.#in.unsigned()]));
    } else {
      const instance = scope.instances[this.#in.unsigned()];
      scope.types.push(found(instance?.exports.get(this.#in.name())));
    }
  }

  #extern(scope: Scope, name: string): Extern {
    const kind = this.#in.byte();
    if (kind === 3) {
      if (this.#in.byte() !== 0) throw new Error('the contract has no resources');
      const known = found(scope.types[this.#in.unsigned()]);
      if (known.sort !== 'type') throw new Error(`${name} is not a type`);
      // The same object if the type came from another interface, so that it is the same type there.
      const extern: Extern =
        known.type.name === undefined ? { sort: 'type', type: { ...known.type, name } } : known;
      scope.types.push(extern);
      return extern;
    }
    const known = found(scope.types[this.#in.unsigned()]);
    if (known.sort === 'instance') scope.instances.push(known.instance);
    return known.sort === 'func' ? { sort: 'func', func: { ...known.func, name } } : known;
  }
}

function found<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('an index in the component type leads nowhere');
  return value;
}

function interfaces(externs: ReadonlyMap<string, Extern>): WitInterface[] {
  const all: WitInterface[] = [];
  for (const [id, extern] of externs) {
    if (extern.sort !== 'instance') throw new Error(`${id} is not an interface`);
    const items = [...extern.instance.exports.values()];
    all.push({
      id,
      functions: items.flatMap((item) => (item.sort === 'func' ? [item.func] : [])),
      types: items.flatMap((item) => (item.sort === 'type' ? [item.type] : [])),
    });
  }
  return all;
}

const PRIMITIVES: ReadonlyMap<number, Primitive> = new Map<number, Primitive>([
  [0x7f, 'bool'],
  [0x7e, 's8'],
  [0x7d, 'u8'],
  [0x7c, 's16'],
  [0x7b, 'u16'],
  [0x7a, 's32'],
  [0x79, 'u32'],
  [0x78, 's64'],
  [0x77, 'u64'],
  [0x76, 'f32'],
  [0x75, 'f64'],
  [0x74, 'char'],
  [0x73, 'string'],
]);
