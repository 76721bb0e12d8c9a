import { FRAME_SIZE, PART_SIZE, PartMarks, Role } from '../../../../abi/as/generated';

/*
 * The records of the contract, as the kernel reads them in words of 32 bits: a frame's edge | shape << 16,
 * and its part-count | skip-headers << 16 | skip-trailers << 24; a part's protocol | role << 16 | marks <<
 * 24. frame-kernel.test.ts holds the offsets against the contract.
 */

export const FRAME: u32 = FRAME_SIZE;
export const EDGE_SHAPE: u32 = 0;
export const FIRST_PART: u32 = 4;
export const COUNT_SKIPS: u32 = 8;
export const ROOM_OFFSET: u32 = 12;
export const ROOM_LENGTH: u32 = 16;
export const TICKET: u32 = 20;

export const PART: u32 = PART_SIZE;
export const KIND: u32 = 0;
export const OFFSET: u32 = 4;
export const LENGTH: u32 = 8;

/** In a part's first word. */
export const PROTOCOL: u32 = 0xffff;
export const ROLE: u32 = 0xff << 16;
export const PAYLOAD: u32 = Role.Payload << 16;
export const TRAILER: u32 = Role.Trailer << 16;
export const WITHHELD: u32 = PartMarks.Withheld << 24;
export const MORE: u32 = PartMarks.More << 24;
export const UNPARSED: u32 = PartMarks.Unparsed << 24;
/** Protocol, role, and the mark that concerns the next piece. */
export const KEPT: u32 = PROTOCOL | ROLE | (PartMarks.Unfinished << 24);
