/** The version of the format, which docs/concentrator.md draws. */
export const VERSION: u32 = 1;
/** The size of the header: version, kind, flags, code, and the number of the flow. */
export const HEADER: u32 = 8;
/** The size of the contents of an OPEN: two ports, the IP version, and an address of 16 bytes. */
export const OPEN_BYTES: u32 = 24;
/** The payload protocol identifier: "FT", and the version. */
export const PPID: u32 = 0x4654_0001;

export const enum Kind {
  open = 1,
  data = 2,
  close = 3,
  refuse = 4,
  reset = 5,
}

/** A flag: the sender is the side that accepted the flow. */
export const FROM_ACCEPTOR: u32 = 1;

/** The reasons to refuse a flow. */
export const enum Refusal {
  noTarget = 1,
  noRoom = 2,
  noPort = 3,
}
