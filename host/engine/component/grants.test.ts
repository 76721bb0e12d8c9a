import { expect, it } from 'vitest';
import type { ComponentError } from '../wasm/component-error.ts';
import { checkImports, type Grant } from './grants.ts';
import type { LinkPlan } from './link-plan.ts';

/** Returns why a component with these imports and host functions is refused; undefined where it is not. */
function refusal(names: readonly string[], functions: readonly string[] = [], grants: readonly Grant[] = []) {
  const imports = names.map((name) => ({ name, sort: 'instance', offset: 0 }));
  const plan = { imports, hostFunctions: new Set(functions) } as unknown as LinkPlan;
  try {
    checkImports(plan, new Set(grants));
  } catch (error) {
    expect((error as ComponentError).code).toBe('FT_COMPONENT_IMPORT');
    return (error as ComponentError).message;
  }
  return undefined;
}

const HOST = 'arpa2:funnel/host@0.2.0';

it.each([
  [['wasi:cli/environment@0.2.3'], /imports "wasi:cli\/environment@0\.2\.3", but .* build it without WASI$/],
  [['a:b/c@1.0.0'], /imports "a:b\/c@1\.0\.0", but .* build it without these$/],
  [['a:wasi:/c'], /build it without these$/],
  [['a:b/c@1.0.0', 'wasi:io/x@0.2.0', HOST], /imports "a:b\/c@1\.0\.0".*"wasi:io\/x@0\.2\.0", but .*WASI$/],
])('imports of others are refused by name: %j', (names, message) => {
  expect(refusal(names)).toMatch(message);
});

it('functions that this host does not have, or does not grant, are refused, all at once', () => {
  expect(refusal([HOST], [`${HOST}#random`], ['random'])).toBeUndefined();
  const message = refusal(['a:b/c'], [`${HOST}#random`, `${HOST}#future`, 'a:b/c#f']);
  expect(message).toMatch(
    /imports "a:b\/c", .*; and it imports \S+#future", which this host does not have.*; and it was not granted "random"/,
  );
  expect(message).not.toContain('a:b/c#f');
});
