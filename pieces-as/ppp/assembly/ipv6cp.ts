import { random, State } from 'funnel-tunnel/as';
import { load64, store64 } from 'funnel-tunnel/as/views/bytes';
import { Configuration } from './configuration';
import { ControlProtocol, option, Verdict } from './control-protocol';
import { LinkEvents } from './link-events';

const INTERFACE: u32 = 1;
const BYTES: u32 = 8;
/** The bit of an identifier that says that it is unique in the world: a random one is not. */
const UNIVERSAL: u64 = 0x0200_0000_0000_0000;

/** The IPv6 Control Protocol (RFC 5072): the interface identifiers of both ends. */
export class Ipv6cp extends ControlProtocol {
  local: u64 = 0;
  remote: u64 = 0;
  private isRefused: bool = false;

  constructor(private readonly events: LinkEvents) {
    super(0x8057);
  }

  begin(now: f64): void {
    if (this.local == 0) this.local = Configuration.identifier != 0 ? Configuration.identifier : fresh();
    this.isRefused = false;
    this.start(now);
  }

  protected request(to: usize): usize {
    if (this.isRefused) return to;
    to = option(to, INTERFACE, BYTES);
    store64(to - BYTES, this.local);
    return to;
  }

  protected forget(): void {
    this.remote = 0;
  }

  protected judge(type: u32, at: usize, length: u32): Verdict {
    if (type != INTERFACE || length != BYTES) return Verdict.reject;
    this.remote = load64(at);
    if (this.remote != 0 && this.remote != this.local) return Verdict.ack;
    store64(this.suggest(type, BYTES), fresh());
    return Verdict.nak;
  }

  protected missing(): bool {
    if (this.remote != 0) return false;
    store64(this.suggest(INTERFACE, BYTES), fresh());
    return true;
  }

  protected suggested(type: u32, at: usize, length: u32): void {
    if (type != INTERFACE || length != BYTES) return;
    const value = load64(at);
    this.local = value == 0 || value == this.remote ? fresh() : value;
  }

  protected rejected(type: u32): void {
    if (type == INTERFACE) this.isRefused = true;
  }

  up(_now: f64): void {
    this.events.ipv6Changed(true);
  }

  down(): void {
    this.events.ipv6Changed(false);
  }

  state(state: State): void {
    super.state(state);
    this.local = state.u64(this.local);
    this.remote = state.u64(this.remote);
    this.isRefused = state.bool(this.isRefused);
  }
}

function fresh(): u64 {
  return (random() & ~UNIVERSAL) | 1;
}
