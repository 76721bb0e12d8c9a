import { networkInterfaces } from 'node:os';
import type { Grants } from './grants.ts';
import { parseAddress } from './ip-address.ts';

/**
 * Keeps the list of this machine's own addresses in the grants of an endpoint. The list is at most five
 * seconds old. It is read off the frame path, and does not keep the process alive.
 */
export class OwnAddresses {
  readonly #timer: NodeJS.Timeout;

  constructor(grants: Grants) {
    refresh(grants);
    this.#timer = setInterval(() => refresh(grants), LARGEST_AGE_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

function refresh(grants: Grants): void {
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  grants.setOwn(addresses.flatMap(({ address }) => parseAddress(address.split('%')[0]!) ?? []));
}

const LARGEST_AGE_MS = 5000;
