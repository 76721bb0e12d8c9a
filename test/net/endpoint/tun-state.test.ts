import { describe, expect } from 'vitest';
import { labTest } from '../lab-test.ts';
import type { Namespace } from '../namespace.ts';
import type { NetLab } from '../net-lab.ts';
import { NativePieceProcess } from './native-piece.ts';

/** The settings of a device, without those that the system makes: link-local addresses and subnet routes. */
async function stateOf(host: Namespace, device: string) {
  const [link = {}] = JSON.parse(await host.ip('-j', 'addr', 'show', 'dev', device));
  const routes = await Promise.all(
    ['-4', '-6'].map(async (family) =>
      JSON.parse((await host.ip('-j', family, 'route', 'show', 'dev', device)) || '[]'),
    ),
  );
  return {
    mtu: link.mtu as number,
    isUp: link.flags.includes('UP') as boolean,
    addresses: (link.addr_info as { local: string; prefixlen: number }[])
      .map(({ local, prefixlen }) => `${local}/${prefixlen}`)
      .filter((each) => !each.startsWith('fe80:'))
      .sort(),
    routes: (routes.flat() as { dst: string; protocol: string }[])
      .filter(({ protocol }) => protocol !== 'kernel')
      .map(({ dst }) => dst)
      .sort(),
  };
}

type Settings = (readonly [string, string])[];

async function start(lab: NetLab, host: Namespace, settings: Settings): Promise<NativePieceProcess> {
  const piece = new NativePieceProcess(lab, host, 'tun', settings);
  await piece.running.waitFor(/^ready (\S+)$/m);
  return piece;
}

const only = (addresses: string[], routes: string[] = []) => ({ mtu: 1500, isUp: true, addresses, routes });

describe('a change of a tun device', () => {
  labTest('of an address within its subnet leaves the new address and the routes', async ({ lab }) => {
    const host = await lab.namespace('host');
    const fixed: Settings = [
      ['device', 'six'],
      ['route', '203.0.113.0/24'],
    ];
    const piece = await start(lab, host, [...fixed, ['address', '10.9.0.1/24'], ['address', '10.9.0.2/24']]);
    expect(await piece.ask('replace', [...fixed, ['address', '10.9.0.2/24']])).toBe('replaced six');
    expect(await stateOf(host, 'six')).toEqual(only(['10.9.0.2/24'], ['203.0.113.0/24']));
    expect(await piece.ask('replace', [...fixed, ['address', '10.9.0.3/24']])).toBe('replaced six');
    expect(await stateOf(host, 'six')).toEqual(only(['10.9.0.3/24'], ['203.0.113.0/24']));
    expect(await piece.ask('replace', [...fixed, ['address', '10.9.0.3/16']])).toBe('replaced six');
    expect(await stateOf(host, 'six')).toEqual(only(['10.9.0.3/16'], ['203.0.113.0/24']));
    await piece.ask('close');
  });

  labTest('of its name takes the routes along, of the settings and of neighbours', async ({ lab }) => {
    const host = await lab.namespace('host');
    const fixed: Settings = [
      ['address', 'fc64::1/64'],
      ['address', '10.9.0.1/24'],
      ['route', '2001:db8::/32'],
      ['route', '203.0.113.0/24'],
    ];
    const piece = await start(lab, host, [['device', 'six'], ...fixed]);
    expect(await piece.ask('replace', [['device', 'seven'], ...fixed])).toBe('replaced seven');
    expect(await stateOf(host, 'seven')).toEqual(
      only(['10.9.0.1/24', 'fc64::1/64'], ['2001:db8::/32', '203.0.113.0/24']),
    );
    expect((await host.runAnyway(['ip', 'link', 'show', 'six'])).status).toBe(1);
    // One that is refused leaves all where it was.
    const wrong: Settings = [['device', 'eight'], ...fixed, ['route', '198.51.100.0/24']];
    await host.ip('route', 'add', 'unreachable', '198.51.100.0/24', 'metric', '0');
    expect(await piece.ask('replace', wrong)).toMatch(
      /^refused FT_TUN_DEVICE .*add route 198.51.100.0.24 .*another program has routed this prefix elsewhere/,
    );
    expect((await stateOf(host, 'seven')).routes).toEqual(['2001:db8::/32', '203.0.113.0/24']);
    // So does one of the same device, which can be changed again.
    const half: Settings = [
      ['device', 'seven'],
      ...fixed,
      ['address', '10.9.1.1/24'],
      ['route', '198.51.100.0/24'],
    ];
    expect(await piece.ask('replace', half)).toMatch(/^refused FT_TUN_DEVICE /);
    expect(await stateOf(host, 'seven')).toEqual(
      only(['10.9.0.1/24', 'fc64::1/64'], ['2001:db8::/32', '203.0.113.0/24']),
    );
    expect(await piece.ask('replace', [['device', 'seven'], ...fixed])).toBe('replaced seven');
    await piece.ask('close');
  });
});

