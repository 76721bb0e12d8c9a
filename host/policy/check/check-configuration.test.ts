import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { samplePlace } from '../../puzzle/testing/sample-place.ts';
import { ConfigurationError, formatMistake } from '../configuration/configuration-error.ts';
import type { ConfigurationObject } from '../configuration/configuration-schema.ts';
import { makerOf } from '../pieces/piece-spec.ts';
import { samplePiece, sampleSetting } from '../testing/sample-pieces.ts';
import { checkConfiguration, type PolicyOptions, preparePuzzle } from './check-configuration.ts';

const directory = mkdtempSync(join(tmpdir(), 'funnel-policy-'));
afterAll(() => rmSync(directory, { recursive: true }));

const pieces = {
  device: samplePiece('device', {
    edges: { ip: ['ip down'] },
    settings: [
      sampleSetting('device text = fun%d'),
      sampleSetting('mtu number = 1500'),
      sampleSetting('address address …'),
      sampleSetting('up boolean = false'),
      sampleSetting('key secret'),
      sampleSetting('pause duration = 30s'),
    ],
  }),
  socket: samplePiece('socket', {
    edges: { udp: ['ip/udp up'] },
    settings: [sampleSetting('port number …')],
    refuse: (settings) =>
      Number(settings.get('port')) > 65_535
        ? [{ setting: 'port', message: 'a port is at most 65535' }]
        : undefined,
  }),
  six: samplePiece('six', {
    edges: { ipv6: ['ipv6 up headers'], carrier: ['ipv4/udp/* down', 'ipv4/udp/*/ipv6 down headers'] },
    settings: [sampleSetting('router address'), sampleSetting('port number')],
    refuse: (settings) =>
      settings.has('router') ? undefined : [{ setting: 'router', message: 'it has no router to begin with' }],
  }),
  plain: samplePiece('plain', {}),
};

const options: PolicyOptions = { pieces, directory, environment: { TOKEN: 'hush' } };

/** Returns all mistakes of a YAML text, each in its printed form. */
async function mistakesOf(text: string, more: PolicyOptions = {}): Promise<string[]> {
  writeFileSync(join(directory, 'x.yaml'), text);
  const { mistakes } = await checkConfiguration('x.yaml', { ...options, ...more });
  return mistakes.map(formatMistake);
}

const GOOD = `pieces:
  home:
    piece: device
    settings: { device: fun0, up: true, address: [10.0.0.1/24, "fc64::1/114"], pause: 5, mtu: 0x500 }
    edges: { ip: lan }
  six:
    piece: six
    settings: { router: 192.0.2.1 }
    edges: { ipv6: lan, carrier: wan }
  wan:
    piece: socket
    settings: { port: 25790 }
    edges: { udp: wan }
`;

describe('what a piece reports about its settings', () => {
  const six = (settings: string) =>
    mistakesOf(
      `pieces:\n  six: { piece: six, settings: { ${settings} }, edges: { ipv6: lan, carrier: wan } }\n`,
    );
  const ownOf = (mistakes: readonly string[]) =>
    mistakes.flatMap((each) => /FT_SETTING_\w+: .*/.exec(each)?.[0] ?? []);

  it('is left out for a setting that has a mistake already', async () => {
    expect(ownOf(await six('router: nowhere, port: 1'))).toEqual([
      expect.stringMatching(/^FT_SETTING_VALUE: setting `router` of `six` is `nowhere`/),
    ]);
    expect(ownOf(await six('port: 1'))).toEqual([
      expect.stringMatching(/^FT_SETTING_MISSING: .*it has no router to begin with/),
    ]);
    expect(ownOf(await six('port: two'))).toEqual([
      expect.stringMatching(/^FT_SETTING_VALUE: setting `port` of `six` is `two`/),
    ]);
  });

  it('is heard without any settings, too, if one has a default', async () => {
    const refuse = (settings: ReadonlyMap<string, string>) =>
      settings.has('file') ? undefined : [{ setting: 'file', message: 'it has no file' }];
    const found = async (...settings: string[]) => {
      const gauge = samplePiece('gauge', { settings: settings.map(sampleSetting), refuse });
      return ownOf(await mistakesOf('pieces:\n  one: { piece: gauge }\n', { pieces: { gauge } }));
    };
    expect(await found('file text', 'level number = 3')).toEqual([
      expect.stringMatching(/^FT_SETTING_MISSING: .*it has no file/),
    ]);
    expect(await found('file text', 'level number')).toEqual([]);
  });

  it('has the place of the value in the file, also where it comes from a running lane', async () => {
    writeFileSync(
      join(directory, 'x.yaml'),
      'pieces:\n  home: { piece: device, edges: { ip: lan } }\n  web: { piece: socket, settings: { port: 80 }, edges: { udp: lan } }\n',
    );
    const tcp = samplePiece('socket', {
      edges: { udp: ['ip up'] },
      settings: [sampleSetting('port number')],
    });
    const { puzzle } = await checkConfiguration('x.yaml', { ...options, pieces: { ...pieces, socket: tcp } });
    const mistake = { code: 'FT_PIECE_START', message: 'in use', piece: 'web' };
    expect(puzzle!.locate({ ...mistake, setting: 'port' })).toMatchObject({ line: 3, column: 43 });
    expect(puzzle!.locate(mistake)).toMatchObject({ line: 3 });
  });
});

