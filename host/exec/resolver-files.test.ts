import { describe, expect, test } from 'vitest';
import { parseResolverConfiguration } from '../endpoint/namespace/resolver-configuration.ts';
import { ExecError } from './exec-error.ts';
import { parseResolverChoice } from './resolver.ts';
import { namesFromDnsAlone, resolverFile } from './resolver-files.ts';

test('a resolv.conf is read and written', () => {
  const text =
    '# c\nnameserver 192.0.2.1\nnameserver fe80::1%eth0 ; c\nnameserver x\nsearch a.example b.example\noptions ndots:2\n';
  const { servers, others } = parseResolverConfiguration(text);
  expect(servers).toEqual(['192.0.2.1', 'fe80::1%eth0']);
  expect(others).toEqual(['search a.example b.example', 'options ndots:2']);
  expect(parseResolverConfiguration(resolverFile(servers, others))).toEqual({ servers, others });
  expect(resolverFile([], [])).not.toContain('nameserver');
});

describe('an nsswitch.conf', () => {
  test('keeps files and the DNS for host names, and everything else', () => {
    const ubuntu =
      'passwd: files systemd\nhosts:          files mdns4_minimal [NOTFOUND=return] resolve [!UNAVAIL=return] dns myhostname\n';
    expect(namesFromDnsAlone(ubuntu)).toBe('passwd: files systemd\nhosts: files dns myhostname\n');
    expect(namesFromDnsAlone('hosts: mymachines resolve\n')).toBe('hosts: dns\n');
  });

  test('without other modules is unchanged', () => {
    expect(namesFromDnsAlone('hosts:          files dns\n')).toBeUndefined();
    expect(namesFromDnsAlone('')).toBeUndefined();
  });
});

test('the choice of a resolver', () => {
  expect(['host', 'none', '192.0.2.53, 2001:db8::53'].map(parseResolverChoice)).toEqual([
    'host',
    'none',
    { servers: ['192.0.2.53', '2001:db8::53'] },
  ]);
  for (const bad of ['', 'x', '192.0.2', '192.0.2.1,'])
    expect(() => parseResolverChoice(bad)).toThrow(ExecError);
});
