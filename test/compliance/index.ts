// The compliance suite: `import { complianceChecks } from 'funnel-tunnel/testing'`. It needs jco, as building
// a piece does.

export { type ComplianceCheck, type ComplianceOptions, complianceChecks } from './compliance-checks.ts';
export { brokenRules, enter, type Ledger } from './outcome-rules.ts';
export { randomNumbers, randomTraffic, type Traffic } from './random-traffic.ts';
export { runByOffset } from './run-by-offset.ts';
export { type BoundComponent, type BoundPiece, runThroughBindings } from './run-through-bindings.ts';
