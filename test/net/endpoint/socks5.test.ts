import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { hasCommand } from '../command.ts';
import { FunnelProcess, losses } from '../funnel-process.ts';
import { labTest } from '../lab-test.ts';
import type { Namespace } from '../namespace.ts';
import type { NetLab } from '../net-lab.ts';

/** Host a, whose applications use a proxy, and host b with a server on port 8000 in both IP versions. */
async function proxyAndServer(lab: NetLab, settings: object = {}) {
  const [a, b] = [await lab.namespace('a'), await lab.namespace('b')];
  await lab.wire(a, 'eth0', b, 'eth0');
  for (const [host, n] of [[a, 1] as const, [b, 2] as const]) {
    await host.sysctl('ipv6.conf.eth0.disable_ipv6', 0);
    await host.addAddress('eth0', `192.0.2.${n}/24`);
    await host.ip('address', 'add', `2001:db8::${n}/64`, 'dev', 'eth0', 'nodad');
  }
  const file = join(lab.folder, 'a.yaml');
  const pieces = {
    proxy: { piece: 'socks5', settings, edges: { tcp: 'net', udp: 'net' } },
    tcp: { piece: 'tcp', edges: { tcp: 'net' } },
    udp: { piece: 'udp', edges: { udp: 'net' } },
  };
  writeFileSync(file, JSON.stringify({ pieces }));
  const funnel = await FunnelProcess.start(a, file, lab.folder);
  return { a, b, funnel };
}

async function serve(host: Namespace, lab: NetLab): Promise<void> {
  writeFileSync(join(lab.folder, 'big'), Buffer.alloc(8_000_000, 'funnel'));
  const web = host.start(
    ['python3', '-u', '-m', 'http.server', '--bind', '::', '--directory', lab.folder, '8000'],
    {},
  );
  await web.waitFor(/Serving/);
}

labTest('curl loads by IPv4, IPv6 and name, with a password, whole', async ({ lab, skip }) => {
  if (!hasCommand('curl')) skip('curl is not here');
  const { a, b, funnel } = await proxyAndServer(lab, { user: 'me:secret' });
  await serve(b, lab);
  const curl = (...args: string[]) => a.runAnyway(['curl', '-sS', '--max-time', '60', ...args]);
  for (const where of ['192.0.2.2', '[2001:db8::2]']) {
    const got = await curl('--socks5', 'me:secret@127.0.0.1:1080', `http://${where}:8000/big`);
    expect(got.status).toBe(0);
    expect(got.stdout.length).toBe(8_000_000);
    expect(got.stdout).toBe('funnel'.repeat(8_000_000 / 6 + 1).slice(0, 8_000_000));
  }
  // The loopback is not granted, and a closed port is refused: both at once, as such.
  const refused = await curl('--socks5', 'me:secret@[::1]:1080', 'http://127.0.0.1:8000/');
  expect(refused).toMatchObject({ status: 97, stderr: expect.stringContaining('(5)') });
  expect((await curl('--socks5', 'me:secret@[::1]:1080', 'http://192.0.2.2:9/')).status).toBe(97);
  expect((await curl('--socks5', 'me:wrong@[::1]:1080', 'http://192.0.2.2:8000/')).status).toBe(97);
  const unknown = await curl('--socks5-hostname', 'me:secret@[::1]:1080', 'http://none.invalid:8000/');
  expect(unknown).toMatchObject({ status: 97, stderr: expect.stringContaining('(4)') });
  const lost = [...losses(await funnel.snapshot()).keys()].filter(
    (name) => !/ (refused|not-granted)$/.test(name),
  );
  expect(lost).toEqual([]);
  expect((await funnel.stop()).status).toBe(0);
});

labTest('a resolver behind the puzzle finds names for curl', async ({ lab, skip }) => {
  if (!hasCommand('curl') || !hasCommand('dnsmasq')) skip('curl or dnsmasq is not here');
  const { a, b } = await proxyAndServer(lab, { names: '192.0.2.2' });
  await serve(b, lab);
  const dns = b.start([
    ...['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--no-resolv', '--no-hosts'],
    ...['--user=root', '--group=root', '--log-facility=-', '--bind-interfaces', '--listen-address=192.0.2.2'],
    ...['--host-record=web.example,192.0.2.2,2001:db8::2', '--cname=www.example,web.example'],
  ]);
  await dns.waitFor(/started/);
  const got = await a.runAnyway([
    ...['curl', '-sS', '--max-time', '60', '--socks5-hostname', '127.0.0.1:1080'],
    ...['-o', '/dev/null', '-w', '%{http_code}', 'http://www.example:8000/big'],
  ]);
  expect(got).toMatchObject({ status: 0, stdout: '200' });
});

/** A client of RFC 1928 §7, which no program of Debian's is without a preloaded library. */
const DATAGRAMS = `
import socket, sys
control = socket.create_connection(('127.0.0.1', 1080))
control.sendall(bytes.fromhex('050100'))
assert control.recv(2) == bytes.fromhex('0500')
control.sendall(bytes.fromhex('05030001000000000000'))
reply = control.recv(10)
assert reply[:4] == bytes.fromhex('05000001'), reply
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(20)
relay = (socket.inet_ntoa(reply[4:8]), int.from_bytes(reply[8:10], 'big'))
for family, host in ((1, '192.0.2.2'), (4, '2001:db8::2')):
  address = socket.inet_pton(socket.AF_INET if family == 1 else socket.AF_INET6, host)
  header = bytes([0, 0, 0, family]) + address + (7).to_bytes(2, 'big')
  for size in (1, 1400, 9000):
    client.sendto(header + b'x' * size, relay)
    assert client.recv(70000) == header + b'x' * size, size
print('all there')
`;

labTest('datagrams go to a server of socat and back, in both IP versions', async ({ lab, skip }) => {
  if (!hasCommand('socat') || !hasCommand('python3')) skip('socat or python3 is not here');
  const { a, b, funnel } = await proxyAndServer(lab);
  b.start(['socat', '-b', '65536', 'UDP6-RECVFROM:7,fork,ipv6-v6only=0', 'PIPE']);
  await b.run(['sh', '-c', 'until ss -lun | grep -q :7; do sleep 0.05; done']);
  expect((await a.run(['python3', '-c', DATAGRAMS])).trim()).toBe('all there');
  expect([...losses(await funnel.snapshot()).keys()]).toEqual([]);
});
