/*
 * How it stands with a ticket: the bits of `Ledger.uses`. The frame kernel takes only tickets for which none is set, and sets the first two
 * (`engine/kernel/assembly/ledger.ts`).
 */

/** A frame of this outcome goes on from the ticket, unmarked, or an `end` names it: it ends. */
export const USED = 1;
/** The ticket's row itself went on, with the ledger's reference. */
export const MOVED = 2;
/** Only pieces of the frame went on so far, marked `more`: the ticket lives on. */
export const CONTINUES = 4;
/** Withheld bytes of a piece that came in went on: the piece has left its ticket. */
export const BODY_PASSED = 8;

/** These stay from outcome to outcome. Its frame comes in pieces. */
export const ARRIVES = 16;
/** Its frame goes out in pieces. */
export const DEPARTS = 32;
/** The rest of its frame will not come in. */
export const ORPHANED = 64;
/** Of its frame, what is to go out in pieces is lost by now. */
export const CUT = 128;

export const STAYING = ARRIVES | DEPARTS | ORPHANED | CUT;
