import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { describe, expect, it } from 'vitest';
import { type CoreFunction, EXPORTS } from '../../../abi/host/contract.ts';
import { componentOf, coreModule, name, section, vector } from '../../../test/hostile/component-bytes.ts';
import { loadComponent } from '../load-component.ts';
import { QuietHost } from '../testing/quiet-host.ts';
import { linkComponent } from './component-linker.ts';
import { parseComponent } from './component-parser.ts';

const FUNCTIONS: readonly CoreFunction[] = Object.values(EXPORTS);

function signature({ params, results }: CoreFunction): string {
  return `(param ${params.join(' ')}) (result ${results.join(' ')})`;
}

/** A core module that exports all of the contract under other names, and returns zeros. */
function contractModule(fields: string): string {
  const functions = FUNCTIONS.map((each, i) => {
    const body =
      each.name === 'save'
        ? '(call $note) (i32.const 64)'
        : each.results.length > 0
          ? '(i32.const 1024)'
          : '';
    return `(func (export "f${i}") ${signature(each)} ${body})`;
  });
  return `(core module $contract ${fields} ${functions.join(' ')})`;
}

/** Lifts them with the memory and the realloc named, and exports them by interface. */
function lifted(memory: string, realloc: string): string {
  const lines = FUNCTIONS.map(
    (_, i) => `(func $f${i} (canon lift (core func $main "f${i}") (memory ${memory}) (realloc ${realloc})))`,
  );
  for (const name of new Set(FUNCTIONS.map((each) => each.interface))) {
    const inside = FUNCTIONS.flatMap((each, i) =>
      each.interface === name ? [`(export "${each.name}" (func $f${i}))`] : [],
    );
    lines.push(`(instance $"${name}" ${inside.join(' ')}) (export "${name}" (instance $"${name}"))`);
  }
  return lines.join('\n');
}

const LIBRARY = `(core module $library
  (memory (export "memory") 2)
  (global $heap (mut i32) (i32.const 4096))
  (func (export "room") (param i32 i32 i32 i32) (result i32)
    (global.get $heap) (global.set $heap (i32.and (i32.add (global.get $heap) (i32.add (local.get 3) (i32.const 7))) (i32.const -8))))
  (func (export "note") (i32.store (i32.const 64) (i32.const 72)) (i32.store (i32.const 68) (i32.const 2)) (i32.store16 (i32.const 72) (i32.const 0x0201))))`;

const IMPORTING = contractModule('(import "lib" "memory" (memory 1)) (import "lib" "note" (func $note))');

