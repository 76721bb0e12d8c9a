import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildAddon } from '../../tools/build-addon.mjs';
import { Frames } from '../frame/frames.ts';
import { Protocols } from '../stack/protocols.ts';
import { nativePieces } from './catalogue.ts';
import { EndpointError } from './endpoint-error.ts';
import { RecordingContext } from './testing/recording-context.ts';

// The system can refuse each thing that an endpoint asks of it. For each endpoint, and each trouble that it
// can meet at its start, these tests hold the code, the setting at fault, and that nothing is left behind.

/** The places of a run; each trouble makes there what it needs. */
interface Scene {
  readonly folder: string;
  /** A TCP port, and a path, on which another program listens. */
  readonly port: string;
  readonly path: string;
}

interface Trouble {
  readonly what: string;
  readonly settings: (scene: Scene) => Record<string, string>;
  readonly code: string;
  /** The setting at fault. */
  readonly setting?: string;
}

const foreign = { address: '192.0.2.77' };
const noDevice = { device: 'no-such-dev' };

/** Troubles with a setting that is a path: another's file is there, or its folder is not. */
function pathRefusals(setting: string): readonly Trouble[] {
  return [
    {
      what: 'a path with a file',
      settings: ({ folder }) => ({ [setting]: join(folder, 'file') }),
      code: 'FT_SOCKET_IN_USE',
      setting,
    },
    {
      what: 'a path in no folder',
      settings: ({ folder }) => ({ [setting]: join(folder, 'no', 's') }),
      code: 'FT_SOCKET_ADDRESS',
      setting,
    },
  ];
}

const TROUBLES: Readonly<Record<string, readonly Trouble[]>> = {
  udp: [
    {
      what: 'an address of another machine',
      settings: () => ({ port: '7', ...foreign }),
      code: 'FT_UDP_ADDRESS',
      setting: 'address',
    },
    {
      what: 'a device that is not there',
      settings: () => ({ port: '7', ...noDevice }),
      code: 'FT_UDP_ADDRESS',
      setting: 'device',
    },
  ],
  raw: [
    {
      what: 'a device that is not there',
      settings: () => ({ protocol: '253', ...noDevice }),
      code: 'FT_SOCKET_ADDRESS',
      setting: 'device',
    },
  ],
  packet: [
    {
      what: 'a device that is not there',
      settings: () => noDevice,
      code: 'FT_SOCKET_ADDRESS',
      setting: 'device',
    },
    {
      what: 'a device with a link header, in mode ip',
      settings: () => ({ device: 'lo', mode: 'ip' }),
      code: 'FT_SOCKET_ADDRESS',
      setting: 'mode',
    },
  ],
  tcp: [
    {
      what: 'a port in use',
      settings: ({ port }) => ({ port, address: '127.0.0.1' }),
      code: 'FT_SOCKET_IN_USE',
      setting: 'port',
    },
    {
      what: 'an address of another machine',
      settings: () => ({ port: '0', ...foreign }),
      code: 'FT_SOCKET_ADDRESS',
      setting: 'address',
    },
    {
      what: 'a device that is not there',
      settings: () => ({ port: '0', ...noDevice }),
      code: 'FT_SOCKET_ADDRESS',
      setting: 'device',
    },
  ],
  socks5: [
    {
      what: 'a port in use',
      settings: ({ port }) => ({ port, address: '127.0.0.1' }),
      code: 'FT_SOCKET_IN_USE',
      setting: 'port',
    },
    {
      what: 'an address of another machine',
      settings: () => ({ port: '0', 'open-to-all': 'true', ...foreign }),
      code: 'FT_SOCKET_ADDRESS',
      setting: 'address',
    },
  ],
  unix: [
    {
      what: 'a path on which another program listens',
      settings: ({ path }) => ({ listen: path }),
      code: 'FT_SOCKET_IN_USE',
      setting: 'listen',
    },
    ...pathRefusals('listen'),
  ],
  'unix-datagram': [...pathRefusals('listen')],
  fifo: [...pathRefusals('read')],
  pty: [...pathRefusals('link')],
  inherited: [
    {
      what: 'no sockets of a service manager',
      settings: () => ({ by: 'systemd' }),
      code: 'FT_SOCKET_ADDRESS',
    },
  ],
  'pcap-writer': [
    {
      what: 'a path in no folder',
      settings: ({ folder }) => ({ file: join(folder, 'no', 'all.pcapng') }),
      code: 'FT_PCAP_FILE',
      setting: 'file',
    },
    {
      what: 'a folder',
      settings: ({ folder }) => ({ file: join(folder, 'folder') }),
      code: 'FT_PCAP_FILE',
      setting: 'file',
    },
  ],
  'pcap-reader': [
    {
      what: 'a file that is not there',
      settings: ({ folder }) => ({ file: join(folder, 'no.pcapng') }),
      code: 'FT_PCAP_FILE',
      setting: 'file',
    },
    {
      what: 'a folder',
      settings: ({ folder }) => ({ file: join(folder, 'folder') }),
      code: 'FT_PCAP_FILE',
      setting: 'file',
    },
  ],
};

