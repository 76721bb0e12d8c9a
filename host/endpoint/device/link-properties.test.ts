import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  afterStep,
  IPV6_LEAST_MTU,
  type LinkProperties,
  type LinkStep,
  linkSteps,
} from './link-properties.ts';

const some = (...prefixes: string[]) => fc.subarray(prefixes).map((each) => new Set(each));
const configurations = fc.record({
  mtu: fc.constantFrom(576, 1280, 1500),
  isUp: fc.boolean(),
  addresses: some('192.0.2.1/24', '198.51.100.1/32', 'fc64::1/114', '2001:db8::1/64'),
  routes: some('0.0.0.0/0', '203.0.113.0/24', '::/0', '2001:db8:1::/48'),
});

/** Linux, modelled independently of the code: it refuses what is impossible, and drops what cannot stay. */
class Model {
  mtu = 1500;
  isUp = false;
  addresses = new Set<string>();
  routes = new Set<string>();

  take(step: LinkStep): void {
    if ('mtu' in step) {
      this.mtu = step.mtu;
      if (this.mtu < IPV6_LEAST_MTU) this.#drop(isIpv6, this.addresses, this.routes);
    } else if (!('prefix' in step)) {
      expect(this.isUp).toBe(step.kind === 'down');
      this.isUp = step.kind === 'up';
      if (!this.isUp) {
        this.#drop(() => true, this.routes);
        this.#drop(isIpv6, this.addresses);
      }
    } else {
      this.#change(step.prefix, step.kind.startsWith('add'), step.kind.endsWith('address'));
    }
  }

  #change(prefix: string, isAdded: boolean, isAddress: boolean): void {
    const set = isAddress ? this.addresses : this.routes;
    expect(set.has(prefix)).toBe(!isAdded);
    if (isAdded) {
      expect(isIpv6(prefix) && this.mtu < IPV6_LEAST_MTU).toBe(false);
      expect(isAddress || this.isUp).toBe(true);
      set.add(prefix);
    } else {
      set.delete(prefix);
      if (isAddress && !isIpv6(prefix) && [...set].every(isIpv6))
        this.#drop((route) => !isIpv6(route), this.routes);
    }
  }

  #drop(condition: (prefix: string) => boolean, ...sets: Set<string>[]): void {
    for (const set of sets) for (const prefix of set) if (condition(prefix)) set.delete(prefix);
  }
}

function isIpv6(prefix: string): boolean {
  return prefix.includes(':');
}

test('the steps lead from any configuration to any other, and the system refuses none of them', () => {
  fc.assert(
    fc.property(fc.array(configurations, { minLength: 1, maxLength: 6 }), (sequence) => {
      const model = new Model();
      let present: LinkProperties = { mtu: 1500, isUp: false, addresses: new Set(), routes: new Set() };
      for (const wanted of sequence) {
        for (const step of linkSteps(present, wanted)) {
          model.take(step);
          present = afterStep(present, step);
        }
        const canHave = (prefix: string) => !prefix.includes(':') || wanted.mtu >= IPV6_LEAST_MTU;
        expect(model.mtu).toBe(wanted.mtu);
        expect(model.isUp).toBe(wanted.isUp);
        expect(new Set(model.addresses)).toEqual(new Set([...wanted.addresses].filter(canHave)));
        expect(new Set(model.routes)).toEqual(new Set(wanted.isUp ? [...wanted.routes].filter(canHave) : []));
        expect(linkSteps(present, wanted)).toEqual([]);
      }
    }),
  );
});
