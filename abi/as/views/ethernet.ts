import { load16, store16 } from './bytes';

// Where the fields stand (IEEE 802.3 with Ethernet II types).
@inline const DESTINATION: usize = 0;
@inline const SOURCE: usize = 6;
@inline const TYPE: usize = 12;

/** An Ethernet II header, on its address. Only `fits` checks; after it no accessor can fail. */
export abstract class Ethernet {
  @inline static readonly BYTES: u32 = 14;
  @inline static readonly ADDRESS_BYTES: u32 = 6;
  @inline static readonly TYPE_IPV4: u32 = 0x0800;
  @inline static readonly TYPE_ARP: u32 = 0x0806;
  @inline static readonly TYPE_VLAN: u32 = 0x8100;
  @inline static readonly TYPE_IPV6: u32 = 0x86dd;

  @inline static fits(_at: usize, length: u32): bool {
    return length >= Ethernet.BYTES;
  }

  /** Address of the 6 bytes of the destination. */
  @inline static destination(at: usize): usize {
    return at + DESTINATION;
  }

  /** Address of the 6 bytes of the source. */
  @inline static source(at: usize): usize {
    return at + SOURCE;
  }

  @inline static type(at: usize): u32 {
    return load16(at + TYPE);
  }

  @inline static setType(at: usize, type: u32): void {
    store16(at + TYPE, type);
  }

  /** Whether the destination is a group: broadcast or multicast. */
  @inline static isToGroup(at: usize): bool {
    return (load<u8>(at + DESTINATION) & 1) != 0;
  }
}
