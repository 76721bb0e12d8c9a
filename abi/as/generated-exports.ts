// Generated from wit/funnel.wit by tools/generate-abi.mjs. Do not edit.

import { onAccepts, onDescribe, onJoin, onLeave, onListening, onProcess, onReady, onRestore, onReturned, onSave, onStart } from './runtime';
import { JoiningRecord } from './generated';
export { cabi_realloc } from './memory';

export function export_describe(a0: i32, a1: i32): usize {
  return onDescribe(<usize>a0, a1);
}

export function post_describe(result: usize): void {
  onReturned();
}

export function export_start(a0: f64, a1: i32, a2: i32, a3: i32, a4: i32): usize {
  return onStart(a0, <usize>a1, a2, <usize>a3, a4);
}

export function post_start(result: usize): void {
  onReturned();
}

const acceptsArgument: usize = memory.data(24, 4);

export function export_accepts(a0: i32, a1: i32, a2: i32, a3: i32, a4: i32, a5: i32, a6: i32): usize {
  store<u16>(acceptsArgument, <u16>a0, 0);
  store<u16>(acceptsArgument, <u16>a1, 2);
  store<u16>(acceptsArgument, <u16>a2, 4);
  store<i32>(acceptsArgument, a3, 8);
  store<i32>(acceptsArgument, a4, 12);
  store<i32>(acceptsArgument, a5, 16);
  store<i32>(acceptsArgument, a6, 20);
  return onAccepts(changetype<JoiningRecord>(acceptsArgument));
}

export function post_accepts(result: usize): void {
  onReturned();
}

const joinArgument: usize = memory.data(24, 4);

export function export_join(a0: i32, a1: i32, a2: i32, a3: i32, a4: i32, a5: i32, a6: i32): void {
  store<u16>(joinArgument, <u16>a0, 0);
  store<u16>(joinArgument, <u16>a1, 2);
  store<u16>(joinArgument, <u16>a2, 4);
  store<i32>(joinArgument, a3, 8);
  store<i32>(joinArgument, a4, 12);
  store<i32>(joinArgument, a5, 16);
  store<i32>(joinArgument, a6, 20);
  onJoin(changetype<JoiningRecord>(joinArgument));
}

export function export_leave(a0: i32, a1: i32): void {
  onLeave(<u16>a0, <u16>a1);
}

export function export_listening(a0: i32, a1: i32, a2: i32, a3: i32): usize {
  return onListening(<u16>a0, <usize>a1, a2, a3 != 0);
}

export function post_listening(result: usize): void {
  onReturned();
}

export function export_ready(a0: i32, a1: i32): void {
  onReady(<u16>a0, a1 != 0);
}

export function export_save(a0: f64): usize {
  return onSave(a0);
}

export function post_save(result: usize): void {
  onReturned();
}

export function export_restore(a0: f64, a1: i32, a2: i32, a3: i32, a4: i32): usize {
  return onRestore(a0, <usize>a1, a2, <usize>a3, a4);
}

export function post_restore(result: usize): void {
  onReturned();
}

export function export_process(a0: f64, a1: i32, a2: i32, a3: i32, a4: i32, a5: i32, a6: i32): usize {
  return onProcess(a0, <usize>a1, a2, <usize>a3, a4, <usize>a5, a6);
}

export function post_process(result: usize): void {
  onReturned();
}