describe('checkConfiguration', () => {
  it('accepts an interval for saving, and refuses a bypass that is impossible', async () => {
    const with6 = (line: string) => GOOD.replace('  six:\n', `  six:\n    ${line}\n`);
    expect(await mistakesOf(with6('save: 90s'))).toEqual([]);
    const { pieces } = await preparePuzzle('x.yaml', options);
    expect(pieces.map(({ spec }) => spec.saveEveryMs)).toEqual([undefined, 90_000, undefined]);
    expect((await mistakesOf(with6('save: 5ms')))[0]).toMatch(/FT_CONFIG_SCHEMA: `save` is `5ms`/);
    expect((await mistakesOf(with6('failure: bypass')))[0]).toMatch(/x.yaml:.*FT_BYPASS_IMPOSSIBLE: /);
  });

  it('makes a puzzle of a good configuration', async () => {
    expect(await mistakesOf(GOOD)).toEqual([]);
    const puzzle = await preparePuzzle('x.yaml', options);
    expect(puzzle.pieces.map(({ place, reference }) => [place.name, reference, [...place.edges]])).toEqual([
      ['home', 'device', [['ip', ['lan']]]],
      [
        'six',
        'six',
        [
          ['ipv6', ['lan']],
          ['carrier', ['wan']],
        ],
      ],
      ['wan', 'socket', [['udp', ['wan']]]],
    ]);
    expect(puzzle.pieces.map(({ spec }) => [spec.source.kind, spec.failure])).toEqual(
      Array(3).fill(['native', 'closed']),
    );
    expect([...puzzle.networks]).toEqual([
      ['lan', { copies: false }],
      ['wan', { copies: false }],
    ]);
    expect(puzzle.joints.map(({ name, pairs }) => [name, pairs.map(({ stack }) => stack)])).toEqual([
      ['lan', ['ipv6']],
      ['wan', ['ipv4/udp/*', 'ipv4/udp/*/ipv6']],
    ]);
  });

  it('gives settings to pieces in canonical form', async () => {
    const make = vi.fn(pieces.device.make);
    writeFileSync(join(directory, 'x.yaml'), GOOD);
    const puzzle = await preparePuzzle('x.yaml', {
      ...options,
      pieces: { ...pieces, device: { ...pieces.device, make } },
    });
    await makerOf(puzzle.pieces[0]!.spec, puzzle.checkContext.protocols).make(
      undefined as never,
      undefined as never,
    );
    expect(make.mock.calls[0]![3]).toEqual([
      ['device', 'fun0'],
      ['up', 'true'],
      ['address', '10.0.0.1/24'],
      ['address', 'fc64::1/114'],
      ['pause', '5s'],
      ['mtu', '1280'],
    ]);
  });

  it('accepts the same structure as an object, and reports mistakes by their path', async () => {
    const good: ConfigurationObject = {
      pieces: {
        home: { piece: 'device', edges: { ip: 'lan' } },
        six: { piece: 'six', settings: { router: '192.0.2.1' }, edges: { ipv6: 'lan', carrier: 'wan' } },
        wan: { piece: 'socket', settings: { port: [1, 2] }, edges: { udp: 'wan' } },
      },
    };
    expect((await checkConfiguration(good, options)).mistakes).toEqual([]);
    const bad = structuredClone(good);
    bad.pieces.home!.settings = { mtu: 'big' };
    bad.pieces.wan!.settings = { port: [1, 'two'] };
    expect((await checkConfiguration(bad, options)).mistakes.map(formatMistake)).toEqual([
      'pieces.home.settings.mtu: FT_SETTING_VALUE: setting `mtu` of `device` is `big`, but must be a number — write it in decimal digits',
      'pieces.wan.settings.port[1]: FT_SETTING_VALUE: setting `port` of `socket` is `two`, but must be a number — write it in decimal digits',
    ]);
    await expect(preparePuzzle(bad, options)).rejects.toThrow(ConfigurationError);
  });

  it('knows required settings and ranges from the description, without asking the piece twice', async () => {
    const gauge = samplePiece('gauge', {
      edges: { ip: ['ip up'] },
      settings: [
        sampleSetting('file text!'),
        sampleSetting('level number 1..9'),
        sampleSetting('every duration 1000..60000'),
      ],
      refuse: (settings) =>
        settings.has('file') ? undefined : [{ setting: 'file', message: 'file is not given' }],
    });
    const mistakes = async (settings: Record<string, string | number>) => {
      const configuration = {
        pieces: {
          it: { piece: 'gauge', settings, edges: { ip: 'lan' } },
          home: { piece: 'device', edges: { ip: 'lan' } },
        },
      };
      const result = await checkConfiguration(configuration, { ...options, pieces: { ...pieces, gauge } });
      return result.mistakes.map(({ code, message }) => `${code}: ${message}`);
    };
    expect(await mistakes({ file: 'x', level: 9, every: '1s' })).toEqual([]);
    expect(await mistakes({ level: 1 })).toEqual(['FT_SETTING_MISSING: `gauge` needs the setting `file`']);
    expect(await mistakes({ file: 'x', level: 10, every: '500ms' })).toEqual([
      'FT_SETTING_VALUE: setting `level` of `gauge` is `10`, but must be from 1 to 9',
      'FT_SETTING_VALUE: setting `every` of `gauge` is `500ms`, but must be from 1000 to 60000 ms',
    ]);
  });

  it('suggests the setting of which the given name is a part', async () => {
    const net = samplePiece('net', {
      edges: { ip: ['ip up'] },
      settings: [sampleSetting('to-loopback boolean = false')],
    });
    const configuration = {
      pieces: { it: { piece: 'net', settings: { loopback: true }, edges: { ip: 'lan' } } },
    };
    const { mistakes } = await checkConfiguration(configuration, { ...options, pieces: { net } });
    expect(mistakes[0]).toMatchObject({
      code: 'FT_SETTING_UNKNOWN',
      hint: 'did you mean `to-loopback`?',
    });
  });

  it('reports all mistakes at once, in the order of their lines', async () => {
    const text = `pieces:
  home:
    piece: devise
    edges: { ip: lan }
  home:
    piece: device
  2nd:
    piece: device
  away:
    piece: device
    setings: { device: fun0 }
    settings: { mtu: lots, mut: 1500, up: yes, address: nowhere, key: { env: NO_TOKEN } }
    edges: { ipp: lan }
  six:
    piece: six
    edges: { ipv6: far, carrier: wan }
    failure: often
  wan:
    piece: socket
    settings: { port: 99999 }
    edges: { udp: wann }
    grants: [log]
  raw:
    piece: ./nothing.wasm
networks:
  wna: { copies: true }
  wan: { copies: maybe }
`;
    expect(`${(await mistakesOf(text)).join('\n').replaceAll(directory, 'DIR')}\n`).toMatchInlineSnapshot(`
      "x.yaml:3:12: FT_PIECE_UNKNOWN: there is no piece \`devise\` — did you mean \`device\`?
      x.yaml:5:3: FT_CONFIG_YAML: the key \`home\` occurs for the second time — the first is on line 2: keep one
      x.yaml:7:3: FT_CONFIG_SCHEMA: \`2nd\` cannot be the name of a piece — a name begins with a letter; letters, digits, \`-\`, \`_\` and \`.\` may follow, 63 at most
      x.yaml:11:5: FT_CONFIG_SCHEMA: piece \`away\` has no key \`setings\` — did you mean \`settings\`?
      x.yaml:12:22: FT_SETTING_VALUE: setting \`mtu\` of \`device\` is \`lots\`, but must be a number — write it in decimal digits
      x.yaml:12:28: FT_SETTING_UNKNOWN: \`device\` has no setting \`mut\` — it has \`device\`, \`mtu\`, \`address\`, \`up\`, \`key\`, \`pause\`
      x.yaml:12:43: FT_SETTING_VALUE: setting \`up\` of \`device\` is \`yes\`, but must be true or false — write true
      x.yaml:12:57: FT_SETTING_VALUE: setting \`address\` of \`device\` is \`nowhere\`, but must be an IPv4 or IPv6 address — write for instance \`192.0.2.1\`, \`2001:db8::1\` or \`10.0.0.0/8\`
      x.yaml:12:71: FT_SETTING_VALUE: setting \`key\` of \`device\` must come from the environment variable \`NO_TOKEN\`, which is not set — set \`NO_TOKEN\` before starting
      x.yaml:13:14: FT_EDGE_UNKNOWN: \`device\` has no Edge \`ipp\` — did you mean \`ip\`?
      x.yaml:17:14: FT_CONFIG_SCHEMA: \`failure\` of piece \`six\` is \`often\`, but must be one of \`closed\`, \`bypass\`, \`restart\` — write for instance \`failure: restart\`
      x.yaml:20:23: FT_SETTING_VALUE: setting \`port\` of \`socket\`: a port is at most 65535
      x.yaml:22:5: FT_PIECE_NATIVE: \`grants\` has no meaning for \`socket\`, which is part of the host — leave it out; only components have it
      x.yaml:24:12: FT_COMPONENT_READ: \`./nothing.wasm\`: DIR/nothing.wasm cannot be read: there is no such file
      x.yaml:27:18: FT_CONFIG_SCHEMA: \`copies\` of network \`wan\` is \`maybe\`, but must be true or false — write for instance \`copies: true\`
      "
    `);
  });

  it.each([
    ['an unknown key at the top', 'peices: {}\npieces: { a: { piece: plain } }\n'],
    ['a key at the wrong place', 'pieces: { a: { piece: plain } }\nedges: { ip: lan }\n'],
    ['no pieces', 'networks: {}\n'],
    ['empty pieces', 'pieces: {}\n'],
    ['a list of pieces', 'pieces:\n  - piece: plain\n'],
    ['a text', 'hello\n'],
    ['nothing', '# only a comment\n'],
    ['a piece without piece', 'pieces:\n  a:\n    settings: {}\n'],
    ['a piece that is a text', 'pieces:\n  a: plain\n'],
    [
      'a setting that is a mapping',
      'pieces:\n  a: { piece: device, settings: { mtu: { a: 1 } }, edges: { ip: lan } }\n',
    ],
    [
      'a setting without a value',
      'pieces:\n  a: { piece: device, settings: { mtu: }, edges: { ip: lan } }\n',
    ],
    [
      'a list where one is taken',
      'pieces:\n  a: { piece: device, settings: { mtu: [1, 2] }, edges: { ip: lan } }\n',
    ],
    [
      'a secret that is none',
      'pieces:\n  a: { piece: device, settings: { mtu: { env: TOKEN } }, edges: { ip: lan } }\n',
    ],
    [
      'a secret in a missing file',
      'pieces:\n  a: { piece: device, settings: { key: { file: no.key } }, edges: { ip: lan } }\n',
    ],
    ['a setting of a piece without', 'pieces:\n  a: { piece: plain, settings: { mtu: 1 } }\n'],
    ['an Edge of a piece', 'pieces:\n  a: { piece: device }\n'],
    ['a lonely network', 'pieces:\n  a: { piece: device, edges: { ip: lan } }\n'],
    [
      'a misspelt network',
      'pieces:\n  a: { piece: device, edges: { ip: lan1 } }\n  b: { piece: six, settings: { router: 192.0.2.1 }, edges: { ipv6: lan, carrier: wan } }\n  c: { piece: socket, edges: { udp: wan } }\n',
    ],
    [
      'Shapes that do not match',
      'pieces:\n  a: { piece: device, edges: { ip: lan } }\n  b: { piece: device, edges: { ip: lan } }\n',
    ],
    ['an Edge on two networks', 'pieces:\n  a: { piece: device, edges: { ip: [lan, wan] } }\n'],
    ['an unknown piece', 'pieces:\n  a: { piece: telegraph }\n'],
    ['a directory as a component', 'pieces:\n  a: { piece: ./ }\n'],
    ['limits of a native piece', 'pieces:\n  a: { piece: plain, limits: { memory: 1MiB } }\n'],
    ['a size that is none', 'pieces:\n  a: { piece: plain, limits: { memory: 1 MB } }\n'],
    ['a grant that is none', 'pieces:\n  a: { piece: plain, grants: [log, sing] }\n'],
    [
      'grants for Edges that are none',
      'pieces:\n  a: { piece: plain, grants: { log: often, listen: 7, sing: true } }\n',
    ],
    ['a network that nothing is on', 'pieces:\n  a: { piece: plain }\nnetworks: { lan: }\n'],
    [
      'a key that JavaScript treats apart',
      'pieces:\n  __proto__: { piece: plain }\n  a: { piece: plain, settings: { __proto__: 1 } }\n',
    ],
    ['escape sequences', 'pieces:\n  a: { piece: "\\e[2Jx" }\n'],
  ])('explains %s', async (_name, text) => {
    expect((await mistakesOf(text)).map((line) => line.replaceAll(directory, 'DIR'))).toMatchSnapshot();
  });

  it('reads secrets from the environment and from files, and shows none', async () => {
    writeFileSync(join(directory, 'good.key'), 'sesame\n');
    const text = (key: string) => `pieces:\n  a: { piece: keyed, settings: { key: ${key}, mtu: none } }\n`;
    const passed: string[] = [];
    const keyed = samplePiece('keyed', {
      settings: [sampleSetting('key secret'), sampleSetting('mtu number')],
      refuse: (settings) => {
        passed.push(settings.get('key')!);
        return undefined;
      },
    });
    for (const key of ['{ env: TOKEN }', '{ file: good.key }', 'open']) {
      const mistakes = await mistakesOf(text(key), { pieces: { keyed } });
      expect(mistakes).toHaveLength(1);
      expect(mistakes[0]).not.toMatch(/hush|sesame|open/);
    }
    expect(passed).toEqual(['hush', 'sesame', 'open']);
  });

  it('reports why a configuration cannot be read', async () => {
    const mistakesOf = async (file: string) =>
      (await checkConfiguration(file, options)).mistakes.map(formatMistake);
    expect(await mistakesOf('none.yaml')).toEqual([
      'none.yaml: FT_CONFIG_FILE: there is no such file — check the path; it is relative to the working directory',
    ]);
    expect(await mistakesOf('.')).toEqual([
      '.: FT_CONFIG_FILE: this is a directory — name a YAML file with a configuration',
    ]);
    writeFileSync(join(directory, 'binary.yaml'), Buffer.from([0xff, 0xfe, 0]));
    expect(await mistakesOf('binary.yaml')).toEqual([
      'binary.yaml: FT_CONFIG_FILE: this is not text in UTF-8 — name a YAML file with a configuration',
    ]);
    writeFileSync(join(directory, 'huge.yaml'), '# '.padEnd(300_000));
    expect(await mistakesOf('huge.yaml')).toEqual([
      'huge.yaml: FT_CONFIG_FILE: this is larger than 262144 bytes — name a YAML file with a configuration',
    ]);
    expect(await mistakesOf('/dev/zero')).toHaveLength(1);
  });

  it('reports a mistake once that an alias repeats', async () => {
    const text = 'pieces:\n  a: &a { piece: device, settings: { mtu: x }, edges: { ip: lan } }\n  b: *a\n';
    expect(await mistakesOf(text)).toHaveLength(1);
  });

  it('reports a protocol that a piece defines otherwise than another one, at that piece', async () => {
    const bringing = (name: string, text: string) =>
      samplePiece(name, { edges: { net: ['ip/toy up'] }, protocols: [['toy', text]] });
    const more = {
      pieces: {
        one: bringing('one', 'in ip-protocol 253; header 4'),
        other: bringing('other', 'in ip-protocol 253; header 8'),
        device: pieces.device,
      },
    };
    const entry = (name: string) => `  ${name}: { piece: ${name}, edges: { net: lan } }\n`;
    const mistakes = await mistakesOf(`pieces:\n${entry('one')}${entry('other')}`, more);
    expect(mistakes).toEqual([
      expect.stringMatching(/^x\.yaml:3:\d+: .*protocol toy has a different definition/),
    ]);
  });

  it('does not report consequences of other mistakes', async () => {
    expect(
      (await mistakesOf(GOOD.replace('piece: six', 'piece: sicks'))).map((line) => line.split(': ')[1]),
    ).toEqual(['FT_PIECE_UNKNOWN']);
    expect(
      (await mistakesOf(GOOD.replace('{ udp: wan }', '{ upd: wan }'))).map((line) => line.split(': ')[1]),
    ).toEqual(['FT_EDGE_UNKNOWN']);
    expect(
      (await mistakesOf(GOOD.replace('edges: { udp', 'egdes: { udp'))).map((line) => line.split(': ')[1]),
    ).toEqual(['FT_CONFIG_SCHEMA']);
  });

  it('joins Edges that are left out, on networks that may be named to keep them apart', async () => {
    const list = (names: readonly string[], edges = '') =>
      `pieces:\n${names.map((name) => `  ${name}: { piece: ${name}, settings: ${name === 'six' ? '{ router: 192.0.2.1 }' : '{}'}${name === 'device' ? edges : ''} }\n`).join('')}`;
    const networksOf = async () => {
      const puzzle = await preparePuzzle('x.yaml', options);
      return Object.fromEntries(
        puzzle.pieces.map(({ place, spec }) => {
          expect(spec.place).toBe(place);
          return [place.name, Object.fromEntries(place.edges)];
        }),
      );
    };
    expect(await mistakesOf(list(['device', 'six', 'socket']))).toEqual([]);
    const byDefault = {
      device: { ip: ['device.ip'] },
      six: { carrier: ['six.carrier'], ipv6: ['device.ip'] },
      socket: { udp: ['six.carrier'] },
    };
    expect(await networksOf()).toEqual(byDefault);
    const { decisions, networks } = await preparePuzzle('x.yaml', options);
    expect(decisions.map(({ piece, edge, network }) => `${piece}.${edge} ${network}`)).toEqual([
      'device.ip device.ip',
      'six.carrier six.carrier',
      'six.ipv6 device.ip',
      'socket.udp six.carrier',
    ]);
    expect([...networks.keys()].sort()).toEqual(['device.ip', 'six.carrier']);

    expect(await mistakesOf(list(['socket', 'six', 'device']))).toEqual([]);
    expect(await networksOf()).toEqual(byDefault);

    expect(await mistakesOf(list(['device', 'six', 'socket'], ', edges: { ip: lan }'))).toEqual([]);
    expect(await networksOf()).toMatchObject({ device: { ip: ['lan'] }, six: { ipv6: ['lan'] } });

    // A default network may have options, too.
    expect(
      await mistakesOf(`${list(['device', 'six', 'socket'])}networks: { device.ip: { copies: true } }\n`),
    ).toEqual([]);
    expect(await mistakesOf(`${list(['device', 'six', 'socket'])}networks: { device.io: }\n`)).toEqual([
      'x.yaml:5:13: FT_NETWORK_UNKNOWN: no Edge is on the network `device.io` — did you mean `device.ip`?',
    ]);
  });

  it('reports a choice that the default policy does not make, and not its consequences', async () => {
    const text = `pieces:
  one: { piece: device }
  two: { piece: device }
  near: { piece: socket }
  far: { piece: socket }
`;
    expect(await mistakesOf(text)).toEqual([
      'x.yaml:2:3: FT_EDGE_AMBIGUOUS: Edge `ip` of piece `one`: it could join far.udp or near.udp, and nothing says which; name its network under `edges:`',
      'x.yaml:3:3: FT_EDGE_AMBIGUOUS: Edge `ip` of piece `two`: it could join far.udp or near.udp, and nothing says which; name its network under `edges:`',
      'x.yaml:4:3: FT_EDGE_AMBIGUOUS: Edge `udp` of piece `near`: it could join one.ip or two.ip, and nothing says which; name its network under `edges:`',
      'x.yaml:5:3: FT_EDGE_AMBIGUOUS: Edge `udp` of piece `far`: it could join one.ip or two.ip, and nothing says which; name its network under `edges:`',
    ]);
    expect(await mistakesOf(text.replace('  two: { piece: device }', '  two: { piece: devise }'))).toEqual([
      expect.stringContaining('FT_PIECE_UNKNOWN'),
    ]);
  });

  it('puts single Shapes on separate networks', async () => {
    const fork = samplePiece('fork', { edges: { ip: ['ipv4 up', 'ipv6 up', 'ipv6 peer'] } });
    const check = (ip: string) =>
      mistakesOf(
        `pieces:\n  a: { piece: device, edges: { ip: lan } }\n  b: { piece: device, edges: { ip: wan } }\n  fork:\n    piece: fork\n    edges: { ip: ${ip} }\n`,
        { pieces: { ...pieces, fork } },
      );
    expect(await check('{ lan: [0], wan: ipv6 up }')).toEqual([]);
    expect(await check('{ lan: [ipv4], wan: ["ethertype:0x86dd up"] }')).toEqual([]);
    expect(await check('{ lan: [ipv4, 1], wan: ipv6 }')).toEqual([
      'x.yaml:6:25: FT_EDGE_REPEATED: Edge `ip` of piece `fork`: its Shape ipv6 is on 2 networks, and can be on one; a hub can join networks',
    ]);
    expect(await check('{ lan: ipv4, wan: [3] }')).toEqual([
      'x.yaml:6:37: FT_SHAPE_UNKNOWN: Edge `ip` of piece `fork` has no Shape `3` — it has 0 (`ipv4 up`), 1 (`ipv6 up`), 2 (`ipv6 peer`)',
    ]);
    expect(await check('{ lan: [0], wan: [1, 2] }')).toEqual([
      expect.stringMatching(
        /^x\.yaml:6:35: FT_SHAPES_DO_NOT_MATCH: .*faces peer, and nothing on network wan faces it/,
      ),
    ]);
    expect(await check('{ lan: [-1] }')).toEqual([expect.stringContaining('FT_CONFIG_SCHEMA')]);
    expect(await check('[]')).toContainEqual(expect.stringContaining('FT_EDGE_UNJOINED'));
  });

  it('proposes an available piece where properties conflict', async () => {
    const withEdges = (
      name: string,
      ...rest: Parameters<typeof samplePlace> extends [string, ...infer R] ? R : never
    ) => ({
      ...samplePiece(name, {}),
      describe: () => samplePlace(name, ...rest).description,
    });
    const mine = {
      phone: withEdges('phone', { carrier: ['ip/tcp/5060 down required framed'] }),
      stream: withEdges('stream', { tcp: ['ip/tcp up'] }),
      sequence: withEdges(
        'sequence',
        { up: ['ip/tcp up available framed'], down: ['ip/tcp down'] },
        {},
        { curves: ['0/0 1/0 +4'] },
      ),
    };
    expect(
      await mistakesOf('pieces:\n  sip: { piece: phone }\n  net: { piece: stream }\n', { pieces: mine }),
    ).toEqual([
      'x.yaml:2:3: FT_PROPERTY_CONFLICT: Edge `carrier` of piece `sip`: ip/tcp/5060 of sip requires framed; ip/tcp of net offers a stream; a sequence piece between them would solve it',
    ]);
    // With it, the three pieces join.
    const text = 'pieces:\n  sip: { piece: phone }\n  f: { piece: sequence }\n  net: { piece: stream }\n';
    expect(await mistakesOf(text, { pieces: mine })).toEqual([]);
  });
});
