import { IMPORTS } from '../../../abi/host/contract.ts';
import { ComponentError } from '../wasm/component-error.ts';
import type { LinkPlan } from './link-plan.ts';

/**
 * Permission to use a function of the host. `listen` (which includes `unlisten`) and `offer` have effects
 * outside the piece, so they are granted by Edge: `listen:carrier` is for the Edge `carrier`, and plain
 * `listen` for every Edge.
 */
export type Grant = PlainGrant | UsableGrant | `${UsableGrant}:${string}`;
/** Permissions that are granted by Edge. */
export type UsableGrant = 'listen' | 'offer';
export type PlainGrant = 'log' | 'random' | 'utc' | 'crypto';

/** The grants of a component unless the configuration lists others. */
export const DEFAULT_GRANTS: ReadonlySet<Grant> = new Set(['log', 'random', 'utc']);

/** Whether `grant` holds for the Edge of this name. */
export function mayUse(grants: ReadonlySet<Grant>, grant: UsableGrant, edge: string): boolean {
  return grants.has(grant) || grants.has(`${grant}:${edge}`);
}

/** The name of a function that pieces may import. */
export type HostFunctionName = keyof typeof IMPORTS;

/** The grant that each function needs. */
const GRANT_OF: Record<HostFunctionName, PlainGrant | UsableGrant> = {
  log: 'log',
  // Both only inform the user.
  status: 'log',
  random: 'random',
  utc: 'utc',
  listen: 'listen',
  unlisten: 'listen',
  offer: 'offer',
  importKey: 'crypto',
  deriveKey: 'crypto',
  dropKey: 'crypto',
  protect: 'crypto',
  unprotect: 'crypto',
  // The same native code, and keys that `crypto` uses.
  ownFingerprint: 'crypto',
  openSession: 'crypto',
  receive: 'crypto',
  expire: 'crypto',
  exportKeys: 'crypto',
  closeSession: 'crypto',
};

/**
 * Checks that every import is of the contract, and that every host function that core code can reach is
 * granted. Imported types give no authority.
 *
 * @throws {ComponentError} FT_COMPONENT_IMPORT, which names all reasons at once.
 */
export function checkImports(plan: LinkPlan, grants: ReadonlySet<Grant>): void {
  const foreign = plan.imports.filter(
    (each) => each.sort !== 'instance' || contractInterface(each.name) === undefined,
  );
  const missing = new Set<PlainGrant | UsableGrant>();
  const unknown: string[] = [];
  for (const name of plan.hostFunctions) {
    const hash = name.lastIndexOf('#');
    const from = name.slice(0, hash);
    if (contractInterface(from) === undefined) continue; // it is among the foreign ones
    const known = hostFunctionNamed(from, name.slice(hash + 1));
    if (known === undefined) unknown.push(name);
    else if (!isGranted(grants, GRANT_OF[known])) missing.add(GRANT_OF[known]);
  }
  const reasons: string[] = [];
  if (foreign.length > 0) {
    reasons.push(
      `it imports ${list(foreign.map((each) => each.name))}, but a piece can import only arpa2:funnel/host@0.2, arpa2:funnel/crypto@0.2 and arpa2:funnel/tls@0.2; build it without ${foreign.some((each) => each.name.startsWith('wasi:')) ? 'WASI' : 'these'}`,
    );
  }
  if (unknown.length > 0) {
    reasons.push(
      `it imports ${list(unknown)}, which this host does not have; use a newer host or an older piece`,
    );
  }
  if (missing.size > 0) {
    reasons.push(
      `it was not granted ${list([...missing])}; give it ${grantsText([...missing])} in the configuration, or use another piece`,
    );
  }
  if (reasons.length === 0) return;
  throw new ComponentError('FT_COMPONENT_IMPORT', `the component is refused: ${reasons.join('; and ')}`);
}

/** The grants that the functions which core code can reach need, in the order of the contract. */
export function wantedGrants(plan: LinkPlan): readonly (PlainGrant | UsableGrant)[] {
  const wanted = new Set<string>();
  for (const name of plan.hostFunctions) {
    const hash = name.lastIndexOf('#');
    const known = hostFunctionNamed(name.slice(0, hash), name.slice(hash + 1));
    if (known !== undefined) wanted.add(GRANT_OF[known]);
  }
  return ALL_GRANTS.filter((grant) => wanted.has(grant));
}

/** Each grant, for every Edge. */
export const ALL_GRANTS: readonly (PlainGrant | UsableGrant)[] = [
  'log',
  'random',
  'utc',
  'crypto',
  'listen',
  'offer',
];

/** In the notation of a configuration: `grants: { listen: [EDGE, …] }`. */
function grantsText(grants: readonly (PlainGrant | UsableGrant)[]): string {
  const entries = grants.map((grant) => `${grant}: ${isByEdge(grant) ? '[EDGE, …]' : 'true'}`);
  return `\`grants: { ${entries.join(', ')} }\``;
}

export function isByEdge(grant: PlainGrant | UsableGrant): grant is UsableGrant {
  return grant === 'listen' || grant === 'offer';
}

/** Whether a component may import a function: it is granted on some Edge. */
function isGranted(grants: ReadonlySet<Grant>, grant: PlainGrant | UsableGrant): boolean {
  if (grants.has(grant)) return true;
  if (isByEdge(grant)) for (const each of grants) if (each.startsWith(`${grant}:`)) return true;
  return false;
}

/** Returns the host function that has this name in this interface, whatever its version 0.2.x. */
export function hostFunctionNamed(iface: string, name: string): HostFunctionName | undefined {
  const from = contractInterface(iface);
  return from === undefined ? undefined : BY_NAME.get(`${from}#${name}`);
}

const CONTRACT_INTERFACE = /^arpa2:funnel\/([a-z0-9-]+)@0\.2\.\d+$/;

/** All functions that pieces may import. */
export const HOST_FUNCTION_NAMES: readonly HostFunctionName[] =
  Object.keys(IMPORTS).filter(isHostFunctionName);

const BY_NAME: ReadonlyMap<string, HostFunctionName> = new Map(
  HOST_FUNCTION_NAMES.map((known) => [
    `${contractInterface(IMPORTS[known].interface)}#${IMPORTS[known].name}`,
    known,
  ]),
);

/** The name of an interface of the contract, in any version 0.2.x, without package and version. */
export function contractInterface(name: string): string | undefined {
  return CONTRACT_INTERFACE.exec(name)?.[1];
}

function isHostFunctionName(name: string): name is HostFunctionName {
  return Object.hasOwn(IMPORTS, name);
}

function list(names: readonly string[]): string {
  return names.map((name) => JSON.stringify(name)).join(', ');
}
