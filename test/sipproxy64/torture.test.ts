import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { Driver, fileBytes, message, sipProxy } from './driver.ts';
import { bodyOf, headersOf, only } from './phones.ts';

/** The expectations of a message; `torture.json` explains each field. */
interface Expectation {
  readonly message: string;
  readonly section: string;
  readonly settings?: Readonly<Record<string, string>>;
  readonly replace?: readonly [string, string];
  readonly pass?: true;
  readonly refuse?: number;
  readonly drop?: true;
  readonly return?: true;
  readonly reason?: string;
  readonly to?: string;
  readonly contains?: readonly string[];
  readonly lacks?: readonly string[];
  readonly keepsBody?: true;
  readonly why?: string;
}

type Suite = 'rfc4475' | 'rfc5118';

const folder = join(packageRoot(), 'test', 'sipproxy64');
const table = JSON.parse(readFileSync(join(folder, 'torture.json'), 'utf8')) as Record<
  Suite,
  readonly Expectation[]
>;

/** Where the messages come from. */
const SOURCE: Record<Suite, string> = { rfc4475: '192.0.2.200:5060', rfc5118: '[2001:db8::200]:5060' };
const PROXY: Record<Suite, string> = { rfc4475: '[2001:db8::9]:5060', rfc5118: '192.0.2.9:5060' };

let make: BoundComponent;
beforeAll(async () => {
  make = await sipProxy();
});

describe.each(['rfc4475', 'rfc5118'] as const)('each message of %s', (suite) => {
  it('has what is expected of it', () => {
    const told = new Set(table[suite].map(({ message: name }) => name));
    expect([...told].toSorted()).toEqual(readdirSync(join(folder, 'vectors', suite)).toSorted());
  });

  it.each(table[suite].map((row) => [row.message, row.section, row] as const))(
    '%s (§%s) is handled as the table says',
    (name, _, expected) => {
      // Addresses that no message has.
      const driver = new Driver(make, {
        ipv4: '198.51.100.1',
        ipv6: '2001:db8:ff::1',
        proxy4: '192.0.2.9:5060',
        proxy6: '[2001:db8::9]:5060',
        ...expected.settings,
      }).start();
      let text = textOf(suite, name);
      if (expected.replace) text = text.replace(...expected.replace);
      if (expected.return) text = asResponseToUs(driver, text);
      const result = driver.send(SOURCE[suite], text);
      expect(result.ended).toEqual(expected.reason === undefined ? [] : [expected.reason]);
      if (expected.drop) {
        expect(result.sent).toEqual([]);
        return;
      }
      const sent = only(result);
      if (expected.refuse !== undefined) {
        expect(sent.slice(0, 12)).toBe(`SIP/2.0 ${expected.refuse} `);
      } else if (expected.pass) {
        expect(result.sent[0]!.to).toBe(expected.to ?? PROXY[suite]);
      } else {
        expect(headersOf(sent, 'Via')).toHaveLength(1);
      }
      for (const each of expected.contains ?? []) expect(sent).toContain(each);
      for (const each of expected.lacks ?? []) expect(sent).not.toContain(each);
      if (expected.keepsBody) expect(bodyOf(sent)).toBe(bodyOf(text));
    },
  );
});

/** Some messages lack the line ends that the RFC has: a tool of its appendix takes them off. */
function textOf(suite: Suite, name: string): string {
  const text = Buffer.from(fileBytes('vectors', suite, name)).toString('latin1');
  const lines = text.includes('\r\n') ? text : text.replaceAll('\n', '\r\n');
  return lines.includes('\r\n\r\n') ? lines : `${lines}\r\n`;
}

/** With our own Via above its own, as the response has that comes to a request of ours. */
function asResponseToUs(driver: Driver, text: string): string {
  const [via] = headersOf(text, 'Via');
  const asked = message([
    'OPTIONS sip:user@example.com SIP/2.0',
    `Via: ${via}`,
    'From: <sip:a@example.com>;tag=1',
    'To: <sip:user@example.com>',
    'Call-ID: 1',
    'CSeq: 1 OPTIONS',
  ]);
  const [own] = headersOf(only(driver.send('192.0.2.105:5060', asked)), 'Via');
  const line = text.indexOf('\r\n') + 2;
  return `${text.slice(0, line)}Via: ${own}\r\n${text.slice(line)}`;
}
