import type { Problem } from '../../../abi/host/contract.ts';
import { FIFO, FifoSource, readFifoSettings } from './fifo.ts';
import { INHERITED, InheritedSource, readInheritedSettings } from './inherited.ts';
import type { LocalSettings } from './local-settings.ts';
import type { LocalSource } from './local-source.ts';
import type { LocalMake } from './local-stream.ts';
import { PTY, PtySource, readPtySettings } from './pty.ts';
import { readSerialSettings, SERIAL, SerialSource } from './serial.ts';
import { readStdioSettings, STDIO, StdioSource } from './stdio.ts';
import { UnixSource } from './unix.ts';
import { readUnixSettings, UNIX } from './unix-description.ts';

type Given = readonly (readonly [string, string])[];

/** The endpoints of streams that have no addresses, by name. */
export const localStreams: ReadonlyMap<string, (given: Given) => LocalMake> = new Map([
  [
    'unix',
    (given: Given) => make(UNIX, readUnixSettings(given), (all) => new UnixSource(all), ['mode', 'uids']),
  ],
  ['fifo', (given: Given) => make(FIFO, readFifoSettings(given), (all) => new FifoSource(all))],
  ['stdio', (given: Given) => make(STDIO, readStdioSettings(given), (all) => new StdioSource(all))],
  [
    'inherited',
    (given: Given) => make(INHERITED, readInheritedSettings(given), (all) => new InheritedSource(all)),
  ],
  ['pty', (given: Given) => make(PTY, readPtySettings(given), (all) => new PtySource(all))],
  ['serial', (given: Given) => make(SERIAL, readSerialSettings(given), (all) => new SerialSource(all))],
]);

/**
 * The identity covers everything that the source is made of, but not the names of its streams in the puzzle:
 * with other names, the source and its streams stay. The same holds for settings that a source can change
 * while it is open.
 */
export function make<T extends LocalSettings>(
  description: LocalMake['description'],
  { settings, problems }: { readonly settings: T; readonly problems: readonly Problem[] },
  makeSource: (settings: T) => LocalSource,
  changeable: readonly string[] = [],
): LocalMake {
  const { from, to, toPort, patienceMs, bufferBytes, halfClose, connections, keepaliveSeconds, ...source } =
    settings;
  return {
    description,
    settings,
    problems,
    identity: JSON.stringify([
      description.name,
      ...Object.entries(source).filter(([name]) => !changeable.includes(name)),
    ]),
    makeSource: () => makeSource(settings),
  };
}
