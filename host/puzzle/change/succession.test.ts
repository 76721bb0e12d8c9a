import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Problem } from '../../../abi/host/contract.ts';
import { Frames } from '../../frame/frames.ts';
import type { Piece } from '../../piece/piece.ts';
import { Protocols } from '../../stack/protocols.ts';
import { Lane } from '../lane.ts';
import type { PieceMaker } from '../plan/piece-maker.ts';
import { checkForLeaks } from '../testing/leak-check.ts';
import { describePiece, ipv6, ScriptedPiece } from '../testing/scripted-piece.ts';

checkForLeaks();

const protocols = new Protocols();
const address = { name: 'address', value: { tag: 'text', val: 'fc64::1/114' } } as const;
let lane: Lane;
/** The recorded calls, in their order. */
let story: string[];

beforeEach(() => {
  story = [];
  lane = new Lane({ frames: new Frames({ smallRows: 64, largeRows: 2 }), protocols });
});
afterEach(() => lane.close());

it('passes the retiring native pieces to new ones before these start, and lets them take over before they join', async () => {
  await lane.start([native('tun', 1), native('net', 1, 'up')]);
  story.length = 0;
  await lane.apply([native('tun', 2), native('net', 1, 'up')]);
  expect(story).toEqual([
    'tun2 succeeds tun1',
    'tun2 starts',
    'tun2 takes over',
    'tun2 joins',
    'tun2 processes',
    'tun1 closes',
  ]);
});

it('passes retiring pieces of other names too, and takes nothing over when the change is refused', async () => {
  await lane.start([native('tun', 1), native('net', 1, 'up')]);
  story.length = 0;
  await lane.apply([native('fun', 2), native('net', 2, 'up')]);
  expect(story.filter((line) => / succeeds /.test(line))).toEqual([
    'fun2 succeeds tun1 net1',
    'net2 succeeds tun1 net1',
  ]);
  story.length = 0;
  const refused = lane.apply([native('fun', 3), native('net', 3, 'up', { refusal: { message: 'no' } })]);
  await expect(refused).rejects.toMatchObject({ code: 'FT_JOIN_REFUSED' });
  expect(story).not.toContain('fun3 takes over');
  expect(story.slice(-2)).toEqual(['fun3 closes', 'net3 closes']);
});

it('reports the offers of a replaced neighbour to a new instance until the new neighbour was called', async () => {
  const offering = (version: number, offers: boolean) =>
    native('six', version, 'up', {
      onProcess: (piece) => {
        if (offers) piece.context.offer(0, address, true);
      },
    });
  await lane.start([native('tun', 1), offering(1, true)]);
  const seen = () => instances.get('tun2')!.joinings.map(({ properties }) => properties);
  await lane.apply([native('tun', 2), offering(2, true)]);
  expect(seen().length).toBeGreaterThan(0);
  for (const properties of seen()) expect(properties).toEqual([address]);
  await lane.apply([native('tun', 2), offering(3, false)]);
  expect(seen().at(-1)).toEqual([]);
});

it('leaves open the stacks on which the new piece listens like the old one, and closes the rest', async () => {
  const listening = (version: number, port: number) =>
    native('six', version, 'down', {
      stack: 'ip/udp/*',
      onProcess: (piece) => {
        if (piece.calls.length === 1) piece.context.listen(0, 0, `ip/udp/local:${port}`);
      },
    });
  const net = () => native('net', 1, 'up', { stack: 'ip/udp' });
  await lane.start([net(), listening(1, 7)]);
  const { listened } = instances.get('net1')!;
  listened.length = 0;
  await lane.apply([net(), listening(2, 7)]);
  const newCalls = () => listened.splice(0).filter(([, stack]) => stack !== 'ip/udp/*');
  expect(newCalls()).toEqual([]);
  await lane.apply([net(), listening(3, 8)]);
  expect(newCalls()).toEqual([
    [0, 'ip/udp/local:8', true],
    [0, 'ip/udp/local:7', false],
  ]);
  instances.get('net1')!.bring(0, ipv6());
});

const instances = new Map<string, StoryPiece>();

class StoryPiece extends ScriptedPiece {
  label = '';

  succeed(retiring: readonly Piece[]): void {
    const others = retiring.map((piece) => (piece as StoryPiece).label);
    story.push(`${[this.label, 'succeeds', ...others].join(' ')}`);
  }

  takeOver(): void {
    story.push(`${this.label} takes over`);
  }

  override start() {
    story.push(`${this.label} starts`);
    return super.start();
  }

  override join(joining: Parameters<ScriptedPiece['join']>[0]) {
    story.push(`${this.label} joins`);
    super.join(joining);
  }

  override process(...given: Parameters<ScriptedPiece['process']>) {
    story.push(`${this.label} processes`);
    return super.process(...given);
  }

  override close() {
    story.push(`${this.label} closes`);
    super.close();
  }
}

function native(
  name: string,
  version: number,
  direction: 'up' | 'down' = 'down',
  script: { stack?: string; refusal?: Problem; onProcess?: (piece: StoryPiece) => void } = {},
): PieceMaker {
  const stack = script.stack ?? (direction === 'down' ? 'ip' : 'ipv6');
  const description = describePiece(name, stack, direction);
  return {
    place: { name, description, edges: new Map([['net', ['lan']]]) },
    kind: 'native',
    failure: 'closed',
    identity: `${name}${version}`,
    make: (context, frames) => {
      const piece = new StoryPiece(description, context, frames, protocols);
      piece.label = `${name}${version}`;
      instances.set(piece.label, piece);
      piece.refusal = script.refusal;
      piece.onProcess = () => script.onProcess?.(piece);
      return piece;
    },
  };
}