describe('a tun device of an administrator', () => {
  labTest('ends with what the administrator set, also where the settings say the same', async ({ lab }) => {
    const host = await lab.namespace('host');
    await host.ip('tuntap', 'add', 'dev', 'adm', 'mode', 'tun');
    await host.ip('link', 'set', 'adm', 'mtu', '1400', 'up');
    await host.ip('addr', 'add', '10.9.0.1/24', 'dev', 'adm');
    await host.ip('addr', 'add', 'fc64::1/64', 'dev', 'adm', 'nodad');
    await host.ip('route', 'add', '203.0.113.0/24', 'dev', 'adm');
    await host.ip('route', 'add', '2001:db8::/32', 'dev', 'adm');
    const before = await stateOf(host, 'adm');
    const piece = await start(lab, host, [
      ['device', 'adm'],
      ['mtu', '1300'],
      ['address', '10.9.0.1/24'],
      ['address', 'fc64::1/64'],
      ['address', '10.9.0.7/24'],
      ['route', '203.0.113.0/24'],
      ['route', '2001:db8::/32'],
      ['route', '198.51.100.0/24'],
    ]);
    expect(await stateOf(host, 'adm')).toMatchObject({
      mtu: 1300,
      addresses: ['10.9.0.1/24', '10.9.0.7/24', 'fc64::1/64'],
      routes: ['198.51.100.0/24', '2001:db8::/32', '203.0.113.0/24'],
    });
    await piece.ask('close');
    await piece.running.ended;
    expect(await stateOf(host, 'adm')).toEqual(before);
  });

  labTest('that was down is down again, unless another program uses it by now', async ({ lab }) => {
    const host = await lab.namespace('host');
    await host.ip('tuntap', 'add', 'dev', 'adm', 'mode', 'tun');
    const before = await stateOf(host, 'adm');
    const settings: Settings = [
      ['device', 'adm'],
      ['address', '10.9.0.1/24'],
    ];
    for (const isUsed of [false, true]) {
      const piece = await start(lab, host, settings);
      if (isUsed) await host.ip('route', 'add', '203.0.113.0/24', 'dev', 'adm');
      await piece.ask('close');
      await piece.running.ended;
      expect(await stateOf(host, 'adm')).toEqual(
        isUsed ? { ...before, isUp: true, routes: ['203.0.113.0/24'] } : before,
      );
    }
  });
});

