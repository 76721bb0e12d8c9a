import { random, State } from 'funnel-tunnel/as';
import { Endpoint } from '../../frame-sequence/assembly/endpoint';
import { bytesBelow } from './carrier';
import { Configuration } from './configuration';
import { CLOCK_MS, COMMON_HEADER, RTO_ALPHA, RTO_BETA } from './constants';

/** An address of the peer, and the state of the path to it (RFC 9260 §7.2, §14.3). */
export class Path {
  /** The port is that of UDP; 0 if SCTP goes on IP itself. */
  readonly remote: Endpoint = new Endpoint();
  readonly local: Endpoint = new Endpoint();
  /** Whether the address is confirmed (RFC 9260 §5.4). */
  isConfirmed: bool = false;
  isActive: bool = true;

  cwnd: u32 = 0;
  ssthresh: u32 = 0;
  partialBytesAcked: u32 = 0;
  /** The bytes of chunks in flight, with their headers. */
  flight: u32 = 0;

  /** After a time-out one packet is in flight at a time, until data is acknowledged (RFC 9260 §7.2.1). */
  isProbing: bool = false;

  rto: f64 = 0;
  private srtt: f64 = 0;
  private rttvar: f64 = 0;
  private hasRtt: bool = false;
  /** The time-out was doubled, and no round trip has been measured since. */
  private isBackedOff: bool = false;
  /** The next heartbeat measures a round trip. */
  isMeasureDue: bool = false;
  /** The TSN whose acknowledgement measures the round trip. */
  measuredTsn: u32 = 0;
  isMeasuring: bool = false;

  /** The number of time-outs and unanswered heartbeats in a row. */
  errors: i32 = 0;
  /** When the timer T3-rtx expires; infinity if it is stopped. */
  t3: f64 = Infinity;
  /** The lowest TSN in flight; it decides when T3-rtx is restarted. */
  earliest: u32 = 0;
  heartbeatAt: f64 = Infinity;
  /** When data last went there: a path that is in use needs no heartbeat (RFC 9260 §8.3). */
  usedAt: f64 = -Infinity;
  heartbeatNonce: u64 = 0;
  heartbeatSentAt: f64 = -Infinity;
  isAwaitingHeartbeat: bool = false;

  // Valid while a SACK is being processed.
  flightBefore: u32 = 0;
  acked: u32 = 0;
  isEarliestAcked: bool = false;
  hasLoss: bool = false;

  open(remote: Endpoint, local: Endpoint, isConfirmed: bool): void {
    this.remote.copy(remote);
    this.local.copy(local);
    this.isConfirmed = isConfirmed;
    this.isActive = true;
    this.rto = Configuration.rtoInitial;
    this.hasRtt = false;
    this.isMeasuring = false;
    this.errors = 0;
    this.flight = 0;
    this.t3 = Infinity;
    this.heartbeatAt = Infinity;
    this.usedAt = -Infinity;
    this.isAwaitingHeartbeat = false;
    this.heartbeatSentAt = -Infinity;
    this.isBackedOff = false;
    this.isMeasureDue = false;
    this.resetCongestion();
  }

  /** Sets the values before the first transmission (RFC 9260 §7.2.1). */
  resetCongestion(): void {
    const most = this.maxDataChunk;
    this.cwnd = min(4 * most, max(2 * most, this.remote.isIpv6 ? 4344 : 4404));
    // Arbitrarily high, because the peer's window bounds it.
    this.ssthresh = 0x7fff_ffff;
    this.partialBytesAcked = 0;
    this.isProbing = false;
  }

  /** RFC 9260 §6.1 B. */
  get isFull(): bool {
    return this.flight >= this.cwnd || (this.isProbing && this.flight > 0);
  }

  /** The bytes of chunks that fit into one packet. */
  get room(): u32 {
    return Configuration.mtu - bytesBelow(this.remote.isIpv6, this.remote.port != 0) - COMMON_HEADER;
  }

