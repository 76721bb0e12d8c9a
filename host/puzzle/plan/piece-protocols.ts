import { createHash } from 'node:crypto';
import type { Piece as Description } from '../../../abi/host/contract.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import type { Protocols } from '../../stack/protocols.ts';
import type { Mistake, Place } from './arrangement.ts';

/**
 * Adds the protocols in the descriptions of pieces to the registry, before their stacks are read. A protocol
 * may be in a Name Space that another piece defines, in any order. Two definitions of the same name must be
 * identical.
 *
 * @returns the definitions that the registry refuses, with their piece
 */
export function definePieceProtocols(protocols: Protocols, places: readonly Place[]): readonly Mistake[] {
  let waiting = places.flatMap(({ name: piece, description }) =>
    bringing(description.protocols).map((each): PieceProtocol => ({ piece, ...each })),
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

interface Brought {
  readonly name: string;
  readonly text: string;
  /** Identifies the pieces that bring it: pieces that bring the same protocols are the same here. */
  readonly bringer: string;
}

interface PieceProtocol extends Brought {
  readonly piece: string;
}

function bringing(protocols: Description['protocols']): readonly Brought[] {
  const brought = protocols.flatMap(([name, text]) => (text === undefined ? [] : [{ name, text }]));
  if (brought.length === 0) return [];
  const bringer = createHash('sha256').update(JSON.stringify(brought)).digest('base64');
  return brought.map((each) => ({ ...each, bringer }));
}

function define(protocols: Protocols, { piece, name, text, bringer }: PieceProtocol): Mistake | undefined {
  try {
    protocols.defineFromText(name, text, bringer);
    return undefined;
  } catch (error) {
    if (!(error instanceof FunnelError)) throw error;
    return { code: error.code, piece, message: `its protocol ${name}: ${error.message}` };
  }
}

/** How deep Name Spaces of different pieces may nest. */
const MAX_ROUNDS = 8;
