import type { Piece as Description, Joining, Problem } from '../../abi/host/contract.ts';
import type { Inbox } from './inbox.ts';
import type { Outbox } from './outbox.ts';
import type { Piece } from './piece.ts';

/**
 * The defaults of a native piece: it accepts every join, ignores notifications, keeps no state and holds no
 * frame. A native piece extends this class and overrides what it needs.
 *
 * `process` and `close` have no default: a piece must take its frames, and must close the resources that it
 * opened.
 *
 * Frame path: `process` stays a method of each piece's own class, so the lane's call site sees one function
 * for each class.
 */
export abstract class PieceBase implements Piece {
  abstract readonly description: Description;
  readonly held: number = 0;

  start(_now: number): readonly Problem[] {
    return [];
  }

  accepts(_joining: Joining): Problem | undefined {
    return undefined;
  }

  join(_joining: Joining): void {}

  leave(_edge: number, _shape: number): void {}

  listening(_edge: number, _stack: string, _present: boolean): Problem | undefined {
    return undefined;
  }

  ready(_edge: number, _ready: boolean): void {}

  save(_now: number): Uint8Array {
    return new Uint8Array();
  }

  restore(_now: number, _version: string, _state: Uint8Array): Problem | undefined {
    return undefined;
  }

  abstract process(now: number, inbox: Inbox, limit: number, outbox: Outbox): number;

  abstract close(): void;
}
