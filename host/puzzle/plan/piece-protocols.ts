import { FunnelError } from '../../stack/funnel-error.ts';
import type { Protocols } from '../../stack/protocols.ts';
import type { Mistake, Place } from './arrangement.ts';

/**
 * Defines the protocols that pieces bring in their descriptions, before their stacks are read. One may stand in a Name Space
 * that another brings, in whatever order they come; the same name brought twice must mean exactly the same.
 *
 * @returns what cannot be defined, with the piece that brings it
 */
export function definePieceProtocols(protocols: Protocols, places: readonly Place[]): readonly Mistake[] {
  let waiting = places.flatMap(({ name: piece, description }) =>
    description.protocols.flatMap(([name, text]): PieceProtocol[] =>
      text === undefined ? [] : [{ piece, name, text }],
    ),
  );
  let mistakes: Mistake[] = [];
  for (let round = 0; round < MAX_ROUNDS && waiting.length > 0; round++) {
    mistakes = [];
    const failed = waiting.filter((each) => {
      const mistake = define(protocols, each);
      if (mistake !== undefined) mistakes.push(mistake);
      return mistake !== undefined;
    });
    if (failed.length === waiting.length) break;
    waiting = failed;
  }
  return mistakes;
}

interface PieceProtocol {
  readonly piece: string;
  readonly name: string;
  readonly text: string;
}

function define(protocols: Protocols, { piece, name, text }: PieceProtocol): Mistake | undefined {
  try {
    protocols.defineFromText(name, text);
    return undefined;
  } catch (error) {
    if (!(error instanceof FunnelError)) throw error;
    return { code: error.code, piece, message: `the protocol ${name} that it brings: ${error.message}` };
  }
}

/** How deep Name Spaces of different pieces may stand in each other. */
const MAX_ROUNDS = 8;
