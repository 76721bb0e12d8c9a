import { Outcome, Role, shrinkRoom } from 'funnel-tunnel/as';
import { store16 } from 'funnel-tunnel/as/views/bytes';
import { Tcp } from 'funnel-tunnel/as/views/tcp';
import { Carrier } from '../../frame-sequence/assembly/carrier';
import { Connection } from '../../frame-sequence/assembly/connection';
import { DEFAULT_MAP, HdlcWriter } from './hdlc';

/** Address (all stations) and control (unnumbered information), RFC 1662 §3.1. */
const ADDRESS_AND_CONTROL: u16 = 0xff03;
export const LCP: u32 = 0xc021;
/** Bytes in front of a packet: address, control and protocol. */
export const MOST_HEADER: u32 = 4;

const header: usize = memory.data(<i32>MOST_HEADER, 8);

/** Sends frames of PPP on the carrier, in the form on which both sides agreed. */
export abstract class Framer {
  /** The outcome of the present call. */
  static out: Outcome = changetype<Outcome>(0);
  /**
   * The format that the other side takes once LCP is open: its characters to escape, and compressed fields.
   */
  static map: u32 = DEFAULT_MAP;
  static compressesAddress: bool = false;
  static compressesProtocol: bool = false;

  /** Before both sides have agreed on anything. */
  static reset(): void {
    Framer.map = DEFAULT_MAP;
    Framer.compressesAddress = false;
    Framer.compressesProtocol = false;
  }

  /** Sends a packet of a control protocol. One for which there is no room is lost, as on any line. */
  static send(protocol: u32, at: usize, length: u32): void {
    const to = Framer.begin(protocol, length);
    if (to == 0) return;
    HdlcWriter.bytes(at, length);
    Framer.end(to, 0);
  }

  /**
   * Begins a frame with a packet of `length` bytes; `HdlcWriter.bytes` writes them. Returns where it stands,
   * or 0 where there is no room.
   */
  static begin(protocol: u32, length: u32): usize {
    const out = Framer.out;
    if (!Connection.isOpen || out.framesLeft < 1 || out.partsLeft < 3) return 0;
    const to = out.room(<i32>HdlcWriter.most(MOST_HEADER + length));
    if (to == 0) return 0;
    // Packets of LCP have neither: both sides read them whatever was agreed (RFC 1661 §6.5, §6.6).
    const isPlain = protocol == LCP;
    HdlcWriter.map = isPlain ? DEFAULT_MAP : Framer.map;
    HdlcWriter.begin(to);
    let bytes: u32 = 0;
    if (isPlain || !Framer.compressesAddress) {
      store16(header, ADDRESS_AND_CONTROL);
      bytes = 2;
    }
    if (!isPlain && Framer.compressesProtocol && protocol < 256) store<u8>(header + bytes++, <u8>protocol);
    else {
      store16(header + bytes, protocol);
      bytes += 2;
    }
    HdlcWriter.bytes(header, bytes);
    return to;
  }

  /** Ends the frame, which continues this ticket. Returns whether it goes out. */
  static end(at: usize, ticket: u32): bool {
    const length = <i32>(HdlcWriter.end() - at);
    shrinkRoom(at, length);
    const out = Framer.out;
    if (!Carrier.begin(out, ticket, Connection.local, Connection.remote, Tcp.ACK | Tcp.PSH)) return false;
    return out.bytes(0, Role.Payload, 0, at, length);
  }
}
