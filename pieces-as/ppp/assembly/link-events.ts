/** The reports of control protocols to the link on which they run. */
export abstract class LinkEvents {
  /** LCP is open, or no longer is. */
  abstract linkChanged(isUp: bool): void;
  abstract ipv4Changed(isUp: bool): void;
  abstract ipv6Changed(isUp: bool): void;
  /** The other side knows nothing of this protocol. */
  abstract protocolRejected(protocol: u32): void;
}
