import { Configuration } from './configuration';
import { BLOCK, Store } from './store';

/** The share of an association in the store, for data from the peer. */
export class ReceiveBuffer {
  /** The number of blocks of the store that are in use. */
  used: u32 = 0;

  /** Whether there is room for this many bytes; the reserve counts if the data leads to a delivery. */
  hasRoomFor(length: u32, hasReserve: bool): bool {
    const most = Configuration.receiveBlocks + (hasReserve ? Configuration.reserveBlocks : 0);
    return this.used + Store.blocksFor(length) <= most;
  }

  /** The number of blocks that may still be used, with the reserve. */
  get left(): u32 {
    return Configuration.receiveBlocks + Configuration.reserveBlocks - this.used;
  }

  /**
   * The bytes that the peer may still send. Never a silly window (RFC 9260 §6.2); but a begun message that
   * blocks all others may be finished from the reserve.
   */
  windowFor(isWithinMessage: bool): u32 {
    const limit = Configuration.receiveBlocks;
    const least = min(Configuration.mtu, (limit * BLOCK) / 4);
    const left = this.used < limit ? (limit - this.used) * BLOCK : 0;
    if (left >= least) return left;
    return isWithinMessage && this.hasRoomFor(Configuration.mtu, true) ? Configuration.mtu : 0;
  }

  keep(at: usize, length: u32): u32 {
    const number = Store.keep(at, length);
    this.used += Store.blocksFor(length);
    return number;
  }

  free(number: u32): void {
    this.used -= Store.blocksFor(Store.chunk(number).length);
    Store.free(number);
  }

  /** Frees a chunk and all that follow it in its message. */
  freeMessage(number: u32): void {
    while (number != 0) {
      const next = Store.chunk(number).nextFragment;
      this.free(number);
      number = next;
    }
  }
}
