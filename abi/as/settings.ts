import { Description } from './description';
import { Kind } from './generated';
import { Text } from './text';

/**
 * The settings of an instance. A setting that is not given has its described default. A wrong value becomes a
 * problem, which the user sees with all others, and the getter returns something harmless. Allocates: only
 * for `describe` and `start`.
 */
export class Settings {
  names: string[] = [];
  values: string[] = [];
  problemSettings: string[] = [];
  problemMessages: string[] = [];

  constructor(private description: Description) {}

  /** For the SDK: reads the settings that the host brought. */
  read(at: usize, count: i32): void {
    for (let i = 0; i < count; i++, at += 16) {
      this.names.push(changetype<Text>(at).toString());
      this.values.push(changetype<Text>(at + 8).toString());
    }
  }

  /** Whether the setting was given. */
  has(name: string): bool {
    return this.names.includes(name);
  }

  /** How often the setting was given. */
  count(name: string): i32 {
    let count = 0;
    for (let i = 0; i < this.names.length; i++) if (this.names[i] == name) count++;
    return count;
  }

  /** The n-th value of a repeated setting; '' if there is none. */
  at(name: string, n: i32): string {
    for (let i = 0; i < this.names.length; i++) if (this.names[i] == name && n-- == 0) return this.values[i];
    return '';
  }

  /** The value, else the default, else ''. */
  text(name: string): string {
    for (let i = 0; i < this.names.length; i++) if (this.names[i] == name) return this.values[i];
    const setting = this.description.findSetting(name);
    if (setting === null) return '';
    const byDefault = setting.byDefault;
    return byDefault === null ? '' : byDefault;
  }

  /**
   * A decimal number from `min` to `max`; `min` if none is given. A piece that calls this in `describe`
   * describes the range with it.
   */
  number(name: string, min: i64, max: i64): i64 {
    const setting = this.description.findSetting(name);
    if (setting !== null && setting.least == -Infinity && setting.most == Infinity)
      setting.range(<f64>min, <f64>max);
    const text = this.text(name);
    if (text.length == 0) return min;
    const value = parseDecimal(text);
    if (value == NOT_A_NUMBER || value < min || value > max) {
      this.problem(
        name,
        'must be a number from ' + min.toString() + ' to ' + max.toString() + ', not ' + quoted(text),
      );
      return min;
    }
    return value;
  }

  /** A protocol stack without an open step `*`, for a piece that does not fill it by `listen`. */
  stack(name: string): string {
    const text = this.text(name);
    if (text.includes('*'))
      this.problem(
        name,
        'must have no open step "*", because the piece takes all ports without it: not ' + quoted(text),
      );
    return text;
  }

  boolean(name: string): bool {
    const text = this.text(name);
    if (text == 'true') return true;
    if (text != 'false' && text.length > 0) this.problem(name, 'must be true or false, not ' + quoted(text));
    return false;
  }

  /** In milliseconds. Written with `ms`, `s`, `m` or `h`; seconds without a unit. */
  duration(name: string): f64 {
    const text = this.text(name);
    if (text.length == 0) return 0;
    const value = parseDuration(text);
    if (isNaN(value)) {
      this.problem(name, 'must be a duration such as 30s or 500ms, not ' + quoted(text));
      return 0;
    }
    return value;
  }

  /** An IPv4 address as a number, first octet highest; 0 if none is given. */
  ipv4(name: string): u32 {
    const text = this.text(name);
    if (text.length == 0) return 0;
    const value = parseIpv4(text);
    if (value < 0) {
      this.problem(name, 'must be an IPv4 address such as 192.0.2.1, not ' + quoted(text));
      return 0;
    }
    return <u32>value;
  }

  /** Adds a problem with a setting; '' for a problem with several settings. */
  problem(setting: string, message: string): void {
    this.problemSettings.push(setting);
    this.problemMessages.push(setting.length == 0 ? message : setting + ' ' + message);
  }

  get hasProblems(): bool {
    return this.problemMessages.length > 0;
  }

