/** What of a ledger those need who keep the frames in pieces: slots of tickets and of rows. */
export interface Slots {
  readonly capacity: number;
  /** By slot: how it stands with it, see `ticket-uses.ts`. */
  readonly uses: Uint8Array;
  /** By slot: its row; negative where it has none. */
  readonly rows: Int32Array;
  /** The live ticket of a slot. */
  ticketOf(slot: number): number;
  /** A slot whose ticket lives, and whose row is still to come. */
  openWithoutRow(): number;
  /** A slot for a row that belongs to another slot's ticket. */
  openWithoutTicket(row: number, bodyStart: number, bodyLength: number): number;
  /** Puts a row in a slot that has none. */
  occupy(slot: number, row: number, bodyStart: number, bodyLength: number): void;
  /** The row of a slot, which the caller disposes of, leaves it, and the ticket lives on. */
  vacate(slot: number): void;
  /** Ends a slot. The caller has disposed of its row. */
  close(slot: number): void;
}
