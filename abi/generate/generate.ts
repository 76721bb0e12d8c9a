import { componentEmbed } from '@bytecodealliance/jco-transpile/wasm-tools';
import { componentTypeSection, decodeWorld } from './decode-world.ts';
import { docComments } from './doc-comments.ts';
import { emitAssemblyScript, emitAssemblyScriptExports } from './emit-assemblyscript.ts';
import { emitC } from './emit-c.ts';
import { emitTypeScript } from './emit-typescript.ts';

/** The generated files, by their path from the root of the project. */
export async function generate(wit: string): Promise<Map<string, string>> {
  const module = await componentEmbed({ dummy: true, witSource: wit, world: 'piece' });
  const world = decodeWorld(componentTypeSection(module));
  const docs = docComments(wit);
  return new Map([
    ['abi/host/contract.ts', emitTypeScript(world, docs)],
    ['abi/as/generated.ts', emitAssemblyScript(world, docs)],
    ['abi/as/generated-exports.ts', emitAssemblyScriptExports(world)],
    ['abi/c/funnel.h', emitC(world, docs)],
  ]);
}
