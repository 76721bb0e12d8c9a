/**
 * The areas that `npm run mutate` knows: which source each one changes, which tests have to notice, and the
 * share of changes, in percent, that they have to notice.
 */

/** @typedef {{ name: string, source: string, tests: string[], floor: number }} Area */

const core = 90;
const rest = 80;

/**
 * Host folders, bottom up. Tests of upper folders count only where they are about the area. A pattern with
 * `!` in front leaves tests out: those that start other processes or threads, which run what is built and so
 * notice nothing here, and those that take long for what other tests of the area notice, too.
 *
 * @type {readonly Area[]}
 */
export const hostAreas = [
  area('stack', core, []),
  area('frame', core, []),
  area('piece', core, ['host/engine/crossing/*.test.ts']),
  area('engine', core, ['test/compliance/outcome-rules.test.ts', 'test/hostile/{outcomes,words}.test.ts']),
  area('endpoint', rest, [
    '!host/endpoint/addon.test.ts',
    '!host/endpoint/stream/{tcp-many,stream-memory}.test.ts',
    '!host/endpoint/socket/packet-filter.test.ts',
  ]),
  area('puzzle', core, ['test/puzzle/*.test.ts']),
  area('policy', rest, ['!host/policy/lane/worker-lane.test.ts', '!host/policy/pieces/examiner.test.ts']),
  area('daemon', rest, []),
  area('cli', rest, ['!host/cli/{command,foreign-output,main}.test.ts']),
];

function area(folder, floor, tests) {
  return {
    name: `host/${folder}`,
    source: `host/${folder}/`,
    tests: [`host/${folder}/**/*.test.ts`, ...tests],
    floor,
  };
}

/** @type {Readonly<Record<string, string[]>>} The tests of each piece that comes with the Funnel. */
const pieceTests = {
  '6bed4': ['test/6bed4/protocol.test.ts', 'test/6bed4/peer.test.ts', 'test/6bed4/compliance.test.ts'],
  '6bed4-router': ['test/6bed4/router.test.ts', 'test/6bed4/compliance.test.ts'],
  'frame-sequence': [
    'test/pieces/frame-sequence-messages.test.ts',
    'test/pieces/frame-sequence-stream.test.ts',
  ],
  fault: ['test/pieces/fault.test.ts'],
  ppp: ['test/pieces/ppp.test.ts'],
  'rtp-encryption': [
    'test/rtp-encryption/calls.test.ts',
    'test/rtp-encryption/dtls.test.ts',
    'test/rtp-encryption/fuel.test.ts',
    'test/rtp-encryption/policies.test.ts',
    'test/rtp-encryption/situations.test.ts',
  ],
  srtp: ['test/srtp/srtp.test.ts', 'test/srtp/header-extension.test.ts'],
  tap: ['test/pieces/tap.test.ts'],
  hub: ['test/compliance/sdk.test.ts', 'test/compliance/pieces.test.ts'],
  echo: ['test/compliance/sdk.test.ts', 'test/compliance/pieces.test.ts'],
  concentrator: ['test/concentrator/*.test.ts'],
  'mdns-reflector': ['test/mdns-reflector/*.test.ts'],
  'resend-detector': ['test/resend-detector/*.test.ts'],
  sctp: ['test/sctp/*.test.ts'],
  sipproxy64: ['test/sipproxy64/*.test.ts'],
};

/** @type {readonly Area[]} */
export const pieceAreas = Object.entries(pieceTests).map(([name, tests]) => ({
  name: `pieces-as/${name}`,
  source: `pieces-as/${name}/assembly/`,
  tests,
  floor: rest,
}));

export const kernelArea = {
  name: 'host/engine/kernel',
  source: 'host/engine/kernel/assembly/',
  tests: ['host/engine/crossing/*.test.ts', 'host/piece/*.test.ts'],
  floor: core,
};

export const areas = [...hostAreas, kernelArea, ...pieceAreas];

/**
 * The areas that these arguments name: a name of an area, or a file or folder in one.
 *
 * @param {readonly string[]} names
 * @returns {{ area: Area, below: string }[]} `below` is the part of the area's source that is meant
 * @throws {RangeError} where a name is in no area
 */
export function areasNamed(names) {
  return names.map((given) => {
    const name = given.replace(/\/+$/, '');
    const exact = areas.find((each) => each.name === name);
    if (exact !== undefined) return { area: exact, below: exact.source };
    // The kernel stands inside the engine, and a compiler of its own makes it: the longest match is the area.
    const [found] = areas
      .filter(({ source }) => `${name}/`.startsWith(source))
      .sort((a, b) => b.source.length - a.source.length);
    if (found === undefined)
      throw new RangeError(`${given} is in no area; there are ${areas.map((each) => each.name).join(', ')}`);
    return { area: found, below: name.endsWith('.ts') ? name : `${name}/` };
  });
}
