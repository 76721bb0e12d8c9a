import type { IConfiguration, IForbiddenRuleType } from 'dependency-cruiser';

/**
 * The layout is the architecture: each folder, and the folders that it may import from. A folder stands below
 * all that it imports from.
 */
export const layers: readonly (readonly [folder: string, knows: readonly string[]])[] = [
  ['abi', []],
  ['pieces-as', ['abi']],
  ['host/stack', []],
  ['host/frame', ['host/stack', 'abi']],
  ['host/piece', ['host/stack', 'host/frame', 'abi']],
  ['host/engine', ['host/piece', 'host/frame', 'abi']],
  ['host/endpoint', ['host/piece', 'host/frame', 'host/stack']],
  ['host/puzzle', ['host/piece', 'host/frame', 'host/stack']],
  ['host/policy', ['host/puzzle', 'host/engine', 'host/endpoint']],
  ['host/daemon', ['host/policy', 'host/puzzle']],
  ['host/exec', ['host/policy', 'host/endpoint']],
  ['host/cli', ['host/policy', 'host/daemon', 'host/exec']],
];

/**
 * The subfolders of `host/endpoint` may import from its root, but not from its catalogue, which imports them.
 */
const ENDPOINT_ROOT = ['host/endpoint/(?!catalogue)[^/]+\\.ts$'];

/**
 * The subfolders of the large folders, bottom up: each, and what it may import from its own folder. The root
 * of a folder may import from all of its subfolders. `layers` decides what a subfolder may import from other
 * folders.
 */
export const subfolders: readonly (readonly [subfolder: string, knows: readonly string[]])[] = [
  ['host/stack/registry', []],
  ['host/engine/wasm', []],
  ['host/engine/component', ['host/engine/wasm']],
  ['host/engine/instance', ['host/engine/wasm', 'host/engine/component']],
  ['host/engine/crossing', ['host/engine/instance']],
  ['host/endpoint/socket', ENDPOINT_ROOT],
  ['host/endpoint/stream', ENDPOINT_ROOT],
  ['host/endpoint/device', ENDPOINT_ROOT],
  ['host/endpoint/capture', ENDPOINT_ROOT],
  ['host/endpoint/namespace', ENDPOINT_ROOT],
  ['host/endpoint/process', [...ENDPOINT_ROOT, 'host/endpoint/namespace', 'host/endpoint/stream']],
  ['host/endpoint/socks', [...ENDPOINT_ROOT, 'host/endpoint/socket', 'host/endpoint/stream']],
  ['host/endpoint/library', [...ENDPOINT_ROOT, 'host/endpoint/namespace', 'host/endpoint/socks']],
  ['host/endpoint/uplink', [...ENDPOINT_ROOT, 'host/endpoint/device', 'host/endpoint/namespace']],
  ['host/puzzle/plan', []],
  ['host/puzzle/reach', ['host/puzzle/plan']],
  ['host/puzzle/runtime', ['host/puzzle/plan', 'host/puzzle/reach']],
  ['host/puzzle/change', ['host/puzzle/plan', 'host/puzzle/reach', 'host/puzzle/runtime']],
  ['host/policy/configuration', []],
  ['host/policy/pieces', ['host/policy/configuration']],
  ['host/policy/check', ['host/policy/configuration', 'host/policy/pieces']],
  ['host/policy/lane', ['host/policy/pieces', 'host/policy/check']],
  ['host/cli/text', []],
  ['host/cli/report', ['host/cli/text']],
  ['host/cli/commands', ['host/cli/text', 'host/cli/report']],
];

/**
 * Imports that all of the host may have: the base class of its errors, the search for similar names, the
 * display of foreign text, the writing of files, and the types of the contract. These files import nothing.
 */
const foundations = [
  'host/stack/funnel-error.ts',
  'host/stack/nearest-name.ts',
  'host/stack/foreign-text.ts',
  'host/stack/output-file.ts',
  'abi/host/contract.ts',
];

/** Files of the project, as opposed to packages and Node itself. */
const project = '^(abi|bench|host|pieces-as|test|tools|wit)/';

/** Tests, and modules that only tests import. */
const tests = '\\.test\\.ts$|/testing/';

const climbs: IForbiddenRuleType[] = layers.map(([folder, knows]) => {
  const known = [folder, ...knows];
  return {
    name: 'climbs',
    comment: `${folder} may import from ${known.join(', ')}`,
    severity: 'error',
    from: { path: `^${folder}/` },
    to: {
      path: project,
      pathNot: [
        // Another rule decides who may import these.
        '^(test|tools)/',
        ...known.map((name) => `^${name}/`),
        ...(folder.startsWith('host/') ? foundations.map((file) => `^${file}$`) : []),
      ],
    },
  };
});

/** A test stands in the subfolder of its subject, and may import from the whole folder. */
const climbsInside: IForbiddenRuleType[] = subfolders.map(([subfolder, knows]) => ({
  name: 'climbs-inside',
  comment: `${subfolder} may import from its folder only ${[subfolder, ...knows].join(', ')}`,
  severity: 'error',
  from: { path: `^${subfolder}/`, pathNot: tests },
  to: {
    path: `^${subfolder.split('/').slice(0, 2).join('/')}/`,
    pathNot: [`^${subfolder}/`, ...knows.map((name) => (name.endsWith('$') ? `^${name}` : `^${name}/`))],
  },
}));

export const rules: NonNullable<IConfiguration['forbidden']> = [
  ...climbs,
  ...climbsInside,
  {
    name: 'host-knows-tests',
    comment: 'what runs for the user does not depend on what tests it, nor on the tools',
    severity: 'error',
    from: { path: '^(abi/(as|host)|host|pieces-as)/', pathNot: tests },
    to: { path: `^(test|tools)/|^host/.*(${tests})` },
  },
  {
    name: 'cycle',
    comment: 'of two modules that need each other, one has something that belongs elsewhere',
    severity: 'error',
    from: {},
    to: { circular: true },
  },
  {
    name: 'needs-the-toolchain',
    comment: 'a host that only runs pieces installs no development dependency',
    severity: 'error',
    from: { path: '^host/', pathNot: tests },
    to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
  },
  {
    name: 'not-there',
    comment: 'an import that leads nowhere hides what it would have broken',
    severity: 'error',
    from: {},
    to: { couldNotResolve: true },
  },
];
