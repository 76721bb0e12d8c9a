import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FunnelIo } from '../addon.ts';
import { IPV6_LEAST_MTU, type LinkProperties } from './link-properties.ts';
import { TunLink } from './tun-link.ts';

const PREFIXES = [
  ...['192.0.2.1/24', '192.0.2.3/24', '192.0.2.1/25', '198.51.100.1/32'],
  ...['fc64::1/114', 'fc64::1/64', '2001:db8::1/64'],
];
const ROUTES = ['0.0.0.0/0', '203.0.113.0/24', '::/0', '2001:db8:1::/48'];
const INDEX = 7;
const OTHER = 8;

/**
 * Linux, modelled independently of the code, behind the calls of the addon. It refuses impossible steps, and
 * drops properties that cannot stay. It records the times at which the interface had no address of an IPv4
 * subnet.
 */
class Linux {
  mtu = 1500;
  up = false;
  promotes = false;
  /** In the system's order. */
  addresses: string[] = [];
  routes = new Map<string, number>();
  calls = 0;

  get io(): FunnelIo {
    const calls: Partial<FunnelIo> = {
      readLink: () => ({
        name: 'dev',
        quiet: 1,
        mtu: this.mtu,
        up: Number(this.up),
        promotes: Number(this.promotes),
        ipv6: this.mtu < IPV6_LEAST_MTU ? 0 : 1,
        addresses: this.addresses.join('\n'),
        routes: [...this.routes]
          .filter(([, device]) => device === INDEX)
          .map(([route]) => `4 ${route.includes(':') ? 1024 : 0} ${route}`)
          .join('\n'),
      }),
      setLink: (_index, mtu, up) => {
        this.calls++;
        if (mtu >= 0) this.mtu = mtu;
        if (up >= 0) this.up = up === 1;
        this.settle();
      },
      promoteSecondaries: (_index, on) => {
        this.promotes = on === 1;
      },
      changeAddress: (_index, address, length, add) => this.changeAddress(`${address}/${length}`, add === 1),
      changeRoute: (_index, address, length, change) => this.changeRoute(`${address}/${length}`, change),
      routeDevice: (address, length) => this.routes.get(`${address}/${length}`) ?? 0,
    };
    return calls as FunnelIo;
  }

  changeAddress(prefix: string, isAdded: boolean): void {
    this.calls++;
    if (isAdded) {
      if (isIpv6(prefix) && this.mtu < IPV6_LEAST_MTU) throw refused('EINVAL');
      if (
        this.addresses.some((each) => each === prefix || (isIpv6(prefix) && hostOf(each) === hostOf(prefix)))
      )
        throw refused('EEXIST');
      this.addresses.push(prefix);
      return;
    }
    if (!this.addresses.includes(prefix)) throw refused('EADDRNOTAVAIL');
    const isPrimary = this.addresses.find((each) => subnetOf(each) === subnetOf(prefix)) === prefix;
    const isWholeSubnet = !isIpv6(prefix) && isPrimary && !this.promotes;
    this.addresses = this.addresses.filter((each) =>
      isWholeSubnet ? subnetOf(each) !== subnetOf(prefix) : each !== prefix,
    );
    this.settle();
  }

  changeRoute(prefix: string, change: number): void {
    this.calls++;
    if (change === 0) {
      if (this.routes.get(prefix) !== INDEX) throw refused('ESRCH');
      this.routes.delete(prefix);
      return;
    }
    if (change === 1 && this.routes.has(prefix)) throw refused('EEXIST');
    if (!this.up || (isIpv6(prefix) && this.mtu < IPV6_LEAST_MTU)) throw refused('ENETDOWN');
    this.routes.set(prefix, INDEX);
  }

