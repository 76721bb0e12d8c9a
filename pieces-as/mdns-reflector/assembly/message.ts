import { load16, load32 } from 'funnel-tunnel/as/views/bytes';
import { MOST_NAME, readName } from './names';

/** The size of the largest data of a record, without compression. */
export const MOST_DATA: u32 = 1024;
export const HEADER_BYTES: u32 = 12;
export const CLASS_IN: u32 = 1;
/** In a record: it replaces others of its name and type. In a question: a unicast response is welcome. */
export const TOP_BIT: u32 = 0x8000;

export const enum Type {
  a = 1,
  ns = 2,
  cname = 5,
  ptr = 12,
  aaaa = 28,
  srv = 33,
  dname = 39,
  opt = 41,
  nsec = 47,
  any = 255,
}

/** Reads a message of the DNS, question by question and record by record. */
export abstract class Message {
  static id: u32 = 0;
  static flags: u32 = 0;
  static questions: u32 = 0;
  static answers: u32 = 0;
  static authorities: u32 = 0;
  static additionals: u32 = 0;

  // The question or record that was read last.
  static readonly name: usize = memory.data(256);
  static nameSize: u32 = 0;
  static type: u32 = 0;
  static cls: u32 = 0;
  static ttl: u32 = 0;
  static readonly data: usize = heap.alloc(MOST_DATA + MOST_NAME);
  static dataSize: u32 = 0;
  /** The record is larger than a place of the table. */
  static isTooLarge: bool = false;

  private static packet: usize = 0;
  private static length: u32 = 0;
  private static at: u32 = 0;

  /** False if there is no header. */
  static begin(packet: usize, length: u32): bool {
    if (length < HEADER_BYTES) return false;
    Message.packet = packet;
    Message.length = length;
    Message.at = HEADER_BYTES;
    Message.id = load16(packet);
    Message.flags = load16(packet + 2);
    Message.questions = load16(packet + 4);
    Message.answers = load16(packet + 6);
    Message.authorities = load16(packet + 8);
    Message.additionals = load16(packet + 10);
    return true;
  }

  /** Reads the next question. False if it is cut short. */
  static readQuestion(): bool {
    const at = Message.readOwner();
    if (at == 0 || at + 4 > Message.length) return false;
    Message.type = load16(Message.packet + at);
    Message.cls = load16(Message.packet + at + 2);
    Message.at = at + 4;
    return true;
  }

  /** Reads the next record, with names in its data expanded (RFC 6762 §18.14). False if it is impossible. */
  static readRecord(): bool {
    const at = Message.readOwner();
    if (at == 0 || at + 10 > Message.length) return false;
    const packet = Message.packet;
    Message.type = load16(packet + at);
    Message.cls = load16(packet + at + 2);
    Message.ttl = load32(packet + at + 4);
    const from = at + 10;
    const end = from + load16(packet + at + 8);
    if (end > Message.length) return false;
    Message.at = end;
    Message.isTooLarge = end - from > MOST_DATA;
    Message.dataSize = 0;
    return Message.isTooLarge || Message.expand(from, end);
  }

  private static readOwner(): u32 {
    const behind = readName(Message.packet, Message.length, Message.at, Message.name);
    if (behind == 0) return 0;
    let size: u32 = 0;
    while (load<u8>(Message.name + size) != 0) size += 1 + <u32>load<u8>(Message.name + size);
    Message.nameSize = size + 1;
    return behind;
  }

  private static expand(from: u32, end: u32): bool {
    let before: u32 = 0;
    let hasMore = false;
    switch (Message.type) {
      case Type.ptr:
      case Type.cname:
      case Type.ns:
      case Type.dname:
        break;
      case Type.srv:
        before = 6;
        break;
      case Type.nsec:
        hasMore = true;
        break;
      default:
        memory.copy(Message.data, Message.packet + from, end - from);
        Message.dataSize = end - from;
        return true;
    }
    if (from + before >= end) return false;
    memory.copy(Message.data, Message.packet + from, before);
    const into = Message.data + before;
    const behind = readName(Message.packet, Message.length, from + before, into);
    if (behind == 0 || behind > end || (!hasMore && behind != end)) return false;
    let size: u32 = 0;
    while (load<u8>(into + size) != 0) size += 1 + <u32>load<u8>(into + size);
    size++;
    memory.copy(into + size, Message.packet + behind, end - behind);
    Message.dataSize = before + size + (end - behind);
    Message.isTooLarge = Message.dataSize > MOST_DATA;
    return true;
  }
}
