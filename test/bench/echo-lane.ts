import { ComponentPiece } from '../../host/engine/component-piece.ts';
import { Lane } from '../../host/puzzle/lane.ts';
import type { PieceMaker } from '../../host/puzzle/plan/piece-maker.ts';
import { environmentOf } from '../../host/puzzle/runtime/component-environment.ts';
import { Protocols } from '../../host/stack/protocols.ts';
import { loadPiece } from './echo-piece.ts';
import { ipv4Packet } from './packets.ts';
import { TrafficPiece, trafficDescription } from './traffic-piece.ts';

/** A lane in which frames go round: from a native piece through a chain of `echo` pieces and back to it. */
export interface EchoLane {
  readonly lane: Lane;
  readonly traffic: TrafficPiece;
}

/**
 * @param pieces how many times `echo` stands in the chain
 * @param frames how many frames go round, each an IPv4 packet of `bytes`
 */
export async function startEchoLane(options: {
  pieces: number;
  frames: number;
  bytes: number;
  reach: 'headers' | 'whole-frame';
  stack: string;
}): Promise<EchoLane> {
  const protocols = new Protocols();
  let traffic: TrafficPiece | undefined;
  const lane = await startChain(options, protocols, (context, frames) => {
    traffic = new TrafficPiece(context, frames, protocols.number('ipv4'));
    return traffic;
  });
  const { bytes } = ipv4Packet(protocols, options.bytes);
  for (let n = 0; n < options.frames; n++) traffic!.add(bytes);
  return { lane, traffic: traffic! };
}

/** A chain of `echo` pieces between the Edges `out` and `in` of a native piece. */
export async function startChain(
  options: ChainOptions,
  protocols: Protocols,
  ends: PieceMaker['make'],
): Promise<Lane> {
  const lane = new Lane({
    protocols,
    onEvent: (event) => process.stderr.write(`${JSON.stringify(event)}\n`),
  });
  const makersOf = await chainMakers(options, protocols, ends);
  await lane.start(makersOf(() => 1));
  return lane;
}

export interface ChainOptions {
  readonly pieces: number;
  readonly reach: 'headers' | 'whole-frame';
  readonly stack: string;
}

/**
 * How the pieces of such a chain are made, with a version of each `echo`: in a change, that of another
 * version is replaced.
 */
export async function chainMakers(
  options: ChainOptions,
  protocols: Protocols,
  ends: PieceMaker['make'],
): Promise<(versionOf: (echo: number) => number) => PieceMaker[]> {
  const component = await loadPiece('echo');
  const settings = [
    ['stack', options.stack],
    ['whole', String(options.reach === 'whole-frame')],
  ] as const;
  const description = component.describe(settings);
  if (!('name' in description)) throw new Error(description.map(({ message }) => message).join('; '));
  const traffic: PieceMaker = {
    place: {
      name: 'traffic',
      description: trafficDescription,
      edges: new Map([
        ['out', ['net0']],
        ['in', [`net${options.pieces}`]],
      ]),
    },
    kind: 'native',
    failure: 'closed',
    identity: 'traffic',
    make: ends,
  };
  const echo = (n: number, version: number): PieceMaker => ({
    place: {
      name: `echo${n}`,
      description,
      edges: new Map([
        ['a', [`net${n}`]],
        ['b', [`net${n + 1}`]],
      ]),
    },
    kind: 'component',
    failure: 'closed',
    identity: String(version),
    make: (context, frames) =>
      new ComponentPiece(component, description, settings, environmentOf(context, frames, protocols)),
  });
  return (versionOf) => [traffic, ...Array.from({ length: options.pieces }, (_, n) => echo(n, versionOf(n)))];
}
