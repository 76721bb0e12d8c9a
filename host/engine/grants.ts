import { IMPORTS } from '../../abi/host/contract.ts';
import { ComponentError } from './component-error.ts';
import type { LinkPlan } from './link-plan.ts';

/** A function of the interface `arpa2:funnel/host`, as far as it is granted by name. `unlisten` comes with `listen`. */
export type Grant = 'log' | 'random' | 'utc' | 'listen' | 'offer';

/** What a component may use unless the configuration says otherwise; the others are granted by Edge. */
export const DEFAULT_GRANTS: ReadonlySet<Grant> = new Set(['log', 'random', 'utc']);

/** The name of a function that pieces may import. */
export type HostFunctionName = keyof typeof IMPORTS;

/** Which grant each function needs. */
const GRANT_OF: Record<HostFunctionName, Grant> = {
  log: 'log',
  random: 'random',
  utc: 'utc',
  listen: 'listen',
  unlisten: 'listen',
  offer: 'offer',
};

/**
 * Every import must be of the contract, and every function of the host that core code could reach must be granted. Types
 * that are imported give no authority.
 *
 * @throws {ComponentError} FT_COMPONENT_IMPORT, which names all at once.
 */
export function checkImports(plan: LinkPlan, grants: ReadonlySet<Grant>): void {
  const foreign = plan.imports.filter(
    (each) => each.sort !== 'instance' || contractInterface(each.name) === undefined,
  );
  const missing = new Set<Grant>();
  const unknown: string[] = [];
  for (const name of plan.hostFunctions) {
    const hash = name.lastIndexOf('#');
    const from = contractInterface(name.slice(0, hash));
    if (from === undefined) continue; // is among the foreign ones
    const known = from === 'host' ? hostFunctionNamed(name.slice(hash + 1)) : undefined;
    if (known === undefined) unknown.push(name);
    else if (!grants.has(GRANT_OF[known])) missing.add(GRANT_OF[known]);
  }
  const reasons: string[] = [];
  if (foreign.length > 0) {
    reasons.push(
      `it imports ${list(foreign.map((each) => each.name))}, and a piece is given only arpa2:funnel/host@0.1; build it without ${foreign.some((each) => each.name.startsWith('wasi:')) ? 'WASI' : 'these'}`,
    );
  }
  if (unknown.length > 0) {
    reasons.push(
      `it imports ${list(unknown)}, which this host does not have; use a newer host or an older piece`,
    );
  }
  if (missing.size > 0) {
    reasons.push(
      `it was not granted ${list([...missing])}; add ${missing.size > 1 ? 'these' : 'this'} to the piece's grants, or use another piece`,
    );
  }
  if (reasons.length === 0) return;
  throw new ComponentError('FT_COMPONENT_IMPORT', `the component is refused: ${reasons.join('; and ')}`);
}

/** The function of the host that has this name in its interface. */
export function hostFunctionNamed(name: string): HostFunctionName | undefined {
  return isHostFunctionName(name) ? name : undefined;
}

/** The name of an interface of the contract, in any version 0.1.x, without package and version. */
export function contractInterface(name: string): string | undefined {
  return CONTRACT_INTERFACE.exec(name)?.[1];
}

const CONTRACT_INTERFACE = /^arpa2:funnel\/([a-z0-9-]+)@0\.1\.\d+$/;

function isHostFunctionName(name: string): name is HostFunctionName {
  return Object.hasOwn(IMPORTS, name);
}

function list(names: readonly string[]): string {
  return names.map((name) => JSON.stringify(name)).join(', ');
}
