/**
 * Returns a value of the contract in the form of JSON: an integer of 64 bits becomes a number, or a text
 * where a number cannot represent it; a bound that does not exist (infinity) is left out.
 */
export function jsonValues(value: unknown): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : String(value);
  }
  if (Array.isArray(value)) return value.map(jsonValues);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== Infinity && each !== -Infinity)
      .map(([key, each]) => [key, jsonValues(each)]),
  );
}
