import { State } from 'funnel-tunnel/as';

/**
 * Random numbers that are the same in each run: the generator mulberry32, which is in the public domain.
 */
export class Chance {
  private at: u32 = 0;

  begin(seed: u32): void {
    this.at = seed;
  }

  next(): u32 {
    this.at += 0x6d2b79f5;
    let mixed = (this.at ^ (this.at >> 15)) * (this.at | 1);
    mixed ^= mixed + (mixed ^ (mixed >> 7)) * (mixed | 61);
    return mixed ^ (mixed >> 14);
  }

  state(state: State): void {
    this.at = state.u32(this.at);
  }
}
