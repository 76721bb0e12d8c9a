import { Description, Frame, Kind, Outcome, Settings, State } from 'funnel-tunnel/as';
import { Chance } from './chance';
import { Overtaken } from './overtaken';

/**
 * One direction: its faults by the settings, the random draw for the current frame, and the frames that pass.
 */
export class Course {
  /** The Edge to which frames go; -1 if it is on no network. */
  to: i32 = -1;

  // The draw for the current frame.
  isLost: bool = false;
  isDuplicated: bool = false;
  isCorrupted: bool = false;
  isReordered: bool = false;
  /** The place of the corruption, as a fraction of 2³². */
  place: u32 = 0;
  /** The difference from the delay, as a fraction of 2³² of twice the jitter. */
  swing: u32 = 0;

  private chance: Chance = new Chance();
  /** Probabilities, as fractions of 2³². */
  private loss: u64 = 0;
  /**
   * With bursts, the probabilities that a burst begins and ends with the next frame; without, `leave` is 0.
   */
  private enter: u64 = 0;
  private leave: u64 = 0;
  private isBurst: bool = false;
  private duplicate: u64 = 0;
  private corrupt: u64 = 0;
  private reorder: u64 = 0;
  private delayMs: f64 = 0;
  private jitterMs: f64 = 0;
  /** Bits in a millisecond; 0 for no limit. */
  private rate: f64 = 0;
  private queueMs: f64 = 0;
  /** When all frames so far have passed at this rate. */
  private freeAt: f64 = 0;
  private reorderGap: u32 = 1;
  private reorderMs: f64 = 0;
  private overtaken: Overtaken = new Overtaken(0);
  /** The number of frames that passed, modulo 2³². */
  private passed: u32 = 0;

  static describe(d: Description): void {
    both(d, 'loss', Kind.Text, 'Probability that a frame is lost, such as 0.01 or 1%.');
    both(d, 'burst', Kind.Number, 'Frames that are lost in a row, on average; 0 decides on each by itself.');
    both(d, 'duplicate', Kind.Text, 'Probability that a frame goes on twice.');
    both(d, 'corrupt', Kind.Text, 'Probability that one bit of the payload is flipped.');
    both(d, 'reorder', Kind.Text, 'Probability that later frames overtake a frame.');
    both(d, 'delay', Kind.Duration, 'Time for which each frame is held.');
    both(d, 'jitter', Kind.Duration, 'Largest difference from the delay.');
    both(d, 'rate', Kind.Number, 'Kilobits that pass in a second; 0 is no limit.');
    d.setting('reorder-gap', Kind.Number, 'Number of frames that overtake a reordered one.', '1');
    d.setting(
      'reorder-time',
      Kind.Duration,
      'Longest wait of a reordered frame for the frames that overtake it.',
      '50ms',
    );
    d.setting('queue', Kind.Duration, 'Delay by rate at which frames are lost.', '200ms');
  }

  /** Reads the settings whose names end with this direction. */
  read(settings: Settings, direction: string, seed: u32): void {
    this.chance.begin(seed);
    this.loss = probability(settings, named(settings, 'loss', direction));
    this.readBurst(settings, named(settings, 'burst', direction));
    this.duplicate = probability(settings, named(settings, 'duplicate', direction));
    this.corrupt = probability(settings, named(settings, 'corrupt', direction));
    this.reorder = probability(settings, named(settings, 'reorder', direction));
    this.delayMs = settings.duration(named(settings, 'delay', direction));
    this.jitterMs = settings.duration(named(settings, 'jitter', direction));
    this.rate = <f64>settings.number(named(settings, 'rate', direction), 0, 1_000_000_000);
    this.reorderGap = <u32>settings.number('reorder-gap', 1, 1_000_000);
    this.reorderMs = settings.duration('reorder-time');
    this.queueMs = settings.duration('queue');
  }

  /**
   * The mean length of a burst gives the probability that a frame ends it. The probability that a frame
   * begins one makes the share of lost frames equal to `loss`: with this chain of two states (Gilbert 1960),
   * loss = enter / (enter + leave).
   */
  private readBurst(settings: Settings, name: string): void {
    const length = <f64>settings.number(name, 0, 1_000_000);
    this.leave = length > 0 ? <u64>Math.round(4294967296.0 / length) : 0;
    if (this.leave == 0 || this.loss == 0) return;
    const share = <f64>this.loss / 4294967296.0;
    if (share < 1 && share / (1 - share) <= length) {
      this.enter = <u64>Math.round((<f64>this.leave * share) / (1 - share));
    } else if (!settings.problemSettings.includes(name)) {
      settings.problem(
        name,
        'is too short: between bursts at least one frame passes, so that fewer are lost than loss says',
      );
    }
  }

