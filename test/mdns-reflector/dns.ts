import { be16, be32, read16, read32 } from '../sctp/wire.ts';

/** A record in words, with the data as bytes; names in data are written without compression. */
export interface Rr {
  readonly name: string;
  readonly type: number;
  readonly ttl: number;
  readonly flush: boolean;
  readonly data: string;
}

export interface Question {
  readonly name: string;
  readonly type: number;
  /** A unicast response is welcome. */
  readonly unicast?: boolean;
}

export const [A, PTR, TXT, AAAA, SRV, NSEC, ANY] = [1, 12, 16, 28, 33, 47, 255] as const;

export function nameBytes(name: string): number[] {
  const labels = name === '' ? [] : name.split('.');
  return [...labels.flatMap((label) => [label.length, ...Buffer.from(label)]), 0];
}

export function rr(name: string, type: number, data: readonly number[], ttl = 120, flush = true): Rr {
  return { name, type, ttl, flush, data: Buffer.from(data).toString('hex') };
}

export const ptr = (name: string, to: string, ttl = 4500) => rr(name, PTR, nameBytes(to), ttl, false);

function recordBytes({ name, type, ttl, flush, data }: Rr): number[] {
  const bytes = Buffer.from(data, 'hex');
  return [
    ...nameBytes(name),
    ...be16(type),
    ...be16(flush ? 0x8001 : 1),
    ...be32(ttl),
    ...be16(bytes.length),
    ...bytes,
  ];
}

export function response(...answers: readonly Rr[]): number[] {
  return [0, 0, 0x84, 0, 0, 0, ...be16(answers.length), 0, 0, 0, 0, ...answers.flatMap(recordBytes)];
}

export function query(
  questions: readonly Question[],
  known: readonly Rr[] = [],
  { id = 0, probe = [] as readonly Rr[], truncated = false } = {},
): number[] {
  return [
    ...be16(id),
    truncated ? 2 : 0,
    0,
    ...be16(questions.length),
    ...be16(known.length),
    ...be16(probe.length),
    0,
    0,
    ...questions.flatMap(({ name, type, unicast }) => [
      ...nameBytes(name),
      ...be16(type),
      ...be16(unicast === true ? 0x8001 : 1),
    ]),
    ...known.flatMap(recordBytes),
    ...probe.flatMap(recordBytes),
  ];
}

export interface Dns {
  readonly id: number;
  readonly isResponse: boolean;
  readonly questions: Question[];
  readonly answers: Rr[];
}

/** Reads a message that the piece sent. Names in record data must not be compressed. */
export function readDns(bytes: Uint8Array): Dns {
  let at = 12;
  const readName = (): string => {
    const labels: string[] = [];
    let from = at;
    let isBehind = false;
    for (;;) {
      const size = bytes[from]!;
      if (size >= 0xc0) {
        if (!isBehind) at = from + 2;
        isBehind = true;
        from = ((size & 0x3f) << 8) | bytes[from + 1]!;
        continue;
      }
      from += 1 + size;
      if (size === 0) break;
      labels.push(Buffer.from(bytes.subarray(from - size, from)).toString());
    }
    if (!isBehind) at = from;
    return labels.join('.');
  };
  const questions = Array.from({ length: read16(bytes, 4) }, () => {
    const name = readName();
    at += 4;
    return { name, type: read16(bytes, at - 4), unicast: (bytes[at - 2]! & 0x80) !== 0 };
  });
  const answers = Array.from({ length: read16(bytes, 6) }, () => {
    const name = readName();
    const [type, cls, ttl, size] = [
      read16(bytes, at),
      read16(bytes, at + 2),
      read32(bytes, at + 4),
      read16(bytes, at + 8),
    ];
    at += 10 + size;
    const data = Buffer.from(bytes.subarray(at - size, at)).toString('hex');
    return { name, type, ttl, flush: (cls & 0x8000) !== 0, data };
  });
  return { id: read16(bytes, 0), isResponse: (bytes[2]! & 0x80) !== 0, questions, answers };
}
