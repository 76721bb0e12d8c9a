import { State } from 'funnel-tunnel/as';
import { load16, store16 } from 'funnel-tunnel/as/views/bytes';
import { Framer } from './framer';

/** The states of the automaton (RFC 1661 §4.2), with their numbers there. */
export const enum At {
  initial,
  starting,
  closed,
  stopped,
  closing,
  stopping,
  requestSent,
  ackReceived,
  ackSent,
  opened,
}

/** The codes of packets (RFC 1661 §5). */
export const enum Code {
  configureRequest = 1,
  configureAck,
  configureNak,
  configureReject,
  terminateRequest,
  terminateAck,
  codeReject,
  protocolReject,
  echoRequest,
  echoReply,
  discardRequest,
}

/** The replies to the other side's request, from the best to the worst. */
export const enum Verdict {
  ack,
  nak,
  reject,
}

/** Bytes in front of the data of a packet: code, identifier and length. */
export const HEADER: u32 = 4;
const OPTION_HEADER: u32 = 2;
/** Options in one packet of ours; with the header it fits into any frame. */
const MOST_OPTIONS: u32 = 512;
/** Bytes of a refused packet that are returned. */
const MOST_RETURNED: u32 = 512;

// The counters and the timer of RFC 1661 §4.6.
const RESTART_MS: f64 = 3_000;
const MAX_CONFIGURE: i32 = 10;
const MAX_FAILURE: i32 = 5;
/** Then a side that never learns gets no more answers, and the link is given up in time. */
const MOST_SUGGESTIONS: i32 = 10;

const packet: usize = memory.data(<i32>(HEADER + MOST_OPTIONS), 8);
/** Our answer to the request at hand: the options that are not good, or other values for them. */
const answer: usize = memory.data(<i32>(HEADER + MOST_OPTIONS), 8);
const spare: usize = memory.data(16, 8);
let answerLength: u32 = 0;

/**
 * A control protocol of PPP: the automaton that agrees on options with the other side (RFC 1661 §4). Its
 * subclass defines the options.
 */
export abstract class ControlProtocol {
  at: At = At.initial;
  /** When the last request is sent again; infinity while the timer is stopped. */
  private timeoutAt: f64 = Infinity;
  private restarts: i32 = 0;
  /** Requests of the other side that were not acknowledged, one after the other. */
  private failures: i32 = 0;
  private identifier: u8 = 0;

  constructor(readonly protocol: u32) {}

  /** Writes the options that this side wants; returns the address behind them. */
  protected abstract request(to: usize): usize;
  /**
   * Judges an option of the other side's request. It may suggest another value by `suggest` for
   * `Verdict.nak`.
   */
  protected abstract judge(type: u32, at: usize, length: u32): Verdict;
  /** The other side suggests this value for an option of ours. */
  protected abstract suggested(type: u32, at: usize, length: u32): void;
  /** The other side knows nothing of this option of ours. */
  protected abstract rejected(type: u32): void;
  /** A request is about to be judged: nothing of the one before holds. */
  protected abstract forget(): void;
  /** Options that the other side did not name but has to, by `suggest`. Returns whether there were any. */
  protected missing(): bool {
    return false;
  }
  /** Whether another value is suggested for this option however often it comes. */
  protected insists(_type: u32): bool {
    return false;
  }
  /** The protocol is opened, or no longer is. */
  abstract up(now: f64): void;
  abstract down(): void;
  /** Handles a code of its own. Returns false for an unknown one. */
  protected handle(_code: u32, _packet: usize, _length: u32): bool {
    return false;
  }

  get isOpened(): bool {
    return this.at == At.opened;
  }

  get next(): f64 {
    return this.timeoutAt;
  }

  /** The lower layer is up, and the administrator wants the protocol: events Open and Up. */
  start(now: f64): void {
    this.failures = 0;
    this.restarts = MAX_CONFIGURE;
    this.sendRequest(now);
    this.at = At.requestSent;
  }

  /** The lower layer is down: event Down. */
  stop(): void {
    const wasOpened = this.isOpened;
    this.timeoutAt = Infinity;
    this.at = At.starting;
    if (wasOpened) this.down();
  }

  /** The timer ran out: TO+ and TO-. Returns false when the other side does not answer at all. */
  run(now: f64): bool {
    if (this.timeoutAt > now) return true;
    if (this.restarts <= 0) {
      this.timeoutAt = Infinity;
      this.at = At.stopped;
      return false;
    }
    this.sendRequest(now);
    if (this.at == At.ackReceived) this.at = At.requestSent;
    return true;
  }

