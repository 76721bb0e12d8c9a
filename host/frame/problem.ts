import type { Protocols } from '../stack/protocols.ts';

/**
 * A problem of a header is one integer: its protocol and the kind of problem. So protocols that come as data
 * have named problems too, and the frame path counts by index.
 */
export const PROBLEM_KINDS = [
  '',
  /** Bytes of the header are missing. */
  'truncated',
  'version',
  /** The stated length of the header is less than its minimum. */
  'header-length',
  /** The length field counts less than the header, or more than the bytes that are there. */
  'length',
  'checksum',
  /** More parts than a frame may have. */
  'parts',
  /** Composing: the contents of a fragment have no checksum of their own. */
  'fragment',
  /** Composing: the length does not fit in its field. */
  'size',
  /** Composing: no header in front has the addresses that the checksum covers. */
  'carrier',
  /** The text is not in the syntax of this protocol. */
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

/** The name of a problem, for counters, such as `ipv6-truncated`; the empty string for 0. */
export function problemName(protocols: Protocols, problem: number): string {
  const kind = PROBLEM_KINDS[problem % PROBLEM_STRIDE];
  if (problem === 0 || !kind) return '';
  return `${protocols.name(Math.floor(problem / PROBLEM_STRIDE)).replace(':', '-')}-${kind}`;
}
