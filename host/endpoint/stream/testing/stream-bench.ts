import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { expect } from 'vitest';
import { Frames } from '../../../frame/frames.ts';
import { Inbox } from '../../../piece/inbox.ts';
import { Outbox } from '../../../piece/outbox.ts';
import type { Piece } from '../../../piece/piece.ts';
import { Protocols } from '../../../stack/protocols.ts';
import { parseAddress } from '../../ip-address.ts';
import { RecordingContext } from '../../testing/recording-context.ts';
import { FIN, headerOf, RST, SYN } from '../stream-header.ts';

/** The protocols of all benches. */
export const protocols = new Protocols();

/** A frame of a stream, as the test reads it. */
export interface Segment {
  readonly from: string;
  readonly fromPort: number;
  readonly to: string;
  readonly toPort: number;
  readonly flags: number;
  readonly sequence: number;
  readonly acknowledgement: number;
  readonly window: number;
  readonly payload: Buffer;
}

/** An endpoint of streams by itself, with a neighbour that the test plays. */
export class StreamBench<P extends Piece> {
  readonly context: RecordingContext;
  readonly frames: Frames;
  readonly piece: P;
  readonly inbox = new Inbox();
  readonly outbox = new Outbox();
  readonly segments: Segment[] = [];
  onSegment: (segment: Segment) => void = () => {};

  constructor(
    make: (context: RecordingContext, frames: Frames) => P,
    frames = new Frames({ smallRows: 2048, largeRows: 8 }),
    context = new RecordingContext(),
  ) {
    this.frames = frames;
    this.context = context;
    this.piece = make(context, frames);
    context.onArrived = () => {
      for (const row of context.rows.splice(0)) this.#take(row);
    };
    context.wake = () => void turn().then(() => this.run());
  }

  start(): this {
    expect(this.piece.start(0)).toEqual([]);
    this.join();
    return this;
  }

  join(): void {
    this.piece.join({ edge: 0, described: 0, shape: 0, joint: 'net', properties: [] });
  }

  #take(row: number): void {
    const { frames } = this;
    const at = frames.start[row]!;
    const bytes = Buffer.from(frames.bytes.slice(at, at + frames.length[row]!));
    frames.release(row);
    const six = bytes[0]! >> 4 === 6;
    const tcp = six ? 40 : 20;
    const address = (from: number) =>
      six ? bytes.subarray(from, from + 16).toString('hex') : bytes.subarray(from, from + 4).join('.');
    expect(six ? 40 + bytes.readUInt16BE(4) : bytes.readUInt16BE(2)).toBe(bytes.length);
    const segment = {
      from: address(six ? 8 : 12),
      to: address(six ? 24 : 16),
      fromPort: bytes.readUInt16BE(tcp),
      toPort: bytes.readUInt16BE(tcp + 2),
      flags: bytes[tcp + 13]!,
      sequence: bytes.readUInt32BE(tcp + 4),
      acknowledgement: bytes.readUInt32BE(tcp + 8),
      window: bytes.readUInt16BE(tcp + 14),
      payload: bytes.subarray(tcp + 20),
    };
    this.segments.push(segment);
    this.onSegment(segment);
  }

  /** Sends a frame to the peer of the stream on which `segment` came, or to an address. */
  reply(
    segment: Pick<Segment, 'from' | 'fromPort' | 'to' | 'toPort'>,
    flags: number,
    payload: Uint8Array = new Uint8Array(0),
    { window = 0, acknowledgement = 0 } = {},
  ): void {
    const header = headerOf(
      { address: parseAddress(segment.to)!, port: segment.toPort },
      { address: parseAddress(segment.from)!, port: segment.fromPort },
    );
    const row = this.frames.allocate(header.length + payload.length);
    expect(row).toBeGreaterThanOrEqual(0);
    const at = this.frames.start[row]!;
    const ip = header.length - 20;
    new DataView(header.buffer).setUint32(ip + 8, acknowledgement);
    new DataView(header.buffer).setUint16(ip + 14, window);
    header[ip + 13] = flags;
    this.frames.bytes.set(header, at);
    this.frames.bytes.set(payload, at + header.length);
    const unfinished = 2 << 24;
    this.frames.addPart(row, protocols.number(ip === 20 ? 'ipv4' : 'ipv6') | unfinished, at, ip);
    this.frames.addPart(row, protocols.number('tcp') | unfinished, at + ip, 20);
    if (payload.length > 0) this.frames.addPart(row, 1 << 16, at + ip + 20, payload.length);
    expect(this.inbox.push(row, 0, 0)).toBe(true);
  }

  /** One call of the lane. */
  run(): void {
    this.piece.process(0, this.inbox, 256, this.outbox);
    for (let n = 0; n < this.outbox.length; n++) this.#take(this.outbox.rows[n]!);
    this.outbox.length = 0;
  }

  send(...args: Parameters<StreamBench<P>['reply']>): void {
    this.reply(...args);
    this.run();
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    const end = performance.now() + 20_000;
    while (!condition()) {
      if (performance.now() > end)
        throw new Error(`${what}: ${JSON.stringify([...this.context.counters.entries()])}`);
      await sleep(2);
    }
  }

  async segment(flags: number): Promise<Segment> {
    const find = () => this.segments.find((each) => (each.flags & (SYN | FIN | RST)) === flags);
    await this.until(() => find() !== undefined, `no segment with flags ${flags}`);
    return find()!;
  }

  get received(): Buffer {
    return Buffer.concat(this.segments.map(({ payload }) => payload));
  }

  counters(): Record<string, number> {
    return Object.fromEntries(this.context.counters.entries());
  }

  close(): void {
    this.piece.close();
    for (let n = 0; n < this.inbox.length; n++) this.frames.release(this.inbox.rows[this.inbox.at(n)]!);
    this.inbox.take(this.inbox.length);
  }
}