  settle(): void {
    const isLost = (prefix: string, isAddress: boolean) => {
      if (isIpv6(prefix)) return !this.up || this.mtu < IPV6_LEAST_MTU;
      return !isAddress && (!this.up || (this.hadIpv4 && this.addresses.every(isIpv6)));
    };
    this.addresses = this.addresses.filter((each) => !isLost(each, true));
    for (const [route, device] of this.routes)
      if (device === INDEX && isLost(route, false)) this.routes.delete(route);
    this.hadIpv4 = !this.addresses.every(isIpv6);
  }

  hadIpv4 = false;
}

function isIpv6(prefix: string): boolean {
  return prefix.includes(':');
}

function hostOf(prefix: string): string {
  return prefix.slice(0, prefix.indexOf('/'));
}

/** Enough for the prefixes here: the third byte and the length distinguish them. */
function subnetOf(prefix: string): string {
  const [host = '', length = ''] = prefix.split('/');
  return `${isIpv6(prefix) ? host : host.split('.').slice(0, 3).join('.')}/${length}`;
}

function refused(code: string): Error {
  return Object.assign(new Error(code), { code });
}

const some = (prefixes: readonly string[]) => fc.subarray([...prefixes]).map((each) => new Set(each));
const configurations = fc
  .record({
    mtu: fc.constantFrom(576, 1280, 1500),
    isUp: fc.boolean(),
    addresses: some(PREFIXES),
    routes: some(ROUTES),
  })
  // Linux knows an IPv6 address once.
  .filter(({ addresses }) => !(addresses.has('fc64::1/114') && addresses.has('fc64::1/64')));
type Interference = (linux: Linux) => void;
const interference: fc.Arbitrary<Interference> = fc.oneof(
  fc.constant<Interference>((linux) => {
    for (const up of [0, 1]) linux.io.setLink(INDEX, -1, up, -1, -1);
  }),
  fc.constantFrom(...PREFIXES).map<Interference>((prefix) => (linux) => {
    if (linux.addresses.includes(prefix)) linux.changeAddress(prefix, false);
  }),
  fc.constantFrom(...ROUTES).map<Interference>((route) => (linux) => {
    linux.routes.delete(route);
  }),
  fc
    .constantFrom(68, 1280, 9000)
    .map<Interference>((mtu) => (linux) => linux.io.setLink(INDEX, mtu, -1, -1, -1)),
);

test('an interface gets the wanted configuration from any state, and keeps the properties of others', () => {
  const foreign = '10.0.0.1/8';
  fc.assert(
    fc.property(
      fc.array(fc.tuple(configurations, fc.array(interference, { maxLength: 3 })), {
        minLength: 1,
        maxLength: 6,
      }),
      (sequence) => {
        const linux = new Linux();
        linux.changeAddress(foreign, true);
        const link = new TunLink(linux.io, { device: 'fun0', index: INDEX });
        for (const [wanted, changes] of sequence) {
          for (const change of changes) change(linux);
          const wasUp = linux.up;
          const refusals = link.reconcile(wanted);
          expectWanted(linux, wanted, { foreign, wasUp });
          // Impossible properties are refused by name, and no others are.
          expect(refusals.every(({ reason }) => reason.includes('IPv6 needs'))).toBe(true);
          const { calls } = linux;
          link.reconcile(wanted);
          expect(linux.calls).toBe(calls);
        }
      },
    ),
  );
});

function expectWanted(
  linux: Linux,
  wanted: LinkProperties,
  { foreign, wasUp }: { foreign: string; wasUp: boolean },
): void {
  const canHave = (prefix: string) => !isIpv6(prefix) || wanted.mtu >= IPV6_LEAST_MTU;
  expect(linux.mtu).toBe(wanted.mtu);
  expect(linux.up).toBe(wanted.isUp || (wasUp && linux.up));
  expect(linux.promotes).toBe(false);
  // An interface that goes down loses its IPv6 addresses; the next round sets them again.
  const expected = [...wanted.addresses].filter((each) => canHave(each) && (linux.up || !isIpv6(each)));
  const actual = linux.addresses.filter((each) => linux.up || !isIpv6(each));
  expect(new Set(actual)).toEqual(new Set([foreign, ...expected]));
  if (wanted.isUp) expect(new Set(linux.routes.keys())).toEqual(new Set([...wanted.routes].filter(canHave)));
}

