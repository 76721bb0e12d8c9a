/** Addresses out of the DNS, as far as a resolver of names needs messages: RFC 1035 §4, RFC 3596. */

export type RecordType = typeof RECORD_A | typeof RECORD_AAAA;
export const RECORD_A = 1;
export const RECORD_AAAA = 28;

/** Returns a recursive query for one type of record. The name is one that {@link encodeName} takes. */
export function dnsQuery(id: number, name: string, type: RecordType): Uint8Array {
  const question = encodeName(name);
  const query = new Uint8Array(12 + question.length + 4);
  const view = new DataView(query.buffer);
  view.setUint16(0, id);
  view.setUint16(2, RECURSION_DESIRED);
  view.setUint16(4, 1);
  query.set(question, 12);
  view.setUint16(12 + question.length, type);
  view.setUint16(14 + question.length, CLASS_IN);
  return query;
}

/** Returns a name as labels, in lower case. */
function encodeName(name: string): Uint8Array {
  const labels = name.replace(/\.$/, '').toLowerCase().split('.');
  return Uint8Array.from([...labels.flatMap((label) => [label.length, ...Buffer.from(label, 'latin1')]), 0]);
}

/** The meaning of a response: addresses, perhaps none; or that the server failed. */
export type DnsAnswer = { readonly addresses: readonly Uint8Array[] } | 'failed';

/**
 * Reads the response to a query. Returns undefined for what is not that response, so that a forged or late
 * message changes nothing.
 */
export function dnsAnswer(message: Uint8Array, query: Uint8Array): DnsAnswer | undefined {
  const size = query.length;
  if (message.length < size) return undefined;
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const flags = view.getUint16(2);
  if (message[0] !== query[0] || message[1] !== query[1] || (flags & RESPONSE) === 0) return undefined;
  if (view.getUint16(4) !== 1) return undefined;
  // Servers may change the case of the question.
  for (let i = 12; i < size; i++) if (lower(message[i]!) !== lower(query[i]!)) return undefined;
  const code = flags & 0xf;
  if (code !== 0 && code !== NO_SUCH_NAME) return 'failed';
  const type = (query[size - 4]! << 8) | query[size - 3]!;
  const addresses: Uint8Array[] = [];
  let at = size;
  for (let records = view.getUint16(6); records > 0; records--) {
    at = nameEnd(message, at);
    if (at < 0 || at + 10 > message.length) break;
    const length = view.getUint16(at + 8);
    const end = at + 10 + length;
    if (end > message.length) break;
    // Records of another name are those to which an alias leads: the server follows it.
    const isAddress = view.getUint16(at) === type && view.getUint16(at + 2) === CLASS_IN;
    if (isAddress && length === (type === RECORD_A ? 4 : 16)) addresses.push(message.slice(at + 10, end));
    at = end;
  }
  return { addresses };
}

/** Returns the place behind a name; -1 where it has no end. */
function nameEnd(message: Uint8Array, from: number): number {
  let at = from;
  while (at < message.length) {
    const length = message[at]!;
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2;
    if (length >= 0x40) return -1;
    at += 1 + length;
  }
  return -1;
}

function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
}

const RECURSION_DESIRED = 0x0100;
const RESPONSE = 0x8000;
const CLASS_IN = 1;
const NO_SUCH_NAME = 3;
