import { hostListen, hostLog, hostOffer, hostRandom, hostUnlisten, hostUtc, ValueCase } from './generated';
import { Line } from './line';
import { Text, writeUtf8 } from './text';

const TEXT_BYTES: i32 = 2048;
const firstText: usize = memory.data(TEXT_BYTES);
const secondText: usize = memory.data(TEXT_BYTES);
const result: usize = memory.data(24, 8);

/** Tells the user something; `level` is a `Level`. To put numbers into it, see `Line`. */
export function log(level: i32, message: string): void {
  hostLog(level, <i32>firstText, writeUtf8(firstText, TEXT_BYTES, message));
}

/** 64 random bits, fit for keys. */
export function random(): u64 {
  return <u64>hostRandom();
}

/** UTC, in whole seconds since 1970. */
export function utcSeconds(): u64 {
  hostUtc(<i32>result);
  return load<u64>(result);
}

/**
 * Adds a Shape to a joined Edge, in the manner of the described Shape `like`. Returns its number, or -1 when that could not be;
 * `listenProblem` then says why.
 */
export function listen(edge: u16, like: u16, stack: string): i32 {
  return listenOn(edge, like, firstText, writeUtf8(firstText, TEXT_BYTES, stack));
}

/** The same, with a stack that was put together. */
export function listenLine(edge: u16, like: u16, stack: Line): i32 {
  return listenOn(edge, like, stack.address, stack.length);
}

/** Why the last `listen` could not be. Good until the call ends. */
export function listenProblem(): Text {
  return changetype<Text>(result + 16);
}

/** Takes back what `listen` added. */
export function unlisten(edge: u16, shape: u16): void {
  hostUnlisten(edge, shape);
}

/** Makes something available on an Edge (`present`), or available no more. */
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

/** The same, with a text that was put together. */
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
