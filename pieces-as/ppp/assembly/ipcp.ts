import { State } from 'funnel-tunnel/as';
import { load32, store32 } from 'funnel-tunnel/as/views/bytes';
import { Configuration } from './configuration';
import { ControlProtocol, option, Verdict } from './control-protocol';
import { LinkEvents } from './link-events';

const ADDRESS: u32 = 3;
const BYTES: u32 = 4;

/** The Internet Protocol Control Protocol (RFC 1332): the IPv4 addresses of both ends. */
export class Ipcp extends ControlProtocol {
  /** Our address; 0 while the other side is to give us one. */
  local: u32 = 0;
  /** The address of the other side; 0 where it named none. */
  remote: u32 = 0;
  private isRefused: bool = false;

  constructor(private readonly events: LinkEvents) {
    super(0x8021);
  }

  begin(now: f64): void {
    this.local = Configuration.address;
    this.isRefused = false;
    this.start(now);
  }

  protected request(to: usize): usize {
    if (this.isRefused) return to;
    to = option(to, ADDRESS, BYTES);
    store32(to - BYTES, this.local);
    return to;
  }

  protected forget(): void {
    this.remote = 0;
  }

  protected judge(type: u32, at: usize, length: u32): Verdict {
    if (type != ADDRESS || length != BYTES) return Verdict.reject;
    this.remote = load32(at);
    const given = Configuration.peerAddress;
    if (this.remote != 0 && (given == 0 || this.remote == given)) return Verdict.ack;
    // Nothing can be given to a side that wants an address.
    if (given == 0) return Verdict.reject;
    store32(this.suggest(type, BYTES), given);
    return Verdict.nak;
  }

  protected missing(): bool {
    if (this.remote != 0 || Configuration.peerAddress == 0) return false;
    store32(this.suggest(ADDRESS, BYTES), Configuration.peerAddress);
    return true;
  }

  protected suggested(type: u32, at: usize, length: u32): void {
    // An address of the settings is not given up for another.
    if (type == ADDRESS && length == BYTES && Configuration.address == 0) this.local = load32(at);
  }

  protected rejected(type: u32): void {
    if (type == ADDRESS) this.isRefused = true;
  }

  up(_now: f64): void {
    this.events.ipv4Changed(true);
  }

  down(): void {
    this.events.ipv4Changed(false);
  }

  state(state: State): void {
    super.state(state);
    this.local = state.u32(this.local);
    this.remote = state.u32(this.remote);
    this.isRefused = state.bool(this.isRefused);
  }
}
