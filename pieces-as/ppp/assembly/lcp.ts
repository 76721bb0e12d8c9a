import { random, State } from 'funnel-tunnel/as';
import { load16, load32, store16, store32 } from 'funnel-tunnel/as/views/bytes';
import { Configuration } from './configuration';
import { Code, ControlProtocol, HEADER, option, Verdict } from './control-protocol';
import { Framer, LCP } from './framer';
import { DEFAULT_MAP, HdlcReader } from './hdlc';
import { LinkEvents } from './link-events';

/** The options of RFC 1661 §6 and RFC 1662 §7.1. */
const enum Option {
  maximumReceiveUnit = 1,
  characterMap = 2,
  magicNumber = 5,
  protocolCompression = 7,
  addressCompression = 8,
}

export const DEFAULT_MRU: u32 = 1500;
/** Any link takes packets of that many bytes; less would be of no use to IP. */
const LEAST_MRU: u32 = 576;
const MAGIC_BYTES: u32 = 4;
/** Echo requests that were not answered until the link is given up. */
const MOST_UNANSWERED: i32 = 3;

const echo: usize = memory.data(<i32>(HEADER + MAGIC_BYTES), 8);

/** The Link Control Protocol (RFC 1661): what frames look like, and whether the other side is there. */
export class Lcp extends ControlProtocol {
  /** Bytes of the largest packet that the other side takes. */
  mru: u32 = DEFAULT_MRU;
  magic: u32 = 0;
  /** Options of ours that the other side rejected, as bits. */
  private refused: u32 = 0;
  private map: u32 = DEFAULT_MAP;
  private compressesAddress: bool = false;
  private compressesProtocol: bool = false;
  private unanswered: i32 = 0;
  /** When the other side is asked whether it is there. */
  echoAt: f64 = Infinity;

  constructor(private readonly events: LinkEvents) {
    super(LCP);
  }

  begin(now: f64): void {
    this.refused = 0;
    this.magic = <u32>random();
    this.echoAt = Infinity;
    Framer.reset();
    this.start(now);
  }

  /** Asks the other side whether it is there. Returns false when it has not answered for long. */
  probe(now: f64): bool {
    if (this.echoAt > now) return true;
    if (this.unanswered++ >= MOST_UNANSWERED) return false;
    this.echoAt = now + Configuration.echoMs;
    store32(echo + HEADER, this.magic);
    this.send(Code.echoRequest, <u8>this.unanswered, echo, MAGIC_BYTES);
    return true;
  }

  /** A frame of a protocol that is not known here (RFC 1661 §5.7). */
  rejectProtocol(at: usize, length: u32): void {
    if (this.isOpened) this.returnPacket(Code.protocolReject, at, length);
  }

  protected request(to: usize): usize {
    if (Configuration.mru != DEFAULT_MRU && this.wants(Option.maximumReceiveUnit)) {
      to = option(to, Option.maximumReceiveUnit, 2);
      store16(to - 2, Configuration.mru);
    }
    if (this.wants(Option.characterMap)) {
      to = option(to, Option.characterMap, 4);
      store32(to - 4, 0);
    }
    if (this.wants(Option.magicNumber)) {
      to = option(to, Option.magicNumber, MAGIC_BYTES);
      store32(to - MAGIC_BYTES, this.magic);
    }
    if (this.wants(Option.protocolCompression)) to = option(to, Option.protocolCompression, 0);
    if (this.wants(Option.addressCompression)) to = option(to, Option.addressCompression, 0);
    return to;
  }

  protected forget(): void {
    this.mru = DEFAULT_MRU;
    this.map = DEFAULT_MAP;
    this.compressesAddress = false;
    this.compressesProtocol = false;
  }

  protected judge(type: u32, at: usize, length: u32): Verdict {
    switch (type) {
      case Option.maximumReceiveUnit:
        if (length != 2) return Verdict.reject;
        this.mru = load16(at);
        if (this.mru >= LEAST_MRU) return Verdict.ack;
        store16(this.suggest(type, 2), DEFAULT_MRU);
        return Verdict.nak;
      case Option.characterMap:
        if (length != 4) return Verdict.reject;
        this.map = load32(at);
        return Verdict.ack;
      case Option.magicNumber:
        if (length != MAGIC_BYTES) return Verdict.reject;
        // The same number comes from a line that leads back here.
        if (load32(at) != this.magic && load32(at) != 0) return Verdict.ack;
        store32(this.suggest(type, MAGIC_BYTES), <u32>random());
        return Verdict.nak;
      case Option.protocolCompression:
        this.compressesProtocol = length == 0;
        return length == 0 ? Verdict.ack : Verdict.reject;
      case Option.addressCompression:
        this.compressesAddress = length == 0;
        return length == 0 ? Verdict.ack : Verdict.reject;
      default:
        return Verdict.reject;
    }
  }

  /** A number is not left out, since it finds lines that lead back here. */
  protected insists(type: u32): bool {
    return type == Option.magicNumber;
  }

  protected suggested(type: u32, at: usize, length: u32): void {
    if (type == Option.magicNumber) this.magic = <u32>random();
    // A side that wants characters escaped gets it, because the piece reads escaped characters anyway.
    else if (type == Option.characterMap || type == Option.maximumReceiveUnit) this.rejected(type);
  }

  protected rejected(type: u32): void {
    if (type < 32) this.refused |= 1 << type;
  }

  /** Frames have the form on which both sides agreed. */
  apply(): void {
    Framer.map = this.map;
    Framer.compressesAddress = this.compressesAddress;
    Framer.compressesProtocol = this.compressesProtocol;
    HdlcReader.map = this.wants(Option.characterMap) ? 0 : DEFAULT_MAP;
  }

  up(now: f64): void {
    this.apply();
    this.unanswered = 0;
    this.echoAt = Configuration.echoMs > 0 ? now + Configuration.echoMs : Infinity;
    this.events.linkChanged(true);
  }

  down(): void {
    Framer.reset();
    HdlcReader.map = DEFAULT_MAP;
    this.echoAt = Infinity;
    this.events.linkChanged(false);
  }

  protected handle(code: u32, at: usize, length: u32): bool {
    if (code < <u32>Code.protocolReject || code > <u32>Code.discardRequest) return false;
    if (!this.isOpened) return true;
    if (code == Code.protocolReject) {
      if (length >= HEADER + 2) this.events.protocolRejected(load16(at + HEADER));
    } else if (code == Code.echoRequest && length >= HEADER + MAGIC_BYTES) {
      store32(at + HEADER, this.magic);
      this.send(Code.echoReply, load<u8>(at + 1), at, length - HEADER);
    } else if (code == Code.echoReply) {
      this.unanswered = 0;
    }
    return true;
  }

  state(state: State): void {
    super.state(state);
    this.mru = state.u32(this.mru);
    this.magic = state.u32(this.magic);
    this.refused = state.u32(this.refused);
    this.map = state.u32(this.map);
    this.compressesAddress = state.bool(this.compressesAddress);
    this.compressesProtocol = state.bool(this.compressesProtocol);
    this.unanswered = state.i32(this.unanswered);
    this.echoAt = state.instant(this.echoAt);
  }

  private wants(type: u32): bool {
    return (this.refused & (1 << type)) == 0;
  }
}
