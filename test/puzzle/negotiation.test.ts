import { describe, expect, it } from 'vitest';
import { planText } from '../../host/cli/text/plan-text.ts';
import { checkConfiguration, preparePuzzle } from '../../host/policy/check/check-configuration.ts';
import type { ConfigurationObject } from '../../host/policy/configuration/configuration-schema.ts';

// The descriptions of the pieces that come with the Funnel, and the properties that they agree on.

const system = { piece: 'tun', edges: { ip: 'lan' } };
const net = { piece: 'udp', edges: { udp: 'wan' } };
const six = { piece: '6bed4', settings: { router: '192.0.2.1' }, edges: { ipv6: 'lan', carrier: 'wan' } };
const sequence = (settings: Record<string, string>) => ({
  piece: 'frame-sequence',
  settings,
  edges: { frames: 'lan', carrier: 'wan' },
});

/** The pair that exchanges frames, with the agreed properties. */
async function settled(pieces: ConfigurationObject['pieces']): Promise<string[]> {
  const text = planText(await preparePuzzle({ pieces }));
  return text
    .split('\n')
    .flatMap((line) => (line.includes('⇄') ? [line.trim().replace(/ {2,}/g, '  ')] : []));
}

async function mistakes(pieces: ConfigurationObject['pieces']): Promise<string[]> {
  return (await checkConfiguration({ pieces })).mistakes.map(({ code, message }) => `${code}: ${message}`);
}

describe('6bed4 settles', () => {
  it('the size of the tunnel with the device, and the same with its headers on the carrier', async () => {
    expect(await settled({ system, six, net })).toEqual([
      'system.ip ↓ ip ⇄ six.ipv6 ↑ ipv6  ipv6  framed, low-delay, size at most 1280',
      'system.ip ↓ ip ⇄ six.ipv6 ↑ ipv6/icmpv6  ipv6/icmpv6  framed, low-delay, size at most 1280',
      'six.carrier ↓ ipv4/udp/* ⇄ net.udp ↑ ip/udp  ipv4/udp/*  framed, low-delay, size at most 65535',
      'six.carrier ↓ ipv4/udp/*/ipv6 ⇄ net.udp ↑ ip/udp  ipv4/udp/*/ipv6  framed, low-delay, size at most 1308',
      'six.carrier ↓ ipv4/udp/*/ipv6/icmpv6 ⇄ net.udp ↑ ip/udp  ipv4/udp/*/ipv6/icmpv6  framed, low-delay, size at most 1308',
    ]);
  });

  it('the same through a hub, a tap with a capture, and an echo', async () => {
    const lines = await settled({
      system,
      hub: { piece: 'hub', edges: { net: ['lan', 'lan2'] } },
      six: { ...six, edges: { ipv6: 'lan2', carrier: 'wan2' } },
      tap: { piece: 'tap', edges: { a: 'wan2', b: 'wan3', copy: 'cap' } },
      capture: { piece: 'pcap-writer', settings: { file: '/dev/null' }, edges: { frames: 'cap' } },
      echo: { piece: 'echo', edges: { a: 'wan3', b: 'wan' } },
      net,
    });
    expect(lines[0]).toBe('system.ip ↓ ip ⇄ hub.net ↑ ip  ip  framed, low-delay, size at most 1280');
    expect(lines).toContain(
      'six.carrier ↓ ipv4/udp/*/ipv6 ⇄ tap.a ↑ ip  ipv4/udp/*/ipv6  framed, low-delay, size at most 1308',
    );
    expect(lines).toContain('echo.b ↓ ip ⇄ net.udp ↑ ip/udp  ip/udp  framed, low-delay, size at most 1308');
    expect(lines).toContain(
      'tap.copy ↓ ip ⇄ capture.frames ↑ ip  ip  duplicate-free, framed, low-delay, ordered',
    );
  });

  it('nothing with a device that is smaller than IPv6 allows', async () => {
    expect(await mistakes({ system: { ...system, settings: { mtu: 1000 } }, six, net })).toEqual([
      'FT_PROPERTY_CONFLICT: Edge `ipv6` of piece `six`: ipv6 and ipv6/icmpv6 of six require size at least 1280 bytes; ip of system offers size at most 1000 bytes; give system other settings, or keep them on networks of their own',
    ]);
  });
});

describe('frame-sequence', () => {
  it('takes from a socket of UDP what it makes itself good for, and no more', async () => {
    expect(await settled({ system, sequence: sequence({ mode: 'message-unreliable' }), net })).toEqual([
      'system.ip ↓ ip ⇄ sequence.frames ↑ ip  ip  framed, low-delay, size at most 1500',
      'sequence.carrier ↓ ip/udp/local:4294 ⇄ net.udp ↑ ip/udp  ip/udp/local:4294  framed, low-delay, size at most 65535',
    ]);
    expect(await mistakes({ system, sequence: sequence({ mode: 'message-reliable' }), net })).toEqual([
      'FT_PROPERTY_CONFLICT: Edge `carrier` of piece `sequence`: ip/udp/local:4294 of sequence requires reliable, ordered and duplicate-free; ip/udp of net offers delivery that may lose, delivery in any order and delivery that may repeat; put a piece between them that adds them, or keep them on networks of their own',
    ]);
  });

  it('wants a carrier that takes its segments', async () => {
    const large = { mode: 'message-unreliable', 'max-segment': '65000', carrier: 'ipv6/udp' };
    expect(await mistakes({ system, sequence: sequence(large), net })).toEqual([]);
    // Two of them over a hub that a small network joins.
    expect(
      await mistakes({
        system,
        sequence: sequence({ mode: 'message-unreliable', 'max-segment': '2000' }),
        hub: { piece: 'hub', edges: { net: ['wan', 'small'] } },
        small: { piece: 'tun', settings: { mtu: 1500 }, edges: { ip: 'small' } },
      }),
    ).toEqual([
      'FT_PROPERTY_CONFLICT: Edge `carrier` of piece `sequence`: ip/udp/local:4294 of sequence requires size at least 2048 bytes; ip of hub offers size at most 1500 bytes; give hub other settings, or keep them on networks of their own',
    ]);
  });
});

describe('fault', () => {
  const between = (settings: Record<string, string>) => ({
    system,
    fault: { piece: 'fault', settings, edges: { a: 'lan', b: 'wan' } },
    capture: { piece: 'pcap-writer', settings: { file: '/dev/null' }, edges: { frames: 'wan' } },
  });
  it.each([
    [{}, 'duplicate-free, framed, low-delay, ordered, size at most 1500'],
    [{ loss: '1%' }, 'duplicate-free, framed, low-delay, ordered, size at most 1500'],
    [{ 'duplicate-b-to-a': '0.5' }, 'framed, low-delay, ordered, size at most 1500'],
    [{ delay: '10ms' }, 'duplicate-free, framed, ordered, size at most 1500'],
    [{ delay: '10ms', jitter: '1ms' }, 'duplicate-free, framed, size at most 1500'],
    [{ reorder: '1%' }, 'duplicate-free, framed, size at most 1500'],
  ])('with %j lets hold in front of it: %s', async (settings, holds) => {
    expect((await settled(between(settings)))[0]).toBe(`system.ip ↓ ip ⇄ fault.a ↑ ip  ip  ${holds}`);
  });
});
