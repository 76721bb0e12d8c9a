// A key agreement in the media path: keys come by packets on the ports of the media, as with DTLS (RFC 5764)
// and ZRTP (RFC 6189), and not in descriptions.
//
// An agreement owns packets by their first bytes (RFC 7983 §7). Those of the protected side reach the
// agreement of their line, and never the plain side. With keys, the agreement calls `Line.agree`.

import { Outcome, TextEdit } from 'funnel-tunnel/as';
import { Datagram } from './datagram';
import { LineTable, LineTables } from './line-table';
import { Line, NO_AGREEMENT } from './lines';
import { Reason } from './reasons';
import { Section } from './session';
import { PLAIN, PROTECTED, Sides } from './sides';

export abstract class Agreement extends LineTable {
  /** Whether a packet belongs to this agreement, by its first bytes. */
  abstract owns(at: usize, length: i32): bool;

  /**
   * Takes what a description of the protected side says for a line. False if the section has no such
   * agreement, or none that is possible. Sends nothing.
   */
  abstract read(line: Line, section: Section, isOffer: bool): bool;

  /** Writes the attributes of a line for the protected side. */
  abstract write(edit: TextEdit, line: Line, isOffer: bool): void;

  /**
   * The offer was answered, and the line has its places. Begins, goes on with what there is, or begins anew.
   * It is called after each answer.
   */
  abstract settle(now: f64, line: Line): void;

  /**
   * Takes a packet that it owns from the protected side. The addresses are those of `Datagram`. `kind` is 0
   * for the port of RTP, and 1 for that of RTCP. Returns the reason with which the frame ends.
   */
  abstract take(now: f64, line: Line, kind: i32, at: usize, length: i32): Reason;

  /** Does what is due in all lines. Returns the instant at which something is due again, or infinity. */
  abstract wake(now: f64): f64;
}

/** The agreements of the piece. The number of one is its index, which a saved state has too. */
export abstract class Agreements {
  private static all: Agreement[] = [];
  private static out: Outcome | null = null;

  static start(all: Agreement[], lines: i32): void {
    Agreements.all = all;
    const tables: LineTable[] = [];
    for (let i = 0; i < all.length; i++) tables.push(all[i]);
    LineTables.start(tables, lines);
  }

  @inline static at(number: i32): Agreement {
    return Agreements.all[number];
  }

  /** Begins a call of `process`, in which agreements may send. */
  static begin(out: Outcome): void {
    Agreements.out = out;
  }

  /** Does what is due, and asks for the next call. Ends the call of `process`. */
  static wake(now: f64, out: Outcome): void {
    for (let i = 0; i < Agreements.all.length; i++) {
      const next = Agreements.all[i].wake(now);
      if (next < Infinity) out.wakeAt(max(now, next));
    }
    Agreements.out = null;
  }

  /** A line has this agreement from now on, or none. */
  static choose(line: Line, number: i32): void {
    if (line.agreement == number) return;
    if (line.agreement != NO_AGREEMENT) Agreements.all[line.agreement].end(line.id);
    line.agreement = number;
  }

  /**
   * Sends a datagram from the plain side's port of a line to an endpoint of the protected side. False if
   * there is no room for it in this call, or no network.
   */
  static send(line: Line, kind: i32, to: usize, at: usize, length: i32): bool {
    const out = Agreements.out;
    const edge = Sides.edge(PROTECTED);
    if (out === null || edge < 0 || !line.isPlaced[PLAIN]) return false;
    const from = line.placeOf(PLAIN, kind);
    return Datagram.send(out, <u16>edge, Sides.shape(PROTECTED), from, to, at, length);
  }
}