describe('beside another program, a tun device', () => {
  labTest('that goes down and up gets all back, and says so', async ({ lab }) => {
    const host = await lab.namespace('host');
    const piece = await start(lab, host, [
      ['device', 'six'],
      ['address', 'fc64::1/64'],
      ['address', '10.9.0.1/24'],
      ['route', '2001:db8::/32'],
      ['route', '203.0.113.0/24'],
    ]);
    const before = await stateOf(host, 'six');
    await host.ip('link', 'set', 'six', 'down');
    await expect.poll(() => piece.ask('logs'), PATIENT).toContain('another program took the device down');
    await host.ip('link', 'set', 'six', 'up');
    await expect.poll(() => stateOf(host, 'six'), PATIENT).toEqual(before);
    await expect.poll(() => piece.ask('logs'), PATIENT).toMatch(/set again: .*fc64::1\/64/);
    await piece.ask('close');
  });

  labTest('gets a route when the one that was in the way is gone', async ({ lab }) => {
    const host = await lab.namespace('host');
    const piece = await start(lab, host, [['device', 'six']]);
    await host.ip('route', 'add', 'unreachable', '203.0.113.0/24', 'metric', '0');
    await piece.ask('offer', [['route', 'text', '203.0.113.0/24']]);
    expect((await stateOf(host, 'six')).routes).toEqual([]);
    await host.ip('route', 'del', 'unreachable', '203.0.113.0/24');
    await expect.poll(async () => (await stateOf(host, 'six')).routes, PATIENT).toEqual(['203.0.113.0/24']);
    await piece.ask('close');
  });
});

describe('the same configuration, applied again', () => {
  const settings: Settings = [
    ['device', 'six'],
    ['address', '10.9.0.1/24'],
    ['address', 'fc64::1/64'],
    ['route', '203.0.113.0/24'],
    ['route', '2001:db8::/32'],
  ];
  const all = only(['10.9.0.1/24', 'fc64::1/64'], ['2001:db8::/32', '203.0.113.0/24']);

  labTest.for([
    ['removed', ['link del six'], [], 'another program removed it'],
    ['took down', ['link set six down'], [], 'took the device down'],
    [
      'renamed',
      ['link set six down', 'link set six name other', 'link set other up'],
      ['other'],
      'renamed the device to other',
    ],
    ['moved', ['link set six netns NAMESPACE'], [], 'moved the device to another network namespace'],
  ] as const)('restores a device that another program %s', async ([, commands, gone, log], { lab }) => {
    const [host, elsewhere] = [await lab.namespace('host'), await lab.namespace('else')];
    const piece = await start(lab, host, settings);
    expect(await piece.ask('deviates')).toBe('false');
    for (const each of commands) await host.ip(...each.replace('NAMESPACE', elsewhere.systemName).split(' '));
    await expect.poll(() => piece.ask('logs'), PATIENT).toContain(log);
    expect(await piece.ask('deviates')).toBe('true');
    expect(await piece.ask('replace', settings)).toBe('replaced six');
    expect(await stateOf(host, 'six')).toEqual(all);
    expect(await piece.ask('deviates')).toBe('false');
    for (const each of gone) expect((await host.runAnyway(['ip', 'link', 'show', each])).status).toBe(1);
    expect((await elsewhere.runAnyway(['ip', 'link', 'show', 'six'])).status).toBe(1);
    await piece.ask('close');
  });

  labTest('of another mode is refused with the truth, and the device stays', async ({ lab }) => {
    const host = await lab.namespace('host');
    const piece = await start(lab, host, settings);
    for (const other of [
      ['mode', 'ethernet'],
      ['multi-queue', 'true'],
    ] as const)
      expect(await piece.ask('replace', [...settings, other])).toMatch(
        /^refused FT_TUN_DEVICE .*the device six of this Funnel cannot change `mode`, `multi-queue` or `offload`/,
      );
    expect(await stateOf(host, 'six')).toEqual(all);
    await piece.ask('close');
  });
});

