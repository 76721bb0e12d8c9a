import fc from 'fast-check';
import { expect, it } from 'vitest';
import { dnsAnswer, dnsQuery, RECORD_A, RECORD_AAAA } from './dns-message.ts';

const query = dnsQuery(0x1234, 'A.example.', RECORD_A);

/** A response to the query above, with these records behind the question. */
function response(records: readonly number[][], flags = 0x8180, of: Uint8Array = query): Uint8Array {
  const message = Uint8Array.from([...of, ...records.flat()]);
  message[2] = flags >> 8;
  message[3] = flags & 0xff;
  message[7] = records.length;
  return message;
}

const record = (type: number, data: readonly number[], name = [0xc0, 12]) => [
  ...name,
  ...[0, type, 0, 1, 0, 0, 0, 60, 0, data.length],
  ...data,
];

it('a query is that of RFC 1035 §4', () => {
  expect(Buffer.from(query).toString('hex')).toBe(
    '123401000001000000000000' + '0161' + '076578616d706c65' + '00' + '00010001',
  );
  expect(dnsQuery(1, 'b', RECORD_AAAA).slice(-4)).toEqual(Uint8Array.of(0, 28, 0, 1));
});

it('the addresses behind an alias are found', () => {
  const alias = record(5, [1, 0x62, 0xc0, 14]);
  const answer = response([alias, record(1, [192, 0, 2, 1], [0xc0, 40]), record(1, [192, 0, 2, 2])]);
  expect(dnsAnswer(answer, query)).toEqual({
    addresses: [Uint8Array.of(192, 0, 2, 1), Uint8Array.of(192, 0, 2, 2)],
  });
  const spelled = response(
    [record(28, Array(16).fill(7), [1, 0x61, 0])],
    0x8180,
    dnsQuery(9, 'a', RECORD_AAAA),
  );
  expect(dnsAnswer(spelled, dnsQuery(9, 'A', RECORD_AAAA))).toEqual({
    addresses: [new Uint8Array(16).fill(7)],
  });
});

it('a name without addresses has none, and a failing server fails', () => {
  expect(dnsAnswer(response([]), query)).toEqual({ addresses: [] });
  expect(dnsAnswer(response([], 0x8183), query)).toEqual({ addresses: [] });
  expect(dnsAnswer(response([], 0x8182), query)).toBe('failed');
  expect(dnsAnswer(response([], 0x8185), query)).toBe('failed');
});

it('another message is no response', () => {
  const good = response([record(1, [192, 0, 2, 1])]);
  const changed = (at: number, value: number) =>
    Uint8Array.from(good, (byte, i) => (i === at ? value : byte));
  expect(dnsAnswer(changed(0, 0), query)).toBeUndefined();
  expect(dnsAnswer(changed(2, 1), query)).toBeUndefined();
  expect(dnsAnswer(changed(5, 2), query)).toBeUndefined();
  expect(dnsAnswer(changed(13, 0x62), query)).toBeUndefined();
  expect(dnsAnswer(good.subarray(0, query.length - 1), query)).toBeUndefined();
  expect(dnsAnswer(query, query)).toBeUndefined();
});

it('whatever stands behind the question, addresses are whole', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat({ max: 255 }), (tail, count) => {
      const message = Uint8Array.from([...response([]), ...tail]);
      message[7] = count;
      const answer = dnsAnswer(message, query);
      if (answer === undefined || answer === 'failed') throw new Error('it is a response');
      for (const address of answer.addresses) expect(address).toHaveLength(4);
    }),
  );
});
