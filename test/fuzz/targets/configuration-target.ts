import { checkConfiguration } from '../../../host/policy/check/check-configuration.ts';
import type { ConfigurationObject } from '../../../host/policy/configuration/configuration-schema.ts';
import { readYaml } from '../../../host/policy/configuration/read-yaml.ts';
import { samplePiece } from '../../../host/policy/testing/sample-pieces.ts';
import type { FuzzRandom } from '../fuzz-random.ts';
import { type FuzzTarget, insist, type OpenTarget } from '../fuzz-target.ts';

/**
 * A file of configuration: read as YAML, checked as a structure, and as a puzzle of pieces that are there.
 */
export const configurationTarget: FuzzTarget = {
  name: 'configuration',
  summary: 'configurations in YAML, from bytes to a puzzle or its mistakes',
  unit: 'configurations',
  maxBytes: 8192,
  open: async () => new ConfigurationRun(),
};

class ConfigurationRun implements OpenTarget {
  readonly seeds = SEEDS.map((text) => ENCODER.encode(text));

  generate(random: FuzzRandom): Uint8Array {
    let text = '';
    for (let n = random.below(60); n > 0; n--) text += random.one(LINES);
    return ENCODER.encode(text);
  }

  async execute(input: Uint8Array): Promise<number> {
    const reading = readYaml(DECODER.decode(input));
    for (const { place, message } of reading.problems) {
      insist(place.line >= 1 && place.column >= 1, 'a mistake without a place');
      insist(message.length > 0, 'a mistake without words');
    }
    // A file that is named is read, as for a user; here only those that the pieces below make needless.
    if (!reading.usable || !isSafe(reading.value)) return 1;
    // Whatever is written: that the structure is right is for the check to find out.
    const { puzzle, mistakes } = await checkConfiguration(reading.value as ConfigurationObject, {
      pieces: PIECES,
      environment: {},
      parameters: { device: 'fun7' },
      directory: '/nonexistent',
    });
    insist((puzzle === undefined) === mistakes.length > 0, 'neither a puzzle nor mistakes, or both');
    return 1;
  }
}

/** Absolute paths might name anything on this machine. */
function isSafe(value: unknown): boolean {
  return value !== undefined && value !== null && !JSON.stringify(value).includes('"/');
}

const PIECES = {
  tun: samplePiece('tun', {
    edges: { ip: ['ip down'] },
    settings: [setting('device', 'text'), setting('mtu', 'number')],
  }),
  six: samplePiece('six', {
    edges: { ipv6: ['ipv6 up headers'], 'carrier?': ['ipv4/udp/* down'] },
    settings: [
      setting('router', 'address'),
      setting('keepalive', 'duration'),
      setting('key', 'secret'),
      setting('direct', 'boolean'),
    ],
  }),
  udp: samplePiece('udp', { edges: { udp: ['ip/udp up'] } }),
  hub: samplePiece('hub', { edges: { 'net*': ['ip up', 'ip down', 'ip peer'] } }),
};

function setting(name: string, kind: 'text' | 'number' | 'address' | 'duration' | 'secret' | 'boolean') {
  return {
    name,
    kind,
    summary: name,
    repeated: kind === 'address',
    required: false,
    least: -Infinity,
    most: kind === 'number' ? 65_535 : Infinity,
    default: kind === 'number' ? '1500' : undefined,
  };
}

const SEEDS = [
  `pieces:
  home: { piece: tun, settings: { device: fun0, mtu: 1280 }, edges: { ip: lan } }
  six:
    piece: six
    settings: { router: [192.0.2.1, 192.0.2.2], keepalive: 30s, key: { env: KEY }, direct: true }
    edges: { ipv6: lan, carrier: wan }
    failure: restart
  wan: { piece: udp, edges: { udp: wan } }
`,
  `parameters: { device: fun0, key: { credential: k }, mtu: { default: 1280, env: MTU } }
include: [./no.yaml]
pieces:
  a: { piece: tun, settings: { device: "\${device}", mtu: "\${mtu}" }, edges: { ip: lan } }
  b: { piece: six, settings: { key: "\${key}" }, edges: { ipv6: lan } }
`,
  `pieces:
  a: &tun
    piece: tun
    edges:
      ip: one
  b: { <<: *tun, edges: { ip: [two] } }
  h:
    piece: hub
    edges: { net: [one, two, three] }
networks:
  one: { copies: true }
  three: {}
`,
];
const LINES = [
  'pieces:\n',
  '  a:\n',
  '  b: { piece: tun, edges: { ip: lan } }\n',
  '    piece: six\n',
  '    piece: "\\u001b[31m"\n',
  '    edges:\n',
  '      ipv6: lan\n',
  '      carrier: [wan, lan]\n',
  '    settings: { router: 1.2.3.4 }\n',
  '    settings:\n',
  '      keepalive: 30s\n',
  '      key: { env: X }\n',
  '    failure: bypass\n',
  '    limits: { memory: 64MiB }\n',
  '    grants: [log, listen]\n',
  'networks:\n',
  'parameters: { device: fun0 }\n',
  'parameters:\n  device:\n',
  'include: [a, ../b.yaml, /c]\n',
  `"\${device}"`,
  `$\${`,
  '  lan: { copies: true }\n',
  '# comment\n',
  '  c: &x [*x]\n',
  '  d: *y\n',
  '  ? [a, b]\n',
  '  : >-\n',
  '    text\n',
  '\t',
  ' ',
  '---\n',
  '...\n',
  '%YAML 1.1\n',
  '%TAG ! tag:x,1:\n',
  '  "__proto__": { piece: hub }\n',
  '  constructor: 1\n',
  '"',
  "'",
  '{',
  '}',
  '[',
  ']',
  '|\n',
  '!!binary ',
  '!x ',
  '0x10',
  '.inf',
  '~',
  '1e999',
  '\u2028',
  '\u0000',
  'é',
  '<<: ',
  '- ',
  ': ',
  ',',
];
const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();