describe('IPv6 on a tun device', () => {
  labTest(
    'comes when the MTU grows to 1280 in the same change, and goes when it shrinks',
    async ({ lab }) => {
      const host = await lab.namespace('host');
      const v4: Settings = [
        ['device', 'six'],
        ['address', '10.9.0.1/24'],
      ];
      const both: Settings = [...v4, ['address', 'fc64::1/64'], ['route', '2001:db8::/32']];
      const piece = await start(lab, host, [...v4, ['mtu', '1000']]);
      for (const mtu of [1280, 1500, 1280]) {
        expect(await piece.ask('replace', [...both, ['mtu', String(mtu)]])).toBe('replaced six');
        const all = { mtu, isUp: true, addresses: ['10.9.0.1/24', 'fc64::1/64'], routes: ['2001:db8::/32'] };
        expect(await stateOf(host, 'six')).toEqual(all);
        expect(await piece.ask('replace', [...v4, ['mtu', '68']])).toBe('replaced six');
        expect(await stateOf(host, 'six')).toEqual({
          ...all,
          mtu: 68,
          addresses: ['10.9.0.1/24'],
          routes: [],
        });
      }
      await piece.ask('close');
    },
  );

  labTest('has a link-local address as the setting says, whatever happens to the device', async ({ lab }) => {
    const host = await lab.namespace('host');
    const linkLocals = async () => {
      const [link = {}] = JSON.parse(await host.ip('-j', 'addr', 'show', 'dev', 'six'));
      return (link.addr_info as { local: string }[]).filter(({ local }) => local.startsWith('fe80:')).length;
    };
    const settings: Settings = [
      ['device', 'six'],
      ['address', 'fc64::1/64'],
    ];
    const piece = await start(lab, host, settings);
    expect(await linkLocals()).toBe(0);
    // IPv6 begins anew on the device, and with it what the system does there by default.
    await host.ip('link', 'set', 'six', 'mtu', '1200');
    await expect.poll(() => stateOf(host, 'six'), PATIENT).toEqual(only(['fc64::1/64']));
    await expect.poll(linkLocals, PATIENT).toBe(0);
    await host.sysctl('ipv6.conf.six.disable_ipv6', 1);
    await host.sysctl('ipv6.conf.six.disable_ipv6', 0);
    await expect.poll(() => stateOf(host, 'six'), PATIENT).toEqual(only(['fc64::1/64']));
    expect(await linkLocals()).toBe(0);
    await piece.ask('replace', [...settings, ['link-local', 'true']]);
    await expect.poll(linkLocals, PATIENT).toBe(1);
    await piece.ask('replace', settings);
    expect(await linkLocals()).toBe(0);
    await piece.ask('close');
  });

  labTest('is switched on where the machine has it off by default', async ({ lab }) => {
    const host = await lab.namespace('host');
    await host.sysctl('ipv6.conf.default.disable_ipv6', 1);
    const piece = await start(lab, host, [
      ['device', 'six'],
      ['address', 'fc64::1/64'],
    ]);
    expect(await stateOf(host, 'six')).toEqual(only(['fc64::1/64']));
    await piece.ask('close');
  });

  labTest('on the device of an administrator is not, and the refusal says what to do', async ({ lab }) => {
    const host = await lab.namespace('host');
    await host.ip('tuntap', 'add', 'dev', 'adm', 'mode', 'tun');
    await host.sysctl('ipv6.conf.adm.disable_ipv6', 1);
    const piece = new NativePieceProcess(lab, host, 'tun', [
      ['device', 'adm'],
      ['address', 'fc64::1/64'],
    ]);
    await piece.running.ended;
    expect(piece.running.stdout).toContain('sysctl -w net.ipv6.conf.adm.disable_ipv6=0');
  });

  labTest('needs an MTU of 1280, in the settings and in what neighbours offer', async ({ lab }) => {
    const host = await lab.namespace('host');
    const refused = new NativePieceProcess(lab, host, 'tun', [
      ['mtu', '1200'],
      ['address', 'fc64::1/64'],
    ]);
    await refused.running.ended;
    expect(refused.running.stdout).toContain('IPv6 needs 1280');
    const piece = await start(lab, host, [
      ['device', 'six'],
      ['address', 'fc64::1/64'],
    ]);
    await piece.ask('offer', [['mtu', 'at-most', 1200]]);
    expect(await piece.ask('logs')).toMatch(/add address fc64::1\/64 .*the mtu is 1200, but IPv6 needs 1280/);
    await piece.ask('offer', []);
    expect(await stateOf(host, 'six')).toEqual(only(['fc64::1/64']));
    await piece.ask('close');
  });
});

