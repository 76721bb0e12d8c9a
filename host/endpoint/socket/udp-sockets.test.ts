import { expect, it } from 'vitest';
import type { UdpOptions } from '../addon.ts';
import { RecordingContext } from '../testing/recording-context.ts';
import type { UdpIo } from './udp-io.ts';
import { readUdpSettings } from './udp-settings.ts';
import { UdpSockets } from './udp-sockets.ts';

/** A system with ports in use in one family; for port 0 it chooses from 5000 on. */
function system(taken: (family: 4 | 6, port: number) => boolean) {
  const open = new Map<number, UdpOptions>();
  let chosen = 5000;
  let channels = 0;
  const io: Partial<UdpIo> = {
    open: (options) => {
      const port = options.port === 0 ? chosen++ : options.port;
      if (taken(options.family, port)) throw Object.assign(new Error('in use'), { code: 'EADDRINUSE' });
      open.set(channels, { ...options, port });
      return { channel: channels++, port };
    },
    close: (channel) => void open.delete(channel),
  };
  const { settings } = readUdpSettings([]);
  const sockets = new UdpSockets(io as UdpIo, settings, new RecordingContext());
  return { open, sockets };
}

it('tries another port of its choice if the first is in use in the other family', () => {
  const { open, sockets } = system((family, port) => family === 6 && port < 5003);
  sockets.open(0, [4, 6]);
  expect([...open.values()].map(({ family, port }) => [family, port])).toEqual([
    [4, 5003],
    [6, 5003],
  ]);
});

it.each([0, 7000])('leaves nothing open where a family is refused (port %i)', (port) => {
  const { open, sockets } = system((family) => family === 6);
  expect(() => sockets.open(port, [4, 6])).toThrow(
    port === 0 ? /a UDP port of the system's choice is in use/ : /UDP port 7000 is in use/,
  );
  expect([open.size, sockets.ports, sockets.channelOf(port, true)]).toEqual([0, [], -1]);
});