  /** A packet came. Returns false when it is none of this protocol. */
  take(now: f64, at: usize, length: u32): bool {
    if (length < HEADER) return false;
    if (this.at <= At.starting) return true;
    const total = load16(at + 2);
    if (total < HEADER || total > length) return false;
    const code = <u32>load<u8>(at);
    const identifier = load<u8>(at + 1);
    const isOurs = identifier == this.identifier;
    switch (code) {
      case Code.configureRequest:
        this.takeRequest(now, at, total);
        break;
      case Code.configureAck:
        // One that does not repeat our request is none (RFC 1661 §5.2).
        if (isOurs && this.isOurRequest(at, total)) this.takeAck(now);
        break;
      case Code.configureNak:
      case Code.configureReject:
        if (isOurs && this.readOptions(at, total, code)) this.takeNak(now);
        break;
      case Code.terminateRequest:
        this.takeTerminate(now, identifier);
        break;
      case Code.terminateAck:
        this.takeTerminateAck(now);
        break;
      case Code.codeReject:
        // A code of RFC 1661 that the other side rejects leaves nothing to speak about.
        if (total > HEADER && <u32>load<u8>(at + HEADER) <= <u32>Code.codeReject) this.fail();
        break;
      default:
        if (this.handle(code, at, total)) break;
        this.returnPacket(Code.codeReject, at, total);
    }
    return true;
  }

  /** The other side does not know this protocol at all: RXJ-. */
  fail(): void {
    const wasOpened = this.isOpened;
    this.timeoutAt = Infinity;
    this.at = At.stopped;
    if (wasOpened) this.down();
  }

  state(state: State): void {
    this.at = <At>state.u8(<u8>this.at);
    this.timeoutAt = state.instant(this.timeoutAt);
    this.restarts = state.i32(this.restarts);
    this.failures = state.i32(this.failures);
    this.identifier = state.u8(this.identifier);
    if (state.isRestoring && this.at > At.opened)
      state.refuse('a control protocol is in no state that can be');
  }

  /** For `judge` and `missing`: adds an option to what is suggested. Returns the address of its data. */
  protected suggest(type: u32, data: u32): usize {
    const at = answer + HEADER + answerLength;
    // The other side gets as many values as fit, and asks again.
    if (answerLength + OPTION_HEADER + data > MOST_OPTIONS) return spare;
    store<u8>(at, <u8>type);
    store<u8>(at + 1, <u8>(OPTION_HEADER + data));
    answerLength += OPTION_HEADER + data;
    return at + OPTION_HEADER;
  }

  /** Sends back what came, or what was refused, behind `fields` bytes of its own. */
  protected returnPacket(code: u32, at: usize, length: u32): void {
    const here = min(length, MOST_RETURNED);
    memory.copy(packet + HEADER, at, here);
    this.send(code, ++this.identifier, packet, here);
  }

  /** Sends a packet whose data stand behind the room for its header. */
  protected send(code: u32, identifier: u8, at: usize, data: u32): void {
    store<u8>(at, <u8>code);
    store<u8>(at + 1, identifier);
    store16(at + 2, HEADER + data);
    Framer.send(this.protocol, at, HEADER + data);
  }

  private sendRequest(now: f64): void {
    this.identifier++;
    this.restarts--;
    this.timeoutAt = now + RESTART_MS;
    const end = this.request(packet + HEADER);
    this.send(Code.configureRequest, this.identifier, packet, <u32>(end - packet) - HEADER);
  }

  /** RCR+ and RCR-. */
  private takeRequest(now: f64, at: usize, length: u32): void {
    if (this.at == At.stopping || length > HEADER + MOST_OPTIONS || !hasWholeOptions(at, length)) return;
    const wasOpened = this.isOpened;
    if (wasOpened) this.down();
    if (wasOpened || this.at == At.stopped) {
      this.restarts = MAX_CONFIGURE;
      this.sendRequest(now);
      this.at = At.requestSent;
    }
    const verdict = this.judgeAll(at, length);
    const identifier = load<u8>(at + 1);
    if (verdict == Verdict.ack) {
      this.failures = 0;
      memory.copy(answer, at, min(length, HEADER + MOST_OPTIONS));
      this.send(Code.configureAck, identifier, answer, length - HEADER);
      if (this.at == At.ackReceived) this.open(now);
      else this.at = At.ackSent;
      return;
    }
    // A line that leads back here would say so for ever.
    if (this.failures > MOST_SUGGESTIONS) return;
    this.send(
      verdict == Verdict.nak ? Code.configureNak : Code.configureReject,
      identifier,
      answer,
      answerLength,
    );
    if (this.at == At.ackSent) this.at = At.requestSent;
  }