/** The same numbers in each run, so that what fails can be seen again. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
}

labTest.for([1, 2, 3])(
  'any configuration after any other, with others at work, is what it says (%i)',
  { timeout: 240_000 },
  async (seed, { lab }) => {
    const host = await lab.namespace('host');
    const random = randomFrom(seed);
    const some = (all: readonly string[]) => all.filter(() => random(2) === 0);
    const one = (all: readonly string[]) => all[random(all.length)]!;
    const addresses = [
      '10.9.0.1/24',
      '10.9.0.2/24',
      '10.9.0.3/16',
      '192.0.2.1/32',
      'fc64::1/64',
      'fc64:1::1/114',
    ];
    const routes = ['203.0.113.0/24', '198.51.100.0/24', '2001:db8::/32', '2001:db9::/32'];
    const theirs = { address: '172.16.0.1/30', route: '100.64.0.0/10' };
    const piece = await start(lab, host, [['device', 'dev0']]);
    let device = 'dev0';
    for (let step = 0; step < 12; step++) {
      device = random(4) === 0 ? `dev${step}` : device;
      const wanted = {
        mtu: [1280, 1400, 1500][random(3)]!,
        isUp: true,
        addresses: some(addresses).sort(),
        routes: some(routes).sort(),
      };
      const settings: Settings = [
        ['device', device],
        ['up', 'true'],
        ['mtu', String(wanted.mtu)],
        ...wanted.addresses.map((each) => ['address', each] as const),
        ...wanted.routes.map((each) => ['route', each] as const),
      ];
      expect(await piece.ask('replace', settings), `step ${step}`).toBe(`replaced ${device}`);
      expect(await stateOf(host, device), `step ${step}`).toEqual(wanted);
      const ours = [...wanted.addresses, ...wanted.routes];
      const interferences: (() => Promise<unknown>)[] = [
        async () => {
          await host.ip('link', 'set', device, 'down');
          await host.ip('link', 'set', device, 'up');
        },
        () => host.runAnyway(['ip', 'addr', 'del', one(addresses), 'dev', device]),
        () => host.runAnyway(['ip', 'route', 'del', one(routes), 'dev', device]),
        () => host.ip('link', 'set', device, 'mtu', one(['1290', '9000'])),
        () => host.ip('link', 'set', device, 'mtu', '576'),
      ];
      for (let n = random(3); n >= 0; n--) await interferences[random(interferences.length)]!();
      await expect.poll(() => stateOf(host, device), { ...PATIENT, message: `step ${step}` }).toEqual(wanted);
      // Settings of another program stay, and do not count as ours.
      await host.ip('addr', 'add', theirs.address, 'dev', device);
      await host.ip('route', 'add', theirs.route, 'dev', device);
      expect(await stateOf(host, device), `step ${step}`).toEqual({
        ...wanted,
        addresses: [...wanted.addresses, theirs.address].sort(),
        routes: [...wanted.routes, theirs.route].sort(),
      });
      if (ours.length > 0) await piece.ask('replace', [...settings, ['link-local', 'true']]);
      await host.ip('addr', 'del', theirs.address, 'dev', device);
      await host.runAnyway(['ip', 'route', 'del', theirs.route, 'dev', device]);
      await expect.poll(() => stateOf(host, device), { ...PATIENT, message: `step ${step}` }).toEqual(wanted);
    }
    await piece.ask('close');
  },
);

/** On a loaded machine a look may come late, and that is no fault. */
const PATIENT = { timeout: 20_000, interval: 50 };
