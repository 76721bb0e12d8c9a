/**
 * A count in at most 9 characters: all digits, in groups, where they fit; else in thousands, millions and so
 * on.
 */
export function formatCount(count: number): string {
  if (!Number.isFinite(count)) return '-';
  const whole = Math.round(count);
  if (whole < 10_000_000) return groupDigits(whole);
  return scaled(count, COUNT_UNITS);
}

/** Bytes in at most 8 characters, in powers of 1000: `999 B`, `1.23 MB`. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return '-';
  if (bytes < 1000) return `${Math.round(bytes)} B`;
  return scaled(bytes, BYTE_UNITS);
}

/** Frames per second: with a decimal below ten, since slow rates are seldom whole. */
export function formatRate(rate: number): string {
  if (rate > 0 && rate < 9.95) return rate.toFixed(1);
  return formatCount(rate);
}

/** `0:01:23`, or `3 d 04:05:06` from a day on. */
export function formatUptime(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  const clock = [Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60];
  const [hours, ...rest] = clock.map((part) => String(part).padStart(2, '0'));
  const days = Math.floor(seconds / 86_400);
  return days > 0 ? `${days} d ${hours}:${rest.join(':')}` : `${clock[0]}:${rest.join(':')}`;
}

/** `1 frame`, `2 frames` */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

function groupDigits(whole: number): string {
  return String(whole).replace(/\B(?=(\d{3})+$)/g, ' ');
}

/** Three significant digits, and the unit behind them. */
function scaled(value: number, units: readonly string[]): string {
  let unit = 0;
  let rest = value / 1000;
  // 999.5 would be written as 1000 of this unit.
  while (rest >= 999.5 && unit < units.length - 1) {
    rest /= 1000;
    unit++;
  }
  return `${rest >= 99.95 ? rest.toFixed(0) : rest >= 9.995 ? rest.toFixed(1) : rest.toFixed(2)} ${units[unit]}`;
}

const COUNT_UNITS = ['k', 'M', 'G', 'T', 'P'];
const BYTE_UNITS = ['kB', 'MB', 'GB', 'TB', 'PB'];
