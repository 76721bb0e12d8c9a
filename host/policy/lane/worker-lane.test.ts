import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { constants, mkdtempSync, rmSync } from 'node:fs';
import { open as openFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { checkForLeaks } from '../../puzzle/testing/leak-check.ts';
import { type Funnel, openFunnel } from '../funnel.ts';
import { packageRoot } from '../pieces/package-root.ts';
import type { FunnelEvent } from './funnel-event.ts';

checkForLeaks();

/** A thread starts with compiled code, so these pieces are compiled too. */
const pieceModules = [join(packageRoot(), 'dist', 'test', 'fixtures', 'worker-pieces.js')];

const opened: Funnel[] = [];
afterEach(async () => {
  for (const funnel of opened.splice(0)) await funnel.close();
});

/**
 * `beat` sends through `rogue` to `sink`; beside them, with nothing in common but the lane, `beat2` sends to
 * `sink2`.
 */
function puzzle(rogue: object, more: object = {}) {
  return {
    pieces: {
      beat: { piece: 'beat', edges: { out: 'a' } },
      rogue: { piece: 'rogue', edges: { in: 'a', out: 'b' }, ...rogue },
      sink: { piece: 'sink', edges: { in: 'b' } },
      beat2: { piece: 'beat', edges: { out: 'c' } },
      sink2: { piece: 'sink', edges: { in: 'c' } },
      ...more,
    },
  };
}

async function open(configuration: ReturnType<typeof puzzle>, options: object = {}) {
  const events: FunnelEvent[] = [];
  const funnel = await openFunnel(configuration, {
    worker: true,
    pieceModules,
    onEvent: (event) => events.push(event),
    ...options,
  });
  opened.push(funnel);
  const until = async <T>(what: string, find: () => T | undefined | Promise<T | undefined>): Promise<T> => {
    for (let tries = 0; tries < 20_000; tries++) {
      const found = await find();
      if (found !== undefined) return found;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`${what}: not in time; there was ${JSON.stringify(events)}`);
  };
  const event = <K extends FunnelEvent['kind']>(kind: K) =>
    until(`event ${kind}`, () =>
      events.find((each): each is Extract<FunnelEvent, { kind: K }> => each.kind === kind),
    );
  const taken = async (name: string) => {
    const { pieces } = await funnel.counters();
    return pieces.find((piece) => piece.name === name)!.edges[0]!.framesIn;
  };
  const flows = async (name: string) => {
    const before = await taken(name);
    await until(`more frames at ${name}`, async () => ((await taken(name)) > before + 5 ? true : undefined));
  };
  const piece = async (name: string) => (await funnel.counters()).pieces.find((each) => each.name === name)!;
  return { funnel, events, event, until, taken, flows, piece };
}

const harmless = { settings: { after: 1_000_000_000 } };

describe('a lane in a thread of its own', () => {
  it('runs, reports its counters, and closes with the last of them', async () => {
    const { funnel, flows, taken } = await open(puzzle(harmless));
    await flows('sink');
    await flows('sink2');
    await funnel.close();
    const last = await taken('sink');
    expect(last).toBeGreaterThan(5);
    // Every frame that `beat` sent has arrived, or was reported.
    const { pieces, freeRows, rows } = await funnel.counters();
    const sent = pieces.find(({ name }) => name === 'beat')!.edges[0]!.framesOut;
    expect(sent).toBe(last);
    expect(freeRows).toBe(rows);
    expect(funnel.snapshot()).toEqual(await funnel.counters());
    await funnel.close();
  });

  it('changes while it runs, and refuses what is impossible, with its line', async () => {
    const { funnel, flows, event } = await open(puzzle(harmless));
    const more = {
      sink3: { piece: 'sink', edges: { in: 'd' } },
      beat3: { piece: 'beat', edges: { out: 'd' } },
    };
    const dry = await funnel.apply(puzzle(harmless, more), { dryRun: true });
    expect(dry.added.toSorted()).toEqual(['beat3', 'sink3']);
    expect(funnel.puzzle.pieces.length).toBe(5);
    const difference = await funnel.apply(puzzle(harmless, more));
    expect(difference).toEqual(dry);
    await flows('sink3');
    expect((await event('changed')).difference).toEqual(difference);
    await expect(
      funnel.apply({
        pieces: { odd: { piece: 'tun', settings: { device: 'no/such' }, edges: { ip: 'x' } } },
      }),
    ).rejects.toMatchObject({ code: 'FT_CONFIG' });
    await flows('sink3');
  });

  it('applies the last of several changes at once', async () => {
    const { funnel, flows } = await open(puzzle(harmless));
    const outcomes = await Promise.allSettled(
      [1, 2, 3].map((n) =>
        funnel.apply(
          puzzle(harmless, {
            [`sink${n + 10}`]: { piece: 'sink', edges: { in: 'c2' } },
            [`beat${n + 10}`]: { piece: 'beat', edges: { out: 'c2' } },
          }),
        ),
      ),
    );
    expect(outcomes.at(-1)!.status).toBe('fulfilled');
    for (const outcome of outcomes)
      if (outcome.status === 'rejected')
        expect(outcome.reason).toMatchObject({ mistakes: [{ code: 'FT_CHANGE_SUPERSEDED' }] });
    await flows('sink13');
  });

  it('refuses native pieces that are objects of this thread, with a remedy', async () => {
    const { samplePiece } = await import('../testing/sample-pieces.ts');
    const configuration = {
      pieces: { own: { piece: 'own', edges: { ip: 'a' } }, beat: { piece: 'beat', edges: { out: 'a' } } },
    };
    const pieces = { own: samplePiece('own', { edges: { ip: ['ip up'] } }) };
    await expect(openFunnel(configuration, { worker: true, pieces, pieceModules })).rejects.toMatchObject({
      code: 'FT_PIECE_THREAD',
      message: expect.stringContaining('`pieceModules`'),
    });
    const here = await openFunnel(configuration, { pieces, pieceModules });
    await here.close();
    await expect(openFunnel(configuration, { pieceModules: ['/nowhere/at-all.js'] })).rejects.toMatchObject({
      code: 'FT_PIECE_MODULE',
    });
  });

  it('ends a start that never ends, and leaves nothing', async () => {
    for (const does of ['loop-at-start', 'loop-when-made'])
      await expect(open(puzzle({ settings: { does } }))).rejects.toMatchObject({
        code: 'FT_CONFIG',
        mistakes: [{ code: 'FT_FAULT_STALL' }],
      });
  });
});

describe('the watchdog', () => {
  it('ends a lane that a piece keeps, and another one continues without the piece, with the former counters', async () => {
    const { event, events, flows, taken, piece, funnel } = await open(puzzle({ settings: { after: 50 } }));
    const fault = await event('fault');
    expect(fault).toMatchObject({ piece: 'rogue', code: 'FT_FAULT_STALL' });
    const recovered = await event('recovered');
    expect(recovered.without).toBe('rogue');
    await flows('sink2');
    // Pieces that are neither guilty nor behind the guilty one keep their counters; the guilty one is out.
    expect(await piece('rogue')).toMatchObject({ state: 'failed', faults: 1, restarts: 0 });
    expect((await piece('rogue')).fault).toContain('FT_FAULT_STALL');
    expect(await piece('beat2')).toMatchObject({ state: 'running', faults: 0 });
    expect(await taken('sink2')).toBeGreaterThan(0);
    expect((await funnel.counters()).uptimeMs).toBeGreaterThan(recovered.recoveredMs);
    expect(events.filter(({ kind }) => kind === 'recovered').length).toBe(1);
    // A change to the same leaves it out, and other settings are another piece.
    await funnel.apply(puzzle({ settings: { after: 50 } }));
    expect((await piece('rogue')).state).toBe('failed');
    await funnel.apply(puzzle(harmless));
    expect((await piece('rogue')).state).toBe('running');
    await flows('sink');
  });

  it('detects a piece that waits for ever without a processor', async () => {
    const { event, flows } = await open(puzzle({ settings: { after: 5, does: 'wait' } }));
    expect(await event('fault')).toMatchObject({ piece: 'rogue', code: 'FT_FAULT_STALL' });
    await event('recovered');
    await flows('sink2');
  });

  it('replaces a lane that died, without the piece in whose call it died', async () => {
    const { event, flows, piece } = await open(puzzle({ settings: { after: 5, does: 'throw' } }));
    const fault = await event('fault');
    expect(fault).toMatchObject({ piece: 'rogue', code: 'FT_FAULT_LANE' });
    expect(fault.message).toContain('a mistake of the host');
    expect(await event('recovered')).toMatchObject({ without: 'rogue' });
    await flows('sink2');
    expect((await piece('rogue')).state).toBe('failed');
  });

  it('blames no piece for sockets that the ended lane still has open, and waits for their end', async () => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const { port } = socket.address();
    await new Promise<void>((resolve) => socket.close(() => resolve()));
    const directory = mkdtempSync(join(tmpdir(), 'funnel-held-'));
    const fifo = join(directory, 'fifo');
    execFileSync('mkfifo', [fifo]);
    // The system keeps the thread, and its sockets, until the test writes.
    const release = async () => (await openFile(fifo, constants.O_RDWR)).close();
    try {
      const { event, events, flows, piece } = await open(
        puzzle(
          { settings: { after: 5, does: `read ${fifo}` } },
          {
            honest: { piece: 'udp', settings: { port, destinations: '127.0.0.1' }, edges: { udp: 'd' } },
            beat3: { piece: 'beat', edges: { out: 'd' } },
          },
        ),
      );
      const faults = () =>
        events.flatMap((each) =>
          each.kind === 'fault' ? [`${each.piece} ${each.code}: ${each.message}`] : [],
        );
      await event('fault');
      // Longer than the lane waits for an end by force: the next one finds the port in use.
      await new Promise((resolve) => setTimeout(resolve, 2000));
      expect(faults()).toEqual([expect.stringContaining('rogue FT_FAULT_STALL')]);
      await release();
      await event('recovered');
      await flows('sink2');
      expect(faults()).toEqual([expect.stringContaining('rogue FT_FAULT_STALL')]);
      expect(await piece('honest')).toMatchObject({ state: 'running', faults: 0 });
    } finally {
      await release();
      rmSync(directory, { recursive: true });
    }
  });

  it('lets frames go around the piece with the policy `bypass`', async () => {
    const { event, flows, piece } = await open(puzzle({ settings: { after: 5 }, failure: 'bypass' }));
    await event('recovered');
    await flows('sink');
    expect(await piece('rogue')).toMatchObject({ state: 'failed', faults: 1 });
    expect((await piece('rogue')).bypassed).toBeGreaterThan(5);
  });

  it('brings the piece back with the policy `restart`, later each time, with its state once', async () => {
    const { events, until, flows, piece } = await open(
      puzzle({ settings: { after: 0 }, failure: 'restart', save: '100ms' }),
    );
    const of = <K extends FunnelEvent['kind']>(kind: K) =>
      events.filter((each): each is Extract<FunnelEvent, { kind: K }> => each.kind === kind);
    await until('two faults', () => (of('fault').length >= 2 ? true : undefined));
    await until('two restarts', () => (of('restarted').length >= 2 ? true : undefined));
    expect(of('restarted')[0]).toEqual({ kind: 'restarted', piece: 'rogue', restored: true });
    expect((await piece('rogue')).faults).toBeGreaterThanOrEqual(2);
    expect((await piece('rogue')).restarts).toBeGreaterThanOrEqual(1);
    await flows('sink2');
  });

  it('ends a change that never ends; the former puzzle continues, the piece of the same name included', async () => {
    const { funnel, flows, event, events, piece } = await open(puzzle(harmless));
    await flows('sink');
    const change = funnel.apply(puzzle({ settings: { does: 'loop-at-start' } }));
    await expect(change).rejects.toMatchObject({
      mistakes: [{ code: 'FT_LANE_ENDED', message: expect.stringContaining('rogue') }],
    });
    expect(await event('recovered')).not.toHaveProperty('without');
    expect(events).toContainEqual({
      kind: 'log',
      piece: 'rogue',
      level: 'error',
      message: expect.stringContaining('FT_FAULT_STALL'),
    });
    await flows('sink');
    await flows('sink2');
    expect(await piece('rogue')).toMatchObject({ state: 'running', faults: 0 });
    expect(events.some(({ kind }) => kind === 'fault')).toBe(false);
    await funnel.apply(puzzle(harmless));
    await flows('sink');
  });

  it.each(['accepts', 'join'])('ends a change whose piece stalls in %s', async (call) => {
    const { funnel, flows, event, events, piece } = await open(puzzle(harmless));
    await flows('sink');
    const change = funnel.apply(puzzle({ settings: { does: `loop-at-${call}` } }));
    await expect(change).rejects.toMatchObject({ mistakes: [{ code: 'FT_LANE_ENDED' }] });
    expect(await event('recovered')).not.toHaveProperty('without');
    await flows('sink');
    expect(await piece('rogue')).toMatchObject({ state: 'running', faults: 0 });
    expect(events.some(({ kind }) => kind === 'fault')).toBe(false);
  });

  it('ends a change that removes a piece which stalls when it is closed', async () => {
    const { funnel, flows, event } = await open(
      puzzle({ settings: { ...harmless.settings, does: 'loop-at-close' } }),
    );
    await flows('sink');
    await expect(funnel.apply(puzzle(harmless))).rejects.toMatchObject({
      mistakes: [{ code: 'FT_LANE_ENDED', message: expect.stringContaining('rogue') }],
    });
    await event('recovered');
    await flows('sink');
    await flows('sink2');
  });

  it('leaves out a piece that stalls when it leaves a network, or when its state is saved', async () => {
    for (const [does, more] of [
      ['loop-at-leave', {}],
      ['loop-at-save', { save: '100ms' }],
    ] as const) {
      const rogue = (out: string) => ({
        settings: { ...harmless.settings, does },
        edges: { in: 'a', out },
        ...more,
      });
      const { funnel, flows, event, piece } = await open(puzzle(rogue('b')));
      if (does === 'loop-at-leave') {
        const others = {
          sink3: { piece: 'sink', edges: { in: 'b' } },
          beat3: { piece: 'beat', edges: { out: 'b' } },
          sink: { piece: 'sink', edges: { in: 'b2' } },
        };
        const moved = { ...puzzle(rogue('b2')).pieces, ...others };
        await expect(funnel.apply({ pieces: moved })).rejects.toMatchObject({
          mistakes: [{ code: 'FT_LANE_ENDED', message: expect.stringContaining('rogue') }],
        });
      }
      expect(await event('recovered')).toMatchObject({ without: 'rogue' });
      await flows('sink2');
      expect(await piece('rogue')).toMatchObject({ state: 'failed', faults: 1 });
      await funnel.close();
    }
  });

  it('reports whether a state was accepted, and not for a piece that rejects it', async () => {
    const { until, events, flows, piece } = await open(
      puzzle({ settings: { after: 0, does: 'refuse-state' }, failure: 'restart', save: '100ms' }),
    );
    const restarted = await until('a restart', () => events.find(({ kind }) => kind === 'restarted'));
    expect(restarted).toEqual({ kind: 'restarted', piece: 'rogue', restored: false });
    expect(events).toContainEqual({
      kind: 'log',
      piece: 'rogue',
      level: 'warn',
      message: 'starts without its saved state, which it refuses: this is none of mine',
    });
    await flows('sink');
    expect(await piece('rogue')).toMatchObject({ restarts: 1 });
  });

  it('does not give a state twice to a piece that stalls with it', async () => {
    const { until, events, flows } = await open(
      puzzle({ settings: { after: 0, does: 'loop-at-restore' }, failure: 'restart', save: '100ms' }),
    );
    const restarted = await until('a restart', () => events.find(({ kind }) => kind === 'restarted'));
    // In its work, and with its state; then it began without.
    expect(events.filter(({ kind }) => kind === 'fault')).toHaveLength(2);
    expect(restarted).toEqual({ kind: 'restarted', piece: 'rogue', restored: false });
    await flows('sink');
  });

  it('leaves out two pieces that stall at once, and gives the others their states', async () => {
    const { until, events, flows, piece } = await open(
      puzzle(
        { settings: { after: 400 }, failure: 'restart' },
        {
          beat3: { piece: 'beat', edges: { out: 'd' } },
          rogue3: { piece: 'rogue', edges: { in: 'd', out: 'e' }, settings: { after: 400 } },
          sink3: { piece: 'sink', edges: { in: 'e' } },
          beat4: { piece: 'beat', edges: { out: 'f' } },
          calm: { piece: 'rogue', edges: { in: 'f', out: 'g' }, save: '100ms', ...harmless },
          sink4: { piece: 'sink', edges: { in: 'g' } },
        },
      ),
    );
    const guilty = () => events.flatMap((each) => (each.kind === 'fault' ? [each.piece] : []));
    await until('both', () => (guilty().includes('rogue') && guilty().includes('rogue3') ? true : undefined));
    await flows('sink2');
    await flows('sink4');
    expect(await piece('rogue3')).toMatchObject({ state: 'failed', faults: 1, restarts: 0 });
    expect(await piece('calm')).toMatchObject({ state: 'running', faults: 0 });
    expect(guilty()).not.toContain('calm');
    await until('a restart', () => events.find(({ kind }) => kind === 'restarted'));
    const recovered = events.filter((each) => each.kind === 'recovered');
    expect(recovered.length).toBeGreaterThan(0);
    for (const { restored } of recovered) expect(restored).toEqual(['calm']);
  });

  it('does nothing while a Funnel is closed', async () => {
    const { funnel, events, event } = await open(puzzle({ settings: { after: 5 } }));
    await event('fault');
    await funnel.close();
    const count = events.length;
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(events.length).toBe(count);
  });
});
