import type { PieceStatus } from '../../piece/piece-status.ts';
import type { Opening } from './local-settings.ts';
import type { LocalHost, LocalSource, LocalStream } from './local-source.ts';

/** A source with one stream at a time. The next one begins after its end, if the source can continue. */
export abstract class SingleSource implements LocalSource {
  readonly isSingle = true;
  protected host!: LocalHost;
  readonly #opening: Opening;
  #isWanted = false;
  #isBusy = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(opening: Opening) {
    this.#opening = opening;
  }

  start(host: LocalHost): void {
    this.host = host;
    this.prepare();
  }

  /** Opens everything that exists from the start. */
  protected abstract prepare(): void;
  /**
   * Returns the stream that is ready now, or undefined; then {@link attempt} or {@link attemptIn} is called
   * later.
   */
  protected abstract take(): LocalStream | undefined;
  /** Call it when the taken stream has ended. */
  protected abstract ended(isBroken: boolean): void;
  abstract readonly channels: readonly number[];
  /** The state while no stream is open. */
  protected abstract idleStatus(): PieceStatus;
  /** The names that the user gave to what is outside. */
  protected abstract facts(): Readonly<Record<string, string>>;

  status(): PieceStatus {
    if (!this.#isBusy) return this.idleStatus();
    return { health: 'good', summary: 'the stream is open', facts: this.facts() };
  }

  /** Whether a neighbour opens the stream. */
  protected get isPassive(): boolean {
    return this.#opening === 'passive';
  }

  protected get isBusy(): boolean {
    return this.#isBusy;
  }

  setWanted(isWanted: boolean): void {
    this.#isWanted = isWanted;
    this.attempt();
  }

  /** Begins the stream, if the puzzle takes one and the system has one. */
  protected attempt(): void {
    clearTimeout(this.#timer);
    if (!this.#isWanted || this.#isBusy || this.#opening === 'passive') return;
    const stream = this.take();
    if (stream === undefined) return;
    this.#isBusy = true;
    this.host.begin(stream);
  }

  protected attemptIn(delayMs: number): void {
    clearTimeout(this.#timer);
    if (this.#isWanted && !this.#isBusy) this.#timer = setTimeout(() => this.attempt(), delayMs).unref();
  }

  open(): LocalStream | string {
    if (this.#opening === 'active' || this.#isBusy) return 'busy';
    const stream = this.take();
    this.#isBusy = stream !== undefined;
    return stream ?? 'unreachable';
  }

  ready(_channel: number): void {}

  closed(isBroken: boolean): void {
    this.#isBusy = false;
    this.ended(isBroken);
  }

  move(host: LocalHost): void {
    this.host = host;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#isWanted = false;
  }
}
