/** The part of a ledger that the lists of fragments use: slots of tickets and of rows. */
export interface Slots {
  readonly capacity: number;
  /** By slot: the state of its ticket, see `ticket-uses.ts`. */
  readonly uses: Uint8Array;
  /** By slot: its row; negative if it has none. */
  readonly rows: Int32Array;
  /** The live ticket of a slot. */
  ticketOf(slot: number): number;
  /** Takes a slot with a live ticket, whose row comes later. */
  openWithoutRow(): number;
  /** Takes a slot for a row that belongs to another slot's ticket. */
  openWithoutTicket(row: number, bodyStart: number, bodyLength: number): number;
  /** Puts a row in a slot that has none. */
  occupy(slot: number, row: number, bodyStart: number, bodyLength: number): void;
  /** Takes the row out of a slot. The caller disposes of the row, and the ticket lives on. */
  vacate(slot: number): void;
  /** Ends a slot. The caller has disposed of its row. */
  close(slot: number): void;
}
