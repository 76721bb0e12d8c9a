import { closeSync, openSync, readFileSync } from 'node:fs';
import { EndpointError } from './endpoint-error.ts';

/**
 * Keeps some descriptors of the process for itself. Ports open at the wish of pieces, and without a
 * descriptor the Funnel could neither report its status, nor read a configuration, nor start another lane.
 */
export class DescriptorReserve {
  readonly #limit: number;
  readonly #probe: () => number;

  /** @param probe returns the lowest free number, which the next descriptor gets */
  constructor(limit = descriptorLimit(), probe: () => number = lowestFree) {
    this.#limit = limit;
    this.#probe = probe;
  }

  /** The most descriptors that pieces may have together. */
  get most(): number {
    return this.#limit - Math.min(RESERVED, this.#limit / 2);
  }

  /** @throws EndpointError FT_DESCRIPTORS if the next descriptor would be one of the reserve */
  demand(what: string): void {
    let free: number;
    try {
      free = this.#probe();
    } catch (error) {
      throw this.#refusal(what, { cause: error });
    }
    if (free >= this.most) throw this.#refusal(what, {});
  }

  #refusal(what: string, options: ErrorOptions): EndpointError {
    return new EndpointError(
      'FT_DESCRIPTORS',
      `${what} is not opened: this process may have ${this.#limit} open files (ulimit -n), and the Funnel keeps the last of them for itself. Let pieces listen on fewer ports, or raise the limit`,
      options,
    );
  }
}

export const descriptorReserve = new DescriptorReserve();

function lowestFree(): number {
  const descriptor = openSync('/dev/null', 'r');
  closeSync(descriptor);
  return descriptor;
}

/** Infinity if the system does not show it: then only the system itself refuses. */
function descriptorLimit(): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return soft === undefined ? Infinity : Number(soft);
  } catch {
    return Infinity;
  }
}

const RESERVED = 256;