  /** PMDCS of RFC 9260 §7: bytes of the largest DATA chunk, a multiple of 4. */
  get maxDataChunk(): u32 {
    return this.room & ~3;
  }

  /** Records a measured round trip (RFC 9260 §6.3.1). */
  measure(rtt: f64): void {
    this.isBackedOff = false;
    if (this.hasRtt) {
      this.rttvar = (1 - RTO_BETA) * this.rttvar + RTO_BETA * Math.abs(this.srtt - rtt);
      this.srtt = (1 - RTO_ALPHA) * this.srtt + RTO_ALPHA * rtt;
    } else {
      this.hasRtt = true;
      this.srtt = rtt;
      this.rttvar = rtt / 2;
    }
    this.rttvar = max(this.rttvar, CLOCK_MS);
    this.rto = min(max(this.srtt + 4 * this.rttvar, Configuration.rtoMin), Configuration.rtoMax);
  }

  /** Doubles the time-out after a timer expired (RFC 9260 §6.3.3 E2). */
  backOff(): void {
    this.rto = min(this.rto * 2, Configuration.rtoMax);
    this.isBackedOff = true;
  }

  /**
   * The acknowledgement of a repeated chunk measures nothing (RFC 9260 §6.3.1 C5), so the doubled time-out
   * would stay while little is sent. A heartbeat measures (§6.3.1 C4), so one goes out; no more than one in
   * RTO.Min.
   */
  noteProgress(now: f64): void {
    if (this.isBackedOff && now >= this.heartbeatSentAt + Configuration.rtoMin) this.isMeasureDue = true;
  }

  /** When the next heartbeat is due: jittered, so that many do not coincide (RFC 9260 §8.3). */
  scheduleHeartbeat(now: f64): void {
    const jitter = <f64>(<u32>random() & 0xffff) / 65_536.0 - 0.5;
    this.heartbeatAt = now + Configuration.heartbeat + this.rto + jitter * this.rto;
  }

  /** Records that the peer is alive. */
  prove(): void {
    this.errors = 0;
    this.isActive = true;
    this.isConfirmed = true;
  }

  state(state: State): void {
    stateOfEndpoint(this.remote, state);
    stateOfEndpoint(this.local, state);
    this.isConfirmed = state.bool(this.isConfirmed);
    this.isActive = state.bool(this.isActive);
    this.cwnd = state.u32(this.cwnd);
    this.ssthresh = state.u32(this.ssthresh);
    this.partialBytesAcked = state.u32(this.partialBytesAcked);
    this.flight = state.u32(this.flight);
    this.isProbing = state.bool(this.isProbing);
    this.rto = state.f64(this.rto);
    this.srtt = state.f64(this.srtt);
    this.rttvar = state.f64(this.rttvar);
    this.hasRtt = state.bool(this.hasRtt);
    this.isBackedOff = state.bool(this.isBackedOff);
    this.measuredTsn = state.u32(this.measuredTsn);
    this.isMeasuring = state.bool(this.isMeasuring);
    this.errors = state.i32(this.errors);
    this.t3 = state.instant(this.t3);
    this.earliest = state.u32(this.earliest);
    this.heartbeatAt = state.instant(this.heartbeatAt);
    this.usedAt = state.instant(this.usedAt);
    this.heartbeatNonce = state.u64(this.heartbeatNonce);
    this.heartbeatSentAt = state.instant(this.heartbeatSentAt);
    this.isAwaitingHeartbeat = state.bool(this.isAwaitingHeartbeat);
  }
}

export function stateOfEndpoint(endpoint: Endpoint, state: State): void {
  endpoint.isIpv6 = state.bool(endpoint.isIpv6);
  endpoint.high = state.u64(endpoint.high);
  endpoint.low = state.u64(endpoint.low);
  endpoint.port = state.u32(endpoint.port);
}
