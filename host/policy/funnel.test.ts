import { describe, expect, it } from 'vitest';
import type { NativePiece } from '../endpoint/catalogue.ts';
import { checkForLeaks } from '../puzzle/testing/leak-check.ts';
import { FunnelError } from '../stack/funnel-error.ts';
import { ConfigurationError, formatMistake } from './configuration/configuration-error.ts';
import type { ConfigurationObject } from './configuration/configuration-schema.ts';
import { type FunnelEvent, openFunnel } from './funnel.ts';
import { samplePiece, sampleSetting } from './testing/sample-pieces.ts';

checkForLeaks();

const sink = samplePiece('sink', {
  edges: { ip: ['ip up'] },
  reasons: [{ name: 'taken', loss: false, summary: 'The sink took the frame.' }],
});
const puzzle: ConfigurationObject = {
  pieces: { from: { piece: 'source', edges: { ip: 'lan' } }, to: { piece: 'sink', edges: { ip: 'lan' } } },
};

/** A piece that sends an IPv4 packet on request of the test. */
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
    expect(pieces[1]!.reasons).toEqual([
      { name: 'taken', frames: 2, loss: false, summary: 'The sink took the frame.' },
    ]);
    await funnel.close();
    await funnel.close();
    expect(from.closed()).toBe(1);
    expect(funnel.snapshot().pieces[1]!.edges[0]!.framesIn).toBe(2);
  });

  it('is closed by `await using`, which calls its method for that, and a second time for nothing', async () => {
    const from = source();
    const funnel = await openFunnel(puzzle, { pieces: { source: from.piece, sink } });
    // Node 20 has the symbol, and no syntax for it: compilers call the method at the end of a block.
    const dispose = funnel[Symbol.asyncDispose];
    expect(Symbol.asyncDispose).toBeTypeOf('symbol');
    await dispose.call(funnel);
    expect(from.closed()).toBe(1);
    await dispose.call(funnel);
    await funnel.close();
    expect(from.closed()).toBe(1);
  });

  it('notifies listeners of events, including those of the start', async () => {
    const from = source();
    const events: FunnelEvent[] = [];
    const funnel = await openFunnel(puzzle, {
      pieces: { source: from.piece, sink },
      onEvent: (event) => events.push(event),
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
    expect(events.map((event) => event.kind === 'log' && event.message)).toEqual([
      'made',
      'later',
      'unheard',
    ]);
  });

  it('reports a refusal of the system with its line, and leaves nothing open', async () => {
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

describe('a running Funnel', () => {
  /** A sink that counts its instances, with a setting and a port that may be in use. */
  function counting() {
    let made = 0;
    let closed = 0;
    const settings = [sampleSetting('port number = 1'), sampleSetting('tag text …')];
    const base = samplePiece('sink', { edges: { ip: ['ip up'] }, settings });
    const piece: NativePiece = {
      ...base,
      make(context, frames, protocols, given) {
        made++;
        return {
          ...base.make(context, frames, protocols, given),
          start() {
            if (given.some(([name, value]) => name === 'port' && value === '99'))
              throw Object.assign(new FunnelError('FT_TEST', 'the port is in use'), { setting: 'port' });
            return [];
          },
          close: () => void closed++,
        };
      },
    };
    return { piece, made: () => made, closed: () => closed };
  }

  const withSink = (
    settings: Record<string, string | number | string[]>,
    more = {},
  ): ConfigurationObject => ({
    pieces: { ...puzzle.pieces, to: { piece: 'sink', settings, edges: { ip: 'lan' } }, ...more },
  });

  it('changes to another configuration, and unchanged pieces continue', async () => {
    const [from, to] = [source(), counting()];
    const events: FunnelEvent[] = [];
    const funnel = await openFunnel(withSink({}), {
      pieces: { source: from.piece, sink: to.piece },
      onEvent: (event) => events.push(event),
    });
    const before = funnel.puzzle;
    from.send();
    const more = { tap: { piece: 'sink', edges: { ip: 'lan' } } };
    const copies = { networks: { lan: { copies: true } } };
    const difference = await funnel.apply({ ...withSink({}, more), ...copies });
    expect(difference).toMatchObject({ added: ['tap'], removed: [], replaced: [], kept: ['from', 'to'] });
    expect(funnel.puzzle.pieces.map(({ place }) => place.name)).toEqual(['from', 'to', 'tap']);
    expect(funnel.puzzle.checkContext).toBe(before.checkContext);
    expect(events.filter(({ kind }) => kind === 'changed')).toEqual([
      { kind: 'changed', configuration: '(object)', difference },
    ]);
    from.send();
    expect(funnel.snapshot().pieces.map(({ edges }) => edges[0]!.framesIn)).toEqual([0, 2, 1]);
    expect([to.made(), to.closed()]).toEqual([2, 0]);
    await funnel.close();
  });

  it('replaces pieces that would be made differently, and nothing else', async () => {
    const [from, to] = [source(), counting()];
    const funnel = await openFunnel(withSink({ port: 1, tag: ['a', 'b'] }), {
      pieces: { source: from.piece, sink: to.piece },
    });
    const replaced = async (settings: Parameters<typeof withSink>[0]) =>
      (await funnel.apply(withSink(settings))).replaced;
    expect(await replaced({ tag: ['a', 'b'], port: 1 })).toEqual([]);
    expect(await replaced({ tag: ['a', 'b'], port: '1' })).toEqual([]);
    expect(await replaced({ tag: ['b', 'a'], port: 1 })).toEqual(['to']);
    expect(await replaced({ tag: ['b', 'a'], port: 2 })).toEqual(['to']);
    expect([to.made(), to.closed(), from.closed()]).toEqual([3, 2, 0]);
    await funnel.close();
  });

  it('continues unchanged if a change is impossible, and reports all mistakes with their lines', async () => {
    const [from, to] = [source(), counting()];
    const funnel = await openFunnel(withSink({}), { pieces: { source: from.piece, sink: to.piece } });
    const { puzzle: before } = funnel;
    const refused = async (configuration: ConfigurationObject) =>
      ((await funnel.apply(configuration).catch((error) => error)) as ConfigurationError).mistakes.map(
        formatMistake,
      );
    expect(await refused(withSink({ prt: 1 }, { x: { piece: 'nothing' } }))).toEqual([
      'pieces.to.settings.prt: FT_SETTING_UNKNOWN: `sink` has no setting `prt` — did you mean `port`?',
      expect.stringMatching(/^pieces\.x\.piece: FT_PIECE_UNKNOWN: /),
    ]);
    expect(await refused(withSink({ port: 99 }))).toEqual([
      'pieces.to.settings.port: FT_TEST: setting `port` of piece `to`: the port is in use',
    ]);
    expect(funnel.puzzle).toBe(before);
    expect([to.made(), to.closed()]).toEqual([2, 1]);
    from.send();
    expect(funnel.snapshot().pieces[1]!.edges[0]!.framesIn).toBe(1);
    await funnel.close();
    expect(await refused(withSink({ port: 2 }))).toEqual([expect.stringContaining('FT_CHANGE_SUPERSEDED')]);
  });

  it('reports what a change would do, and changes nothing', async () => {
    const [from, to] = [source(), counting()];
    const funnel = await openFunnel(withSink({}), { pieces: { source: from.piece, sink: to.piece } });
    const { puzzle: before } = funnel;
    expect(await funnel.apply(withSink({ port: 99 }), { dryRun: true })).toMatchObject({ replaced: ['to'] });
    expect(funnel.puzzle).toBe(before);
    expect(to.made()).toBe(1);
    await funnel.close();
  });

  it('applies the newer of two changes, also where the older one takes longer to check', async () => {
    const [from, to] = [source(), counting()];
    const funnel = await openFunnel(withSink({}), { pieces: { source: from.piece, sink: to.piece } });
    // A file takes longer to read than an object.
    const older = funnel.apply('/dev/null').catch((error: ConfigurationError) => error.mistakes[0]!.code);
    const other = funnel.apply(withSink({ port: 2 })).catch((error) => error.mistakes[0]!.code);
    const newest = funnel.apply(withSink({ port: 3 }));
    expect(await older).toBe('FT_CONFIG_YAML');
    expect(await other).toBe('FT_CHANGE_SUPERSEDED');
    expect((await newest).replaced).toEqual(['to']);
    await funnel.close();
  });
});