describe('a component of several core modules', () => {
  it('runs with the memory and realloc of one and the functions of another', async () => {
    const bytes = await parse(`(component ${LIBRARY} ${IMPORTING}
      (core instance $lib (instantiate $library))
      (core instance $main (instantiate $contract (with "lib" (instance $lib))))
      (alias core export $lib "memory" (core memory $memory))
      (alias core export $lib "room" (core func $room))
      ${lifted('$memory', '$room')})`);
    const loaded = await loadComponent(bytes);
    expect(loaded.coreModules).toBe(2);
    const guest = loaded.instantiate(new QuietHost());
    expect(guest.start(0, [['name', 'value']], [])).toEqual([]);
    expect([...guest.save(0)]).toEqual([1, 2]);
  });

  it('runs from within nested components, with aliases to the outside and items under new names', async () => {
    const bytes = await parse(`(component $outermost ${LIBRARY} ${IMPORTING}
      (component $inside
        (alias outer $outermost $library (core module $l))
        (alias outer $outermost $contract (core module $c))
        (core instance $lib (instantiate $l))
        (alias core export $lib "memory" (core memory $memory))
        (alias core export $lib "room" (core func $room))
        (alias core export $lib "note" (core func $note))
        (core instance $renamed (export "note" (func $note)) (export "memory" (memory $memory)))
        (core instance $main (instantiate $c (with "lib" (instance $renamed))))
        ${lifted('$memory', '$room')})
      (instance $made (instantiate $inside))
      ${[...new Set(FUNCTIONS.map((each) => each.interface))]
        .map(
          (name, i) =>
            `(alias export $made "${name}" (instance $i${i})) (export "${name}" (instance $i${i}))`,
        )
        .join(' ')})`);
    const guest = (await loadComponent(bytes)).instantiate(new QuietHost());
    expect([...guest.save(0)]).toEqual([1, 2]);
  });

  it('shares one budget among its modules', async () => {
    const bytes = await parse(`(component
      (core module $spin (func (export "note") (loop $l (br $l))))
      (core module $mem (memory (export "memory") 1) (func (export "room") (param i32 i32 i32 i32) (result i32) (i32.const 4096)))
      ${contractModule('(import "spin" "note" (func $note))')}
      (core instance $s (instantiate $spin)) (core instance $lib (instantiate $mem))
      (core instance $main (instantiate $contract (with "spin" (instance $s))))
      (alias core export $lib "memory" (core memory $memory)) (alias core export $lib "room" (core func $room))
      ${lifted('$memory', '$room')})`);
    const guest = (await loadComponent(bytes)).instantiate(new QuietHost());
    expect(() => guest.save(0)).toThrow(/used up its fuel in save/);
    expect(guest.fuelLeft).toBeLessThan(0);
  });

  it('calls the last of many lowered functions of the host, and is refused with more than 1024', async () => {
    const lowering = (count: number): Promise<Uint8Array> => {
      const each = (text: (n: number) => string) => Array.from({ length: count }, (_, n) => text(n)).join('');
      return parse(`(component
        (import "arpa2:funnel/host@0.2.0" (instance $host (export "random" (func (result u64)))))
        (alias export $host "random" (func $random))
        ${each((n) => `(core func $r${n} (canon lower (func $random)))`)}
        ${LIBRARY}
        ${contractModule(`(import "lib" "memory" (memory 1)) ${each((n) => `(import "host" "a long name ${n}" (func $h${n} (result i64)))`)}
          (func $note (drop (call $h${count - 1})))`)}
        (core instance $lib (instantiate $library))
        (core instance $functions ${each((n) => `(export "a long name ${n}" (func $r${n}))`)})
        (core instance $main (instantiate $contract
          (with "lib" (instance $lib)) (with "host" (instance $functions))))
        (alias core export $lib "memory" (core memory $memory)) (alias core export $lib "room" (core func $room))
        ${lifted('$memory', '$room')})`);
    };
    const guest = (await loadComponent(await lowering(1024))).instantiate(new QuietHost());
    expect(() => guest.save(0)).toThrow(/called the host function "random" in save/);
    await expect(loadComponent(await lowering(1025))).rejects.toMatchObject({
      code: 'FT_COMPONENT_TOO_LARGE',
      message: expect.stringContaining('more than 1024 lowered functions'),
    });
  });

  it('divides the limit of memory among its memories', async () => {
    const bytes = await parse(`(component
      (core module $mem (memory (export "memory") 1) (func (export "note"))
        (func (export "room") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))
      ${contractModule('(import "lib" "note" (func $note)) (import "lib" "grow" (func $grow (param i32) (result i32))) (func $s (if (i32.ne (call $grow (i32.const 1)) (i32.const 1)) (then unreachable)) (if (i32.ne (call $grow (i32.const 1)) (i32.const -1)) (then unreachable))) (start $s)')}
      (core instance $other (instantiate $mem)) (core instance $lib (instantiate $mem))
      (core instance $main (instantiate $contract (with "lib" (instance $lib))))
      (alias core export $lib "memory" (core memory $memory)) (alias core export $lib "room" (core func $room))
      ${lifted('$memory', '$room')})`);
    (await loadComponent(bytes, { limits: { maxMemoryBytes: 4 * 65_536 } })).instantiate(new QuietHost());
    await expect(loadComponent(bytes, { limits: { maxMemoryBytes: 65_536 } })).rejects.toMatchObject({
      code: 'FT_COMPONENT_MEMORY',
    });
  });

  it('is refused if a function of the contract has no memory', async () => {
    const bytes = await parse(`(component ${LIBRARY} ${contractModule('(func $note)')}
      (core instance $main (instantiate $contract))
      ${lifted('$memory', '$room').replaceAll(/ \(memory \$memory\) \(realloc \$room\)/g, '')})`);
    await expect(loadComponent(bytes)).rejects.toThrow(/#describe" differs .*: it has no memory/);
  });

  it('is refused if its modules do not fit, before or while they are joined', async () => {
    const refused = async (core: string, args: string) =>
      loadComponent(
        await parse(`(component ${LIBRARY} ${contractModule(core)} (core instance $lib (instantiate $library))
          (core instance $main (instantiate $contract ${args}))
          (alias core export $lib "memory" (core memory $memory)) (alias core export $lib "room" (core func $room))
          ${lifted('$memory', '$room')})`),
      );
    const lib = '(with "lib" (instance $lib))';
    const note = '(import "lib" "note" (func $note))';
    await expect(refused(note, '')).rejects.toThrow(/does not give the core-func "note" from "lib"/);
    await expect(refused(`${note} (import "lib" "room" (func (param i64)))`, lib)).rejects.toThrow(
      /another signature/,
    );
    await expect(refused(`(import "lib" "memory" (func)) ${note}`, lib)).rejects.toThrow(/another sort/);
    const tooSmall = await refused(`(import "lib" "memory" (memory 9)) ${note}`, lib);
    expect(() => tooSmall.instantiate(new QuietHost())).toThrow(
      expect.objectContaining({
        code: 'FT_COMPONENT_INVALID',
        message: expect.stringMatching(/do not fit together/),
      }),
    );
  });
});

describe('a plan', () => {
  it('lists functions by interface, and the host functions that core code reaches', async () => {
    const plan = linkComponent(
      parseComponent(
        await parse(`(component
          (import "arpa2:funnel/host@0.2.0" (instance $h (export "random" (func (result u64))) (export "log" (func))))
          (core func $random (canon lower (func $h "random")))
          (core module $m (import "x" "r" (func (result i64))) (func (export "f")))
          (core instance $i (instantiate $m (with "x" (instance (export "r" (func $random))))))
          (func $f (canon lift (core func $i "f")))
          (export "alone" (func $f)) (instance $x (export "g" (func $f))) (export "a:b/c" (instance $x)))`),
      ),
    );
    expect([...plan.exports.keys()].sort()).toEqual(['#alone', 'a:b/c#g']);
    expect([...plan.hostFunctions]).toEqual(['arpa2:funnel/host@0.2.0#random']);
    expect(plan.instances).toHaveLength(1);
  });

  it('is refused if a name is given or imported twice, or an argument has another sort, used or not', () => {
    const type = section(7, [1, 0x40, 0, 1, 0]);
    const imported = (...names: string[]) =>
      section(10, vector(names.map((each) => [0, ...name(each), 1, 0])));
    const nested = section(4, componentOf(type, imported('f')));
    const plain = section(1, coreModule());
    const twice = [...name('x'), 0x12, 0];
    const given = (sort: number, index: number) => section(5, [1, 0, 0, 1, ...name('f'), sort, index]);
    const link = (...sections: Uint8Array[]) => linkComponent(parseComponent(componentOf(...sections)));
    const instance = section(2, [1, 0, 0, 0]);

    link(plain, instance, section(2, [1, 0, 0, 1, ...twice]));
    const invalid = (message: RegExp) =>
      expect.objectContaining({ code: 'FT_COMPONENT_INVALID', message: expect.stringMatching(message) });
    expect(() => link(plain, instance, section(2, [1, 0, 0, 2, ...twice, ...twice]))).toThrow(
      invalid(/gives "x" twice to a core module/),
    );
    link(type, imported('f', 'g'));
    expect(() => link(type, imported('f', 'f'))).toThrow(invalid(/imports "f" twice/));
    // The nested component never uses its import.
    link(type, imported('f'), nested, given(1, 0));
    expect(() => link(type, imported('f'), nested, given(4, 0))).toThrow(
      invalid(/gives a component as the func "f"/),
    );
    const without = section(5, [1, 0, 0, 0]);
    expect(() => link(nested, without)).toThrow(invalid(/does not give "f" to a component nested in it/));
  });
});
