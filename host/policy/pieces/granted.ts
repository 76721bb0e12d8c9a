import { type Grant, isByEdge } from '../../engine/component/grants.ts';
import { type GivenGrants, GRANTS } from '../configuration/configuration-schema.ts';

/**
 * The grants of a component, sorted and unique. `log`, `random` and `utc` are granted unless the
 * configuration removes them. `crypto` runs native code, and `listen` and `offer` reach beyond the piece, so
 * a component file has them only where the configuration grants them. Built-in components have them, on all
 * their Edges, since they were reviewed with the Funnel.
 */
export function grantsOf(given: GivenGrants | null | undefined, isBuiltIn: boolean): readonly Grant[] {
  if (Array.isArray(given)) return inOrder(given.filter(isGrant));
  const asked = given ?? {};
  const grants: Grant[] = [];
  for (const grant of GRANTS) {
    if (!isByEdge(grant)) {
      if (asked[grant] ?? (grant !== 'crypto' || isBuiltIn)) grants.push(grant);
      continue;
    }
    const edges = asked[grant] ?? isBuiltIn;
    if (edges === true) grants.push(grant);
    else if (edges !== false) for (const edge of [edges].flat()) grants.push(`${grant}:${edge}`);
  }
  return inOrder(grants);
}

/** The Edges that grants name. */
export function edgesGranted(grants: readonly Grant[]): readonly string[] {
  return [
    ...new Set(
      grants.filter((grant) => grant.includes(':')).map((grant) => grant.slice(grant.indexOf(':') + 1)),
    ),
  ];
}

/** The schema has checked the texts of a configuration. */
function isGrant(text: string): text is Grant {
  return GRANTS.some((grant) => text === grant || (isByEdge(grant) && text.startsWith(`${grant}:`)));
}

function inOrder(grants: readonly Grant[]): readonly Grant[] {
  return [...new Set(grants)].sort();
}
