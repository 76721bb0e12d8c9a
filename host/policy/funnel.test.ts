import { describe, expect, it } from 'vitest';
import type { NativePiece } from '../endpoint/catalogue.ts';
import { FunnelError } from '../stack/funnel-error.ts';
import { ConfigurationError, formatMistake } from './configuration-error.ts';
import type { ConfigurationObject } from './configuration-schema.ts';
import { type FunnelEvent, openFunnel } from './funnel.ts';
import { samplePiece, sampleSetting } from './sample-pieces.ts';

const sink = samplePiece('sink', { edges: { ip: ['ip up'] }, reasons: [{ name: 'taken', loss: false }] });
const puzzle: ConfigurationObject = {
  pieces: { from: { piece: 'source', edges: { ip: 'lan' } }, to: { piece: 'sink', edges: { ip: 'lan' } } },
};

/** A piece that sends an IPv4 packet whenever it is told. */
function source(): {
  piece: NativePiece;
  send: () => void;
  closed: () => number;
  log: (message: string) => void;
} {
  const base = samplePiece('source', { edges: { ip: ['ip down'] } });
  let send = (): void => {};
  let log = (_message: string): void => {};
  let closed = 0;
  const piece: NativePiece = {
    ...base,
    make(context, frames, protocols, settings) {
      log = (message) => context.log('warn', message);
      log('made');
      const made = base.make(context, frames, protocols, settings);
      send = () => {
        const row = frames.allocate(20);
        const start = frames.start[row]!;
        frames.bytes.set([0x45, 0, 0, 20, 0, 0, 0, 0, 64, 59, 0xf6, 0xab, 192, 0, 2, 1, 192, 0, 2, 2], start);
        frames.begin(row, start, 20, protocols.number('ipv4'));
        const outbox = {
          rows: Int32Array.of(row),
          edgeShapes: Uint32Array.of(0),
          skips: Uint16Array.of(0),
          length: 1,
        };
        context.arrived(outbox as Parameters<typeof context.arrived>[0]);
      };
      return { ...made, close: () => void closed++ };
    },
  };
  return { piece, send: () => send(), closed: () => closed, log: (message) => log(message) };
}

describe('openFunnel', () => {
  it('runs a puzzle with pieces of the embedder, until it is closed', async () => {
    const from = source();
    const funnel = await openFunnel(puzzle, { pieces: { source: from.piece, sink } });
    from.send();
    from.send();
    const { pieces } = funnel.snapshot();
    expect(
      pieces.map(({ name, edges }) => [name, edges[0]!.framesIn, edges[0]!.framesOut, edges[0]!.bytesIn]),
    ).toEqual([
      ['from', 0, 2, 0],
      ['to', 2, 0, 40],
    ]);
    expect(pieces[1]!.reasons).toEqual([{ name: 'taken', frames: 2, loss: false }]);
    await funnel.close();
    await funnel.close();
    expect(from.closed()).toBe(1);
    expect(funnel.snapshot().pieces[1]!.edges[0]!.framesIn).toBe(2);
  });

  it('tells events to listeners, those of the start included', async () => {
    const from = source();
    const told: FunnelEvent[] = [];
    const funnel = await openFunnel(puzzle, {
      pieces: { source: from.piece, sink },
      onEvent: (event) => told.push(event),
    });
    const heard: string[] = [];
    const listener = ({ message }: { message: string }): void => void heard.push(message);
    funnel.on('log', listener);
    await new Promise((resolve) => setImmediate(resolve));
    from.log('later');
    funnel.off('log', listener);
    from.log('unheard');
    await funnel.close();
    expect(heard).toEqual(['made', 'later']);
    expect(told.map((event) => event.kind === 'log' && event.message)).toEqual(['made', 'later', 'unheard']);
  });

  it('gives what the system refuses its place, and leaves nothing open', async () => {
    const from = source();
    const base = samplePiece('sink', { edges: { ip: ['ip up'] }, settings: [sampleSetting('port number')] });
    const refused: NativePiece = {
      ...base,
      make: (...given) => ({
        ...base.make(...given),
        start() {
          throw new FunnelError('FT_TEST', 'the port is in use');
        },
      }),
    };
    const failure = await openFunnel(puzzle, { pieces: { source: from.piece, sink: refused } }).catch(
      (error) => error,
    );
    expect(failure).toBeInstanceOf(ConfigurationError);
    expect((failure as ConfigurationError).mistakes.map(formatMistake)).toEqual([
      'pieces.to: FT_TEST: piece `to`: the port is in use',
    ]);
    expect(from.closed()).toBe(1);
  });
});