  start(most: i32): void {
    this.overtaken = new Overtaken(most);
  }

  state(state: State): void {
    this.chance.state(state);
    this.freeAt = state.instant(this.freeAt);
    this.isBurst = state.u32(this.isBurst ? 1 : 0) != 0;
  }

  get corrupts(): bool {
    return this.corrupt > 0;
  }

  /** Whether frames may change or be lost on the way, also because too many are held. */
  get loses(): bool {
    return this.loss > 0 || this.corrupts || this.delays;
  }

  get duplicates(): bool {
    return this.duplicate > 0;
  }

  get reorders(): bool {
    return this.reorder > 0 || this.jitterMs > 0;
  }

  /** Whether frames may be held. */
  get delays(): bool {
    return this.delayMs > 0 || this.rate > 0 || this.reorders;
  }

  /**
   * Draws the faults of the next frame. Always takes six numbers, so that one fault does not change the
   * others.
   */
  draw(): void {
    const drawn = <u64>this.chance.next();
    if (this.leave == 0) this.isLost = drawn < this.loss;
    else this.isLost = this.isBurst = this.isBurst ? drawn >= this.leave : drawn < this.enter;
    this.isDuplicated = <u64>this.chance.next() < this.duplicate;
    this.isCorrupted = <u64>this.chance.next() < this.corrupt;
    this.place = this.chance.next();
    this.isReordered = <u64>this.chance.next() < this.reorder;
    this.swing = this.chance.next();
  }

  /** The current frame is a later fragment, whose faults were drawn with the first one. */
  drawNothing(swing: u32): void {
    this.isCorrupted = false;
    this.isReordered = false;
    this.isDuplicated = false;
    this.swing = swing;
  }

  /** When the current frame, with this number of bytes, may go on; -1 if the rate forbids it. */
  dueAt(now: f64, bytes: i32): f64 {
    let at = now;
    if (this.rate > 0) {
      const from = max(now, this.freeAt);
      if (from - now > this.queueMs) return -1;
      this.freeAt = from + (<f64>bytes * 8) / this.rate;
      at = this.freeAt;
    }
    const swing = this.jitterMs * ((<f64>this.swing * 2) / 4294967296.0 - 1);
    return at + max(0, this.delayMs + swing);
  }

  /** Passes a frame on, at once or after a delay. False if it does not fit. */
  forward(frame: Frame, isTwice: bool, out: Outcome): bool {
    if (out.framesLeft < 2 || !out.forward(frame, <u16>this.to, 0)) return false;
    if (isTwice) out.again(<u16>this.to, 0);
    return true;
  }

  /** Counts a frame that passed and was not overtaken, for the frames that wait to be overtaken. */
  countPassed(): void {
    this.passed++;
  }

  /** Makes a held frame wait until others have overtaken it. */
  letOvertake(entry: i32, now: f64): void {
    this.overtaken.add(entry, this.passed + this.reorderGap, now + this.reorderMs);
  }

  /** Whether a frame was overtaken, or has waited too long; then it is the first. */
  hasOvertaken(now: f64): bool {
    return this.overtaken.isFirstDue(this.passed, now);
  }

  get firstOvertaken(): i32 {
    return this.overtaken.first;
  }

  takeOvertaken(): void {
    this.overtaken.take();
  }

  /** When the first of them has waited long enough. */
  get nextOvertaken(): f64 {
    return this.overtaken.next;
  }
}

function both(d: Description, name: string, kind: i32, summary: string): void {
  d.setting(name, kind, summary, '0');
  d.optional(name + '-a-to-b', kind, 'The same, from a to b only.');
  d.optional(name + '-b-to-a', kind, 'The same, from b to a only.');
}

/** The setting of this direction if it is given, else that of both. */
function named(settings: Settings, name: string, direction: string): string {
  return settings.has(name + direction) ? name + direction : name;
}

/** A fraction of 2³², from a number between `0` and `1`, or from a percentage. */
function probability(settings: Settings, name: string): u64 {
  const text = settings.text(name);
  const isPercent = text.endsWith('%');
  const digits = isPercent ? text.substring(0, text.length - 1) : text;
  const value = isDecimal(digits) ? parseFloat(digits) / (isPercent ? 100 : 1) : NaN;
  if (!(value >= 0 && value <= 1)) {
    // Both directions may have read the same setting.
    if (!settings.problemSettings.includes(name))
      settings.problem(name, 'must be a probability such as 0.01 or 1%, not "' + text + '"');
    return 0;
  }
  return <u64>Math.round(value * 4294967296.0);
}

function isDecimal(text: string): bool {
  let dots = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code == 0x2e) dots++;
    else if (code < 0x30 || code > 0x39) return false;
  }
  return dots <= 1 && text.length > dots;
}