  /** Judges all options, and writes the answer unless all of them are good. */
  private judgeAll(at: usize, length: u32): Verdict {
    this.forget();
    let worst = Verdict.ack;
    answerLength = 0;
    for (let option = at + HEADER; option < at + length; option += <u32>load<u8>(option + 1)) {
      const size = <u32>load<u8>(option + 1);
      const before = answerLength;
      const type = <u32>load<u8>(option);
      let verdict = this.judge(type, option + OPTION_HEADER, size - OPTION_HEADER);
      // A side that never learns has to leave the option out (RFC 1661 §4.6, Max-Failure).
      if (verdict == Verdict.nak && this.failures >= MAX_FAILURE && !this.insists(type))
        verdict = Verdict.reject;
      if (verdict < worst) {
        // An answer has options of one sort, the worst.
        answerLength = before;
      } else if (verdict == Verdict.reject) {
        answerLength = worst == Verdict.reject ? before : 0;
        memory.copy(answer + HEADER + answerLength, option, size);
        answerLength += size;
      }
      worst = max(worst, verdict);
    }
    if (worst == Verdict.ack && this.failures < MAX_FAILURE && this.missing()) worst = Verdict.nak;
    if (worst == Verdict.nak) this.failures++;
    return worst;
  }

  /** RCA. */
  private takeAck(now: f64): void {
    switch (this.at) {
      case At.stopped:
        this.send(Code.terminateAck, this.identifier, packet, 0);
        break;
      case At.requestSent:
        this.restarts = MAX_CONFIGURE;
        this.at = At.ackReceived;
        break;
      case At.ackSent:
        this.open(now);
        break;
      case At.ackReceived:
      case At.opened:
        this.negotiateAgain(now);
        break;
    }
  }

  /** RCN. */
  private takeNak(now: f64): void {
    switch (this.at) {
      case At.stopped:
        this.send(Code.terminateAck, this.identifier, packet, 0);
        break;
      case At.requestSent:
      case At.ackSent:
        this.restarts = MAX_CONFIGURE;
        this.sendRequest(now);
        break;
      case At.ackReceived:
      case At.opened:
        this.negotiateAgain(now);
        break;
    }
  }

  /** RTR. */
  private takeTerminate(now: f64, identifier: u8): void {
    if (this.isOpened) {
      this.down();
      this.restarts = 0;
      this.timeoutAt = now + RESTART_MS;
      this.at = At.stopping;
    } else if (this.at == At.ackReceived || this.at == At.ackSent) {
      this.at = At.requestSent;
    }
    this.send(Code.terminateAck, identifier, packet, 0);
  }

  /** RTA. */
  private takeTerminateAck(now: f64): void {
    if (this.at == At.stopping) {
      this.timeoutAt = Infinity;
      this.at = At.stopped;
    } else if (this.at == At.ackReceived) {
      this.at = At.requestSent;
    } else if (this.isOpened) {
      this.negotiateAgain(now);
    }
  }

  /** Negotiates anew. */
  private negotiateAgain(now: f64): void {
    if (this.isOpened) this.down();
    this.sendRequest(now);
    this.at = At.requestSent;
  }

  private open(now: f64): void {
    this.restarts = MAX_CONFIGURE;
    this.timeoutAt = Infinity;
    this.at = At.opened;
    this.up(now);
  }

  private isOurRequest(at: usize, length: u32): bool {
    const end = this.request(packet + HEADER);
    const own = <u32>(end - packet);
    return own == length && memory.compare(packet + HEADER, at + HEADER, own - HEADER) == 0;
  }

  /** Follows a Configure-Nak or Configure-Reject. Returns false when it is malformed. */
  private readOptions(at: usize, length: u32, code: u32): bool {
    if (!hasWholeOptions(at, length)) return false;
    for (let option = at + HEADER; option < at + length; option += <u32>load<u8>(option + 1)) {
      const type = <u32>load<u8>(option);
      const data = <u32>load<u8>(option + 1) - OPTION_HEADER;
      if (code == Code.configureNak) this.suggested(type, option + OPTION_HEADER, data);
      else this.rejected(type);
    }
    return true;
  }
}

/** Whether the options of a packet fill it. */
function hasWholeOptions(at: usize, length: u32): bool {
  const end = at + length;
  let option = at + HEADER;
  while (option + OPTION_HEADER <= end) {
    const size = <u32>load<u8>(option + 1);
    if (size < OPTION_HEADER) return false;
    option += size;
  }
  return option == end;
}

/** Begins an option with so many bytes of data; returns the address behind them. */
export function option(to: usize, type: u32, data: u32): usize {
  store<u8>(to, <u8>type);
  store<u8>(to + 1, <u8>(2 + data));
  return to + 2 + data;
}