  /**
   * For the SDK: the check that needs only the description. A required setting may be absent while
   * describing.
   */
  check(isStart: bool): void {
    const described = this.description.settings;
    for (let i = 0; i < this.names.length; i++) {
      const name = this.names[i];
      const setting = this.description.findSetting(name);
      if (setting === null) {
        this.problem(name, 'is not a setting of ' + this.description.name);
        continue;
      }
      if (!setting.repeated && this.names.indexOf(name) != i) this.problem(name, 'can be given only once');
      // One problem for each setting is enough: the piece may have read the value and reported more about it.
      if (this.problemSettings.includes(name)) continue;
      const value = this.values[i];
      if (setting.kind == Kind.Number && parseDecimal(value) == NOT_A_NUMBER) {
        this.problem(name, 'must be a number, not ' + quoted(value));
      } else if (setting.kind == Kind.Boolean && value != 'true' && value != 'false') {
        this.problem(name, 'must be true or false, not ' + quoted(value));
      } else if (setting.kind == Kind.Duration && isNaN(parseDuration(value))) {
        this.problem(name, 'must be a duration such as 30s or 500ms, not ' + quoted(value));
      } else if (setting.kind == Kind.Number || setting.kind == Kind.Duration) {
        const isNumber = setting.kind == Kind.Number;
        const number = isNumber ? <f64>parseDecimal(value) : parseDuration(value);
        const unit = isNumber ? '' : ' ms';
        if (number < setting.least)
          this.problem(name, 'must be at least ' + decimal(setting.least) + unit + ', not ' + quoted(value));
        else if (number > setting.most)
          this.problem(name, 'must be at most ' + decimal(setting.most) + unit + ', not ' + quoted(value));
      }
    }
    if (!isStart) return;
    for (let i = 0; i < described.length; i++) {
      if (described[i].required && !this.has(described[i].name))
        this.problem(described[i].name, 'must be given');
    }
  }
}

/** An address as a number, first octet highest; -1 when it is not one. */
export function parseIpv4(text: string): i64 {
  let address: i64 = 0;
  let octet = -1;
  let dots = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code == 0x2e) {
      if (octet < 0 || ++dots > 3) return -1;
      address = (address << 8) | octet;
      octet = -1;
    } else if (code >= 0x30 && code <= 0x39) {
      // A leading zero would be octal to some.
      if (octet == 0) return -1;
      octet = (octet < 0 ? 0 : octet * 10) + (code - 0x30);
      if (octet > 255) return -1;
    } else {
      return -1;
    }
  }
  return dots == 3 && octet >= 0 ? (address << 8) | octet : -1;
}

const NOT_A_NUMBER: i64 = i64.MIN_VALUE;

function parseDecimal(text: string): i64 {
  const isNegative = text.length > 0 && text.charCodeAt(0) == 0x2d;
  const first = isNegative ? 1 : 0;
  if (text.length == first || text.length > first + 18) return NOT_A_NUMBER;
  let value: i64 = 0;
  for (let i = first; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x30 || code > 0x39) return NOT_A_NUMBER;
    value = value * 10 + (code - 0x30);
  }
  return isNegative ? -value : value;
}

/** Milliseconds, of a number with `ms`, `s`, `m` or `h`; NaN when it is not one. */
export function parseDuration(text: string): f64 {
  let end = text.length;
  let scale = 1000.0;
  if (text.endsWith('ms')) {
    end -= 2;
    scale = 1;
  } else if (text.endsWith('s')) {
    end -= 1;
  } else if (text.endsWith('m')) {
    end -= 1;
    scale = 60_000;
  } else if (text.endsWith('h')) {
    end -= 1;
    scale = 3_600_000;
  }
  const value = parseDecimal(text.substring(0, end));
  return value == NOT_A_NUMBER || value < 0 ? NaN : <f64>value * scale;
}

function quoted(text: string): string {
  return '"' + text + '"';
}

/** A bound as people write it: whole numbers without a point. */
function decimal(value: f64): string {
  return Math.floor(value) == value && Math.abs(value) < 1e15 ? (<i64>value).toString() : value.toString();
}
