import { TWO_32 } from './capture-constants.ts';

/** Turns the timestamps of a capture, which count some unit, into seconds and nanoseconds. */
export class TickClock {
  readonly #perSecond: number;
  /** Added to every time. */
  readonly #offsetSeconds: number;

  constructor(perSecond: number, offsetSeconds: number) {
    this.#perSecond = perSecond;
    this.#offsetSeconds = offsetSeconds;
  }

  /** A timestamp of 64 bits. It is exact for units down to the tenth of a picosecond. */
  read(high: number, low: number, time: WritableTime): void {
    const unit = this.#perSecond;
    if (unit > MOST_EXACT) {
      const seconds = (high * TWO_32 + low) / unit;
      this.#set(Math.floor(seconds), seconds % 1, 1, time);
      return;
    }
    // Long division, eight bits at a time: no step exceeds 53 bits.
    let seconds = 0;
    let rest = 0;
    for (let shift = 24; shift >= 0; shift -= 8) {
      rest = rest * 256 + ((high >>> shift) & 0xff);
      const digit = Math.floor(rest / unit);
      seconds = seconds * 256 + digit;
      rest -= digit * unit;
    }
    for (let shift = 24; shift >= 0; shift -= 8) {
      rest = rest * 256 + ((low >>> shift) & 0xff);
      const digit = Math.floor(rest / unit);
      seconds = seconds * 256 + digit;
      rest -= digit * unit;
    }
    this.#set(seconds, rest, unit, time);
  }

  /** A timestamp of whole seconds, and units of the second behind them. */
  readParts(seconds: number, units: number, time: WritableTime): void {
    const more = Math.floor(units / this.#perSecond);
    this.#set(seconds + more, units - more * this.#perSecond, this.#perSecond, time);
  }

  #set(seconds: number, rest: number, unit: number, time: WritableTime): void {
    time.seconds = seconds + this.#offsetSeconds;
    // Multiplying by a whole number is exact; dividing 1 by ten is not.
    const nanoseconds = unit <= 1e9 && 1e9 % unit === 0 ? rest * (1e9 / unit) : (rest / unit) * 1e9;
    time.nanoseconds = Math.min(Math.floor(nanoseconds), 999_999_999);
  }
}

export interface WritableTime {
  seconds: number;
  nanoseconds: number;
}

/** 256 times this fits in 53 bits. */
const MOST_EXACT = 2 ** 45;
