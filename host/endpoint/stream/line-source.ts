import type { LocalStream } from './local-source.ts';
import { SingleSource } from './single-source.ts';

/**
 * A source with a line that outlives its streams, such as a terminal: a stream borrows the line, and returns
 * it at its end, unless the line broke.
 */
export abstract class LineSource extends SingleSource {
  /** -1 while there is none, and while a stream has it. */
  #channel = -1;
  #lent = -1;

  /** Called when a stream has returned the line, or has ended because the line broke. */
  protected abstract returned(isBroken: boolean): void;

  get channels(): readonly number[] {
    return this.#channel < 0 ? [] : [this.#channel];
  }

  /** The channel of the line; -1 while there is none, and while a stream has it. */
  protected get line(): number {
    return this.#channel;
  }

  /** Takes a line that was opened. */
  protected hold(channel: number): void {
    this.#channel = channel;
  }

  protected lend(): LocalStream {
    this.#lent = this.#channel;
    this.#channel = -1;
    return { channel: this.#lent, isLent: true };
  }

  protected ended(isBroken: boolean): void {
    this.#channel = isBroken ? -1 : this.#lent;
    this.#lent = -1;
    this.returned(isBroken);
  }

  override close(): void {
    super.close();
    for (const channel of this.channels) this.host.io.close(channel);
    this.#channel = -1;
  }
}
