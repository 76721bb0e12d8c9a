import { expect } from 'vitest';
import { labTest } from '../lab-test.ts';
import type { Namespace } from '../namespace.ts';
import { NativePieceProcess } from './native-piece.ts';

/*
 * Sockets that are bound to a device belong to it by its number: when it is made again under its name, they
 * are opened again. `udp.test.ts` has the same for UDP ports and groups.
 */

async function make(host: Namespace): Promise<void> {
  await host.ip('link', 'add', 'vp', 'type', 'veth', 'peer', 'name', 'vq');
  for (const device of ['vp', 'vq']) await host.ip('link', 'set', device, 'up');
  await host.ip('addr', 'add', '192.0.2.1/24', 'dev', 'vp');
}

labTest('a port of tcp follows its device when it is made again', async ({ lab }) => {
  const host = await lab.namespace('host');
  await make(host);
  const settings = [
    ['port', '5201'],
    ['family', 'ipv4'],
    ['device', 'vp'],
  ] as const;
  const piece = new NativePieceProcess(lab, host, 'tcp', settings);
  await piece.running.waitFor(/ready/);
  const bound = (): Promise<string> => host.run(['ss', '-Htln']);
  const isRight = /\b0\.0\.0\.0%vp:5201\b/;
  expect(await bound()).toMatch(isRight);
  await host.ip('link', 'del', 'vp');
  expect(await bound()).not.toMatch(isRight);
  await make(host);
  await expect.poll(bound, { timeout: 20_000 }).toMatch(isRight);
  expect(await piece.ask('logs')).toContain('made again');
  await piece.ask('close');
});

labTest('the sockets of raw follow their device when it is made again', async ({ lab }) => {
  const host = await lab.namespace('host');
  await make(host);
  const settings = [
    ['protocol', '253'],
    ['family', 'ipv4'],
    ['device', 'vp'],
  ] as const;
  const piece = new NativePieceProcess(lab, host, 'raw', settings);
  await piece.running.waitFor(/ready/);
  const packet = Buffer.from('450000180000000021fd000000000000c0000202aabbccdd', 'hex');
  const parts = [
    ['ipv4', 0, 20],
    ['', 1, 4],
  ];
  const send = async (): Promise<object> => {
    await piece.ask('send', packet.toString('hex'), parts);
    return JSON.parse(await piece.ask('counters'));
  };
  expect(await send()).toEqual({});
  await host.ip('link', 'del', 'vp');
  // The socket belongs to a device that is gone.
  const lost = await send();
  expect(lost).not.toEqual({});
  await make(host);
  await expect.poll(() => piece.ask('logs'), { timeout: 20_000 }).toContain('made again');
  expect(await send()).toEqual(lost);
  await piece.ask('close');
});

labTest.for([
  ['udp', 'port', '7000', '-Huln', /192\.0\.2\.1%vp:7000/],
  ['tcp', 'port', '7000', '-Htln', /192\.0\.2\.1%vp:7000/],
  ['raw', 'protocol', '253', '-Hwln', /192\.0\.2\.1:253/],
] as const)(
  'the device of %s that is gone, or back without its address, is in the status',
  async ([endpoint, name, value, list, isRight], { lab }) => {
    const host = await lab.namespace('host');
    await make(host);
    const settings = [
      [name, value],
      ['family', 'ipv4'],
      ['device', 'vp'],
      ['address', '192.0.2.1'],
    ] as const;
    const piece = new NativePieceProcess(lab, host, endpoint, settings);
    await piece.running.waitFor(/ready/);
    const bound = (): Promise<string> => host.run(['ss', list]);
    const health = async () => JSON.parse(await piece.ask('status')).health;
    expect([await bound(), await health()]).toEqual([expect.stringMatching(isRight), 'good']);
    // It is gone under its name, whether it was removed or renamed.
    await host.ip('link', 'set', 'vp', 'down');
    await host.ip('link', 'set', 'vp', 'name', 'other');
    await expect.poll(() => piece.ask('status'), PATIENT).toContain('no device has the name vp now');
    expect(await piece.ask('deviates')).toBe('false');
    await host.ip('link', 'del', 'other');
    await host.ip('link', 'add', 'vp', 'type', 'veth', 'peer', 'name', 'vq');
    await expect.poll(health, PATIENT).toBe('failed');
    expect(await piece.ask('deviates')).toBe('true');
    // The former address has gone with the former device, and comes later than the device.
    await host.ip('addr', 'add', '192.0.2.1/24', 'dev', 'vp');
    await expect.poll(health, PATIENT).toBe('good');
    expect(await bound()).toMatch(isRight);
    expect(await piece.ask('deviates')).toBe('false');
    // A successor does not take over sockets of a device that was made again meanwhile.
    await host.ip('link', 'del', 'vp');
    await make(host);
    await piece.ask('replace', settings);
    await expect.poll(() => piece.ask('status'), PATIENT).toContain('"good"');
    await expect.poll(bound, PATIENT).toMatch(isRight);
    await piece.ask('close');
  },
);

/** On a loaded machine a look may come late, and that is no fault. */
const PATIENT = { timeout: 20_000, interval: 50 };
