import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EndpointError } from './endpoint-error.ts';
import { TcpListeners, type TcpListenersOptions } from './tcp-listeners.ts';
import { RecordingContext } from './testing/recording-context.ts';
import { ScriptedIo, systemError } from './testing/scripted-io.ts';

interface Asked {
  readonly family: 4 | 6;
  readonly address: string;
  readonly port: number;
  readonly key?: string;
}

/** A system that chooses ports from 5000 on. */
class System extends ScriptedIo {
  readonly asked: Asked[] = [];
  readonly ports = new Map<number, number>();
  refuses: (asked: Asked) => string | undefined = () => undefined;
  #chosen = 5000;

  listenStream(batch: number, asked: Asked) {
    const code = this.refuses(asked);
    if (code !== undefined) throw systemError(code);
    this.asked.push(asked);
    const channel = this.channelOf(batch);
    this.ports.set(channel, asked.port === 0 ? this.#chosen++ : asked.port);
    return { channel };
  }
  streamNames(channel: number) {
    return { localPort: this.ports.get(channel)! };
  }
}

const ANY = { family: 4, address: '' } as const;
const HERE = { family: 4, address: '192.0.2.1' } as const;
let system: System;
let context: RecordingContext;
let opened: number[];
let made: TcpListeners[];

function listeners(changes: Partial<TcpListenersOptions> = {}): TcpListeners {
  const batch = system.createBatch({} as never);
  const options = { context, kind: 'tcp', device: '', batch, predecessor: undefined, ending: [] };
  const all = new TcpListeners({
    io: system.calls,
    onOpen: (channel) => opened.push(channel),
    ...options,
    ...changes,
  });
  made.push(all);
  return all;
}

beforeEach(() => {
  system = new System();
  context = new RecordingContext();
  opened = [];
  made = [];
});
afterEach(() => {
  for (const each of made) each.close();
  expect(system.open.size).toBe(0);
});

describe('a port', () => {
  it('is open until its last user releases it', () => {
    const all = listeners();
    const first = all.open(80, ANY, 80, false)!;
    expect(all.open(80, ANY, 80, false)).toBe(first);
    const other = all.open(80, HERE, 80, false)!;
    expect([[...all.ports], all.channels, opened]).toEqual([[80], [1, 2], [1, 2]]);
    all.release(first);
    expect(system.open.size).toBe(2);
    all.release(first);
    expect([[...system.open.keys()], all.find(80, ANY), all.find(80, HERE)]).toEqual([[2], undefined, other]);
  });

  it('of the system’s choice is known by the number that it has, and has no key', () => {
    const all = listeners();
    const one = all.open(0, ANY, 0, false)!;
    const two = all.open(0, ANY, 0, false)!;
    expect([one.port, two.port, one.wanted, all.find(5001, ANY)]).toEqual([5000, 5001, 0, two]);
    expect(system.asked.map(({ key }) => key)).toEqual([undefined, undefined]);
    all.open(443, ANY, 443, false);
    expect(system.asked[2]!.key).toMatch(/^tcp here \{.*443/);
  });

  it.each([
    [1, 'EACCES', /Ports below 1024/],
    [1023, 'EACCES', /Ports below 1024/],
    [1024, 'EACCES', /Run as a user with this right/],
    [0, 'EACCES', /Run as a user with this right/],
    [80, 'EADDRINUSE', /ss -tlnp sport = :80/],
    [0, 'EADDRINUSE', /a TCP port of the system's choice .*Choose a port/],
  ])('%i that is refused with %s has a remedy', (port, code, message) => {
    system.refuses = () => code;
    expect(() => listeners().open(port, ANY, port, false)).toThrow(message);
  });

  it.each([
    ['EADDRINUSE', 'port'],
    ['ENODEV', 'device'],
    ['EADDRNOTAVAIL', 'address'],
  ])('that is refused with %s names the setting %s', (code, setting) => {
    system.refuses = () => code;
    let refused: EndpointError | undefined;
    try {
      listeners().open(80, HERE, 80, false);
    } catch (error) {
      refused = error as EndpointError;
    }
    expect([refused?.setting, refused?.message]).toEqual([setting, expect.stringContaining('192.0.2.1')]);
  });

  it('of IPv6 may lack where the system has none, and only then', () => {
    const six = { family: 6, address: '' } as const;
    for (const code of ['EAFNOSUPPORT', 'EADDRNOTAVAIL']) {
      system.refuses = () => code;
      expect(listeners().open(80, six, 80, true)).toBeUndefined();
      expect(() => listeners().open(80, six, 80, false)).toThrow();
      expect(() => listeners().open(80, ANY, 80, true)).toThrow();
    }
    system.refuses = () => 'EADDRINUSE';
    expect(() => listeners().open(80, six, 80, true)).toThrow();
  });
});

describe('a change', () => {
  it('hands over the ports at the same place, and leaves those of a failed change', () => {
    const old = listeners();
    old.open(80, ANY, 80, false);
    old.open(0, HERE, 0, false);
    const failed = listeners({ predecessor: old, ending: [old] });
    expect(failed.open(80, ANY, 80, false)!.channel).toBe(-1);
    failed.close();
    const next = listeners({ predecessor: old, ending: [old] });
    const port = next.open(80, ANY, 80, false)!;
    const chosen = next.open(0, HERE, 0, false)!;
    expect([chosen.port, system.asked.length, next.lost]).toEqual([5000, 2, []]);
    next.takeOver();
    expect([port.channel, chosen.channel, old.all.size]).toEqual([1, 2, 0]);
    expect([...system.open.values()]).toEqual([3, 3]);
    old.close();
    expect(system.open.size).toBe(2);
  });

  it('opens a port at another place once the old one is closed, and tries before whether it can', () => {
    const old = listeners();
    old.open(80, ANY, 80, false);
    system.refuses = ({ address }) => (address === '192.0.2.1' ? 'EADDRNOTAVAIL' : undefined);
    const wrong = listeners({ predecessor: old, ending: [old] });
    expect(() => wrong.open(80, HERE, 80, false)).toThrow(/192\.0\.2\.1/);
    system.refuses = () => undefined;
    const next = listeners({ predecessor: old, ending: [old] });
    const listener = next.open(80, HERE, 80, false)!;
    expect([listener.channel, system.open.size, opened]).toEqual([-1, 1, [1]]);
    next.takeOver();
    expect([system.open.size, old.all.size, opened.at(-1) === listener.channel]).toEqual([1, 0, true]);
    expect(system.asked.map(({ port, address }) => [port, address])).toEqual([
      [80, ''],
      [0, '192.0.2.1'],
      [80, '192.0.2.1'],
    ]);
  });
});

describe('what is lost', () => {
  it('is opened again at the next try, and all where the device is a new one', () => {
    const all = listeners({ device: 'eth7' });
    const listener = all.open(80, ANY, 80, false)!;
    all.reopen(false);
    expect([listener.channel, system.asked.length]).toEqual([1, 1]);
    system.refuses = () => 'EPERM';
    all.reopen(true);
    expect([all.lost, system.open.size]).toEqual([[listener], 0]);
    expect(context.logs).toEqual([
      { level: 'error', message: expect.stringMatching(/80 .* on eth7: EPERM/) },
    ]);
    all.reopen(false);
    expect(context.logs).toHaveLength(1);
    system.refuses = () => undefined;
    all.reopen(false);
    expect([all.lost, all.channels.length]).toEqual([[], 1]);
  });
});
