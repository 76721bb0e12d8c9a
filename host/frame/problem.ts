import type { Protocols } from '../stack/protocols.ts';

/**
 * What can be wrong with a header is one integer: its protocol, and the kind of problem. So that protocols
 * which come as data have named problems too, and the frame path still counts by index.
 */
export const PROBLEM_KINDS = [
  '',
  /** Bytes are missing of the header. */
  'truncated',
  'version',
  /** Less than the least that this header may measure. */
  'header-length',
  /** The length field counts less than the header, or more than what is there. */
  'length',
  'checksum',
  /** More parts than a frame may have. */
  'parts',
  /** Composing: what stands in a fragment has no checksum of its own. */
  'fragment',
  /** Composing: the length does not fit in its field. */
  'size',
  /** Composing: no header in front has the addresses that the checksum covers. */
  'carrier',
  /** Not written as this protocol is. */
  'syntax',
] as const;

export const TRUNCATED = 1;
export const VERSION = 2;
export const HEADER_LENGTH = 3;
export const LENGTH = 4;
export const CHECKSUM = 5;
export const PARTS = 6;
export const FRAGMENT = 7;
export const SIZE = 8;
export const CARRIER = 9;
export const SYNTAX = 10;

/** Problems of protocol p are numbered from `p * PROBLEM_STRIDE`. */
export const PROBLEM_STRIDE = 16;

/** The name to count a problem under, such as `ipv6-truncated`; the empty string for 0. */
export function problemName(protocols: Protocols, problem: number): string {
  const kind = PROBLEM_KINDS[problem % PROBLEM_STRIDE];
  if (problem === 0 || !kind) return '';
  return `${protocols.name(Math.floor(problem / PROBLEM_STRIDE)).replace(':', '-')}-${kind}`;
}
