import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { formatStack } from './format-stack.ts';
import { nameRegistry, registeredNameSpaces } from './name-registry.ts';
import { parseStack } from './parse-stack.ts';
import { standardProtocols as protocols } from './protocols.ts';

/* The names that come with the Funnel, against Debian's netbase where that is installed. */

const entries = (file: string) =>
  readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim().split(/\s+/))
    .filter((words) => words.length > 1);
const inStacks = (name: string) => name.toLowerCase().replaceAll('_', '-');

describe('the registries', () => {
  it('have every type of netbase', ({ skip }) => {
    skip(!existsSync('/etc/ethertypes'), 'there is no /etc/ethertypes: netbase is not installed');
    for (const [name, number] of entries('/etc/ethertypes'))
      expect([name, nameRegistry('ethertype').number(inStacks(name!))]).toEqual([
        name,
        Number.parseInt(number!, 16),
      ]);
  });

  it('have every protocol of netbase', ({ skip }) => {
    skip(!existsSync('/etc/protocols'), 'there is no /etc/protocols: netbase is not installed');
    for (const [name, number] of entries('/etc/protocols')) {
      if (Number(number) < 256)
        expect([name, nameRegistry('ip-protocol').number(inStacks(name!))]).toEqual([name, Number(number)]);
    }
  });

  it('have every service of netbase', ({ skip }) => {
    skip(!existsSync('/etc/services'), 'there is no /etc/services: netbase is not installed');
    for (const [name, value] of entries('/etc/services')) {
      const [port, transport] = value!.split('/');
      if (['tcp', 'udp', 'sctp'].includes(transport!))
        expect([name, nameRegistry(`${transport}-port`).number(inStacks(name!))]).toEqual([
          name,
          Number(port),
        ]);
    }
  });

  it('have the numbers in their documents', () => {
    const numbers = (nameSpace: string, ...names: string[]) =>
      names.map((name) => nameRegistry(nameSpace).number(name));
    expect(
      numbers('ppp', 'lcp', 'pap', 'chap', 'ipcp', 'ipv6cp', 'rohc-small-cid', 'rohc-large-cid'),
    ).toEqual([0xc021, 0xc023, 0xc223, 0x8021, 0x8057, 3, 5]);
    expect(numbers('sctp-ppid', 'm3ua', 'sua', 'diameter', 'webrtc-binary')).toEqual([3, 4, 46, 53]);
    expect(numbers('ip-protocol', 'rohc', 'udplite', 'mobility-header')).toEqual([142, 136, 135]);
    expect(numbers('rtp-payload-type', 'pcmu', 'pcma', 'g722')).toEqual([0, 8, 9]);
    expect(numbers('udp-port', 'sip', '6bed4', 'snmp-trap', 'snmptrap')).toEqual([5060, 25790, 162, 162]);
    expect(nameRegistry('dns-sd').has('_xmpp-client._tcp')).toBe(true);
    expect(nameRegistry('uri-scheme').has('sips')).toBe(true);
  });

  it('belong to existing name spaces, and their numbers fit', () => {
    for (const name of registeredNameSpaces()) {
      const nameSpace = protocols.nameSpace(name)!;
      const registry = nameRegistry(name);
      for (const each of registry.names) expect(registry.number(each)).toBeLessThan(2 ** nameSpace.bits);
    }
  });

  it('give names that stacks can contain, and that are read back as the same identifiers', () => {
    for (const name of registeredNameSpaces()) {
      const nameSpace = protocols.nameSpace(name)!;
      for (const each of nameRegistry(name).names) {
        if (nameSpace.ports) {
          const [transport] = name.split('-');
          const [read] = parseStack(`ip/${transport}/${each}`).steps.slice(2);
          expect(read).toEqual({
            kind: 'ports',
            ports: [{ end: 'either', port: nameRegistry(name).number(each) }],
          });
        } else {
          const text = `${name}:${nameRegistry(name).number(each)}`;
          const stack = parseStack(text);
          expect(parseStack(formatStack(stack))).toEqual(stack);
          // A protocol, or a generic carrier, takes precedence over a registered name.
          if (protocols.number(each) === 0 && protocols.generic(each) === undefined)
            expect(parseStack(`${name}:${each}`)).toEqual(stack);
        }
      }
    }
  });
});