test('a changed address of a subnet is never without the subnet, and routes stay', () => {
  const linux = new Linux();
  const link = new TunLink(linux.io, { device: 'fun0', index: INDEX });
  const routes = new Set(['203.0.113.0/24']);
  link.reconcile({ mtu: 1500, isUp: true, addresses: new Set(['192.0.2.1/24']), routes });
  const seen: string[][] = [];
  const { io } = linux;
  const spied: FunnelIo = {
    ...io,
    changeAddress: (...args) => {
      io.changeAddress(...args);
      seen.push([...linux.addresses, ...linux.routes.keys()]);
    },
  };
  new TunLink(spied, { device: 'fun0', index: INDEX }, link.own).reconcile({
    mtu: 1500,
    isUp: true,
    addresses: new Set(['192.0.2.3/24']),
    routes,
  });
  expect(seen).toEqual([
    ['192.0.2.1/24', '192.0.2.3/24', '203.0.113.0/24'],
    ['192.0.2.3/24', '203.0.113.0/24'],
  ]);
});

test('a route of another interface is refused with the reason, and moved if that interface ends', () => {
  const linux = new Linux();
  linux.routes.set('203.0.113.0/24', OTHER);
  const link = new TunLink(linux.io, { device: 'fun0', index: INDEX });
  const wanted = { mtu: 1500, isUp: true, addresses: new Set<string>(), routes: new Set(['203.0.113.0/24']) };
  expect(link.reconcile(wanted)).toMatchObject([
    { what: 'add route 203.0.113.0/24', heldBy: OTHER, reason: expect.stringContaining('elsewhere') },
  ]);
  expect(link.reconcile(wanted, new Set([OTHER]))).toEqual([]);
  expect(linux.routes.get('203.0.113.0/24')).toBe(INDEX);
});

test('properties that an administrator set are not ours, even if they are wanted', () => {
  const linux = new Linux();
  linux.changeAddress('192.0.2.1/24', true);
  linux.up = true;
  linux.changeRoute('203.0.113.0/24', 1);
  const link = new TunLink(linux.io, { device: 'fun0', index: INDEX });
  const wanted = { mtu: 1500, isUp: true };
  link.reconcile({
    ...wanted,
    addresses: new Set(['192.0.2.1/24', '198.51.100.1/32']),
    routes: new Set(['203.0.113.0/24']),
  });
  link.reconcile({ ...wanted, isUp: false, addresses: new Set(), routes: new Set() });
  expect(linux).toMatchObject({
    up: true,
    addresses: ['192.0.2.1/24'],
    routes: new Map([['203.0.113.0/24', INDEX]]),
  });
});

test('a route of another program outlives the last IPv4 address', () => {
  const linux = new Linux();
  const link = new TunLink(linux.io, { device: 'fun0', index: INDEX });
  const wanted = { mtu: 1500, isUp: true, routes: new Set<string>() };
  link.reconcile({ ...wanted, addresses: new Set(['192.0.2.1/24']) });
  linux.changeRoute('203.0.113.0/24', 1);
  link.reconcile({ ...wanted, addresses: new Set() });
  expect(linux).toMatchObject({ addresses: [], routes: new Map([['203.0.113.0/24', INDEX]]) });
});

test('ends, also when another program undoes each step at once', () => {
  const linux = new Linux();
  const { io } = linux;
  const undone: FunnelIo = {
    ...io,
    changeAddress: (...args) => {
      io.changeAddress(...args);
      linux.addresses = [];
    },
  };
  const link = new TunLink(undone, { device: 'fun0', index: INDEX });
  link.reconcile({ mtu: 1500, isUp: true, addresses: new Set(['192.0.2.1/24']), routes: new Set() });
  expect(linux.calls).toBeLessThan(10);
});
