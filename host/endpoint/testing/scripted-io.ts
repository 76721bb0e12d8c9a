import { type BatchArrays, type FunnelIo, LOST_OFFLOAD } from '../addon.ts';

/**
 * For tests of native pieces: the calls of the addon that deal with batches and channels, without a system.
 * The test delivers packets, and reads what was sent. A subclass adds the calls that open channels.
 */
export class ScriptedIo {
  readonly batches = new Map<number, BatchArrays>();
  /** The batch of each open channel. */
  readonly open = new Map<number, number>();
  readonly started = new Set<number>();
  readonly sent: { channel: number; bytes: number[]; offset: number }[] = [];
  /** The next call that sends reports so many failures of each kind, and writes the rest. */
  failures: readonly number[] = [];
  readonly #spill = new Map<number, readonly number[]>();
  #batches = 0;
  #channels = 0;

  /** The calls of the addon, for a piece that calls no other than these. */
  get calls(): FunnelIo {
    return this as unknown as FunnelIo;
  }

  createBatch(arrays: BatchArrays): number {
    this.batches.set(++this.#batches, arrays);
    return this.#batches;
  }

  releaseBatch(batch: number): void {
    if ([...this.open.values()].includes(batch)) throw new Error(`batch ${batch} has open channels`);
    if (!this.batches.delete(batch)) throw new Error(`batch ${batch} was released twice`);
  }

  gather(batch: number, slot: number, address: number): void {
    new Uint8Array(this.batches.get(batch)!.memory).set(this.#spill.get(slot)!, address);
  }

  start(channel: number): void {
    this.#demand(channel);
    this.started.add(channel);
  }

  close(channel: number): void {
    this.#demand(channel);
    this.open.delete(channel);
    this.started.delete(channel);
  }

  adopt(channel: number, batch: number): void {
    this.#demand(channel);
    this.open.set(channel, batch);
  }

  /** A new channel of a batch. */
  protected channelOf(batch: number): number {
    if (!this.batches.has(batch)) throw new Error(`there is no batch ${batch}`);
    this.open.set(++this.#channels, batch);
    return this.#channels;
  }

  /** Sends the staged frames of a channel's batch. @returns how many were written */
  protected send(channel: number, count: number): number {
    this.#demand(channel);
    const { memory, outAddresses, outHeaders, outLengths, tally } = this.batches.get(
      this.open.get(channel)!,
    )!;
    const failed = this.failures.reduce((sum, each) => sum + each, 0);
    this.failures.forEach((each, kind) => {
      tally[kind]! += each;
    });
    this.failures = [];
    for (let n = 0; n < count - failed; n++) {
      const from = outAddresses[n]!;
      const offset = outHeaders[n]! === 0 ? 0 : outHeaders[n]! - from;
      const bytes = [...new Uint8Array(memory, from, offset + outLengths[n]!)];
      this.sent.push({ channel, bytes, offset });
    }
    return count - failed;
  }

  /** Brings packets into a channel, as one batch; `lost` is a large segment that cannot be divided. */
  deliver(channel: number, ...packets: (readonly number[] | 'lost')[]): void {
    if (!this.started.has(channel)) throw new Error(`channel ${channel} does not read yet`);
    const { memory, addresses, lengths, room, onBatch } = this.batches.get(this.open.get(channel)!)!;
    packets.forEach((packet, slot) => {
      if (packet === 'lost') {
        lengths[slot] = LOST_OFFLOAD;
        return;
      }
      lengths[slot] = packet.length;
      if (packet.length > room) this.#spill.set(slot, packet);
      else new Uint8Array(memory).set(packet, addresses[slot]!);
    });
    onBatch(channel, packets.length);
  }

  /** Reports an event of a channel: kinds of change, or a negative errno. */
  report(channel: number, event: number): void {
    this.#demand(channel);
    this.batches.get(this.open.get(channel)!)!.onBatch(channel, event);
  }

  #demand(channel: number): void {
    if (!this.open.has(channel)) throw new Error(`channel ${channel} is not open`);
  }
}

/** An error of the system. */
export function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}
