import { isIP } from 'node:net';
import type { Kind } from '../../../abi/host/contract.ts';

/** A value that is not of its setting's kind. */
export interface Unfit {
  /** The wanted kind of value, such as "a number". */
  readonly wanted: string;
  readonly hint: string;
}

/**
 * Returns the text that a piece receives: decimal numbers, `true` and `false`, durations as a whole number
 * and a unit.
 *
 * `written` is the spelling in the configuration, where it has a text: `1.10` as a text is not `1.1`.
 */
export function canonicalValue(
  kind: Kind,
  value: string | number | boolean,
  written?: string,
): string | Unfit {
  const text = typeof value === 'string' ? value : (written ?? String(value));
  switch (kind) {
    case 'text':
    case 'secret':
      return text;
    case 'number':
      return canonicalNumber(value);
    case 'boolean':
      if (value === true || value === 'true') return 'true';
      if (value === false || value === 'false') return 'false';
      return {
        wanted: 'true or false',
        hint: YES_NO.test(text)
          ? `write ${/^(yes|on|y|1)$/i.test(text) ? 'true' : 'false'}`
          : 'write true or false',
      };
    case 'duration':
      return canonicalDuration(text.trim());
    case 'address':
      return isAddress(text)
        ? text
        : {
            wanted: 'an IPv4 or IPv6 address',
            hint: 'write for instance `192.0.2.1`, `2001:db8::1` or `10.0.0.0/8`',
          };
  }
}

/** Milliseconds of a duration; undefined where the value is not one. */
export function millisecondsOf(value: string | number): number | undefined {
  const canonical = canonicalDuration(String(value).trim());
  if (typeof canonical !== 'string') return undefined;
  const unit = /[a-z]+$/.exec(canonical)![0];
  return Number.parseInt(canonical, 10) * UNIT_MS[unit]!;
}

function canonicalNumber(value: string | number | boolean): string | Unfit {
  const number = typeof value === 'string' && DECIMAL.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number))
    return { wanted: 'a number', hint: 'write it in decimal digits' };
  if (Number.isInteger(number) && !Number.isSafeInteger(number)) {
    return { wanted: 'a number that can be represented exactly', hint: `at most ${Number.MAX_SAFE_INTEGER}` };
  }
  const text = String(Object.is(number, -0) ? 0 : number);
  return DECIMAL.test(text)
    ? text
    : { wanted: 'a number in decimal digits', hint: 'a number this small or large has no plain form' };
}

function canonicalDuration(text: string): string | Unfit {
  const unfit = { wanted: 'a duration', hint: 'write a number with a unit: `500ms`, `30s`, `5m` or `2h`' };
  const parts = /^(\d{1,12}(?:\.\d{1,6})?) ?(ms|s|m|h)?$/.exec(text);
  if (parts === null) return unfit;
  const [, amount, unit = 's'] = parts;
  if (!amount!.includes('.')) return `${Number(amount)}${unit}`;
  const milliseconds = Number((Number(amount) * UNIT_MS[unit]!).toFixed(6));
  if (!Number.isSafeInteger(milliseconds))
    return { wanted: 'a duration of whole milliseconds', hint: unfit.hint };
  return `${milliseconds}ms`;
}

/** An IP address, alone, with a prefix length, or with a port. */
function isAddress(text: string): boolean {
  const prefixed = /^([^/]+)\/(\d{1,3})$/.exec(text);
  if (prefixed !== null) {
    const version = isIP(prefixed[1]!);
    return version !== 0 && Number(prefixed[2]) <= (version === 4 ? 32 : 128);
  }
  const ported = /^(?:([\d.]+)|\[([\da-fA-F:.]+)\]):(\d{1,5})$/.exec(text);
  if (ported !== null)
    return isIP(ported[1] ?? ported[2]!) === (ported[1] === undefined ? 6 : 4) && Number(ported[3]) <= 65_535;
  return isIP(text) !== 0 && !text.includes('%');
}

const DECIMAL = /^-?\d+(\.\d+)?$/;
const YES_NO = /^(yes|no|on|off|y|n|0|1)$/i;
const UNIT_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