/** The endpoints that the system refuses nothing at their start, or whose refusals need a lab. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  tun: 'test/net/endpoint/tun.test.ts',
  uplink: 'host/endpoint/uplink/uplink.test.ts',
  stdio: 'host/endpoint/stream/local-stream.test.ts',
  serial: 'waits for a line that is not there',
  process: 'starts its program for a stream',
};

let scene: Scene;
const servers: Server[] = [];

beforeAll(() => {
  const built = buildAddon();
  if (!built.ok) throw new Error(built.reason);
});

beforeEach(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'refusal-'));
  mkdirSync(join(folder, 'folder'));
  writeFileSync(join(folder, 'file'), 'precious');
  const path = join(folder, 'used');
  for (const place of [{ port: 0, host: '127.0.0.1' }, { path }]) {
    const server = createServer().listen(place);
    servers.push(server);
    await once(server, 'listening');
  }
  const { port } = servers[0]!.address() as { port: number };
  scene = { folder, port: String(port), path };
});

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
  rmSync(scene.folder, { recursive: true });
});

/** So often that one descriptor of each that stays open shows. */
const ATTEMPTS = 8;

const descriptors = (): number => readdirSync('/proc/self/fd').length;

test('each endpoint is in the table, or has its refusals elsewhere', () => {
  const known = [...Object.keys(TROUBLES), ...Object.keys(ELSEWHERE)];
  expect(known.toSorted()).toEqual([...nativePieces.keys()].toSorted());
});

describe.each(Object.entries(TROUBLES))('%s', (name, troubles) => {
  test.each([...troubles])(
    'is refused with $what: $code, and leaves nothing',
    async ({ settings, code, setting }) => {
      const frames = new Frames({ smallRows: 256, largeRows: 2 });
      const make = (context: RecordingContext) =>
        nativePieces.get(name)!.make(context, frames, new Protocols(), Object.entries(settings(scene)));
      const attempt = (): unknown => {
        const piece = make(new RecordingContext());
        try {
          expect(piece.start(0)).toEqual([]);
        } catch (error) {
          return error;
        } finally {
          piece.close();
        }
        return undefined;
      };
      // The first attempt may load things that stay.
      attempt();
      await turn();
      const [before, files] = [descriptors(), readdirSync(scene.folder).toSorted()];
      for (let n = 0; n < ATTEMPTS; n++) {
        const error = attempt();
        expect(error).toBeInstanceOf(EndpointError);
        expect(error).toMatchObject({ code, ...(setting === undefined ? {} : { setting }) });
      }
      // A file may be closed a little later, and others of this process may have closed theirs.
      await expect.poll(descriptors).toBeLessThan(before + ATTEMPTS);
      expect(readdirSync(scene.folder).toSorted()).toEqual(files);
      expect(readFileSync(join(scene.folder, 'file'), 'utf8')).toBe('precious');
      expect(frames.freeRows).toBe(frames.rows);
    },
  );
});
