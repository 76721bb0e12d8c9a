import { hostListen, hostLog, hostOffer, hostRandom, hostUnlisten, hostUtc, ValueCase } from './generated';
import { Line } from './line';
import { Text, writeUtf8 } from './text';

const TEXT_BYTES: i32 = 2048;
const firstText: usize = memory.data(TEXT_BYTES);
const secondText: usize = memory.data(TEXT_BYTES);
const result: usize = memory.data(24, 8);

/** Logs a message for the user; `level` is a `Level`. `Line` makes messages with numbers in them. */
export function log(level: i32, message: string): void {
  hostLog(level, <i32>firstText, writeUtf8(firstText, TEXT_BYTES, message));
}

/** Returns 64 random bits, fit for keys. */
export function random(): u64 {
  return <u64>hostRandom();
}

/** Returns UTC, in whole seconds since 1970. */
export function utcSeconds(): u64 {
  hostUtc(<i32>result);
  return load<u64>(result);
}

/**
 * Adds a Shape like the described Shape `like` to a joined Edge. Returns its number, or -1 if it could not be
 * opened; `listenProblem` then says why.
 */
export function listen(edge: u16, like: u16, stack: string): i32 {
  return listenOn(edge, like, firstText, writeUtf8(firstText, TEXT_BYTES, stack));
}

/** The same, with a stack in a `Line`. */
export function listenLine(edge: u16, like: u16, stack: Line): i32 {
  return listenOn(edge, like, stack.address, stack.length);
}

/** The problem of the last `listen` that returned -1. Good until the call ends. */
export function listenProblem(): Text {
  return changetype<Text>(result + 16);
}

/** Removes a Shape that `listen` added. */
export function unlisten(edge: u16, shape: u16): void {
  hostUnlisten(edge, shape);
}

/** Offers a property on an Edge (`present`), or withdraws the offer. */
export function offer(edge: u16, property: string, present: bool): void {
  const length = writeUtf8(firstText, TEXT_BYTES, property);
  hostOffer(edge, <i32>firstText, length, ValueCase.Yes, 0, 0, present ? 1 : 0);
}

/** The same, with a bound: `bound` is `ValueCase.AtLeast` or `ValueCase.AtMost`. */
export function offerBound(edge: u16, property: string, bound: i32, value: u64, present: bool): void {
  const length = writeUtf8(firstText, TEXT_BYTES, property);
  hostOffer(edge, <i32>firstText, length, bound, <i64>value, 0, present ? 1 : 0);
}

/** The same, with a text. */
export function offerText(edge: u16, property: string, text: string, present: bool): void {
  offerBytes(edge, property, secondText, writeUtf8(secondText, TEXT_BYTES, text), present);
}

/** The same, with a text in a `Line`. */
export function offerLine(edge: u16, property: string, text: Line, present: bool): void {
  offerBytes(edge, property, text.address, text.length, present);
}

function listenOn(edge: u16, like: u16, stack: usize, length: i32): i32 {
  hostListen(edge, like, <i32>stack, length, <i32>result);
  // result<u16, problem>: the number, or a problem whose message stands behind its setting.
  return load<u8>(result) == 0 ? <i32>load<u16>(result + 4) : -1;
}

function offerBytes(edge: u16, property: string, text: usize, textLength: i32, present: bool): void {
  const length = writeUtf8(firstText, TEXT_BYTES, property);
  hostOffer(edge, <i32>firstText, length, ValueCase.Text, <i64>text, textLength, present ? 1 : 0);
}
