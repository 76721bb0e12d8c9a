/*
 * The state of a ticket: the bits of `Ledger.uses`. The frame kernel takes only tickets without any bit, and
 * sets the first two (`engine/kernel/assembly/ledger.ts`).
 */

/** The ticket ends: a frame of this outcome goes on from it without `more`, or an `end` names it. */
export const USED = 1;
/** The ticket's row itself went on, with the ledger's reference. */
export const MOVED = 2;
/** Only fragments marked `more` went on so far: the ticket lives on. */
export const CONTINUES = 4;
/** Withheld bytes of a fragment went on: the fragment has left its ticket. */
export const BODY_PASSED = 8;

/** The frame comes in fragments. This bit and those below stay from outcome to outcome. */
export const INBOUND = 16;
/** The frame goes out in fragments. */
export const OUTBOUND = 32;
/** The rest of the frame does not come in any more. */
export const ORPHANED = 64;
/** The frame lost its entry among the outbound fragments: no more of it goes out. */
export const CUT = 128;

export const FRAGMENT_STATE = INBOUND | OUTBOUND | ORPHANED | CUT;
