import { Batch } from './batch';
import { Description, newList, setText } from './description';
import { addJoined, removeJoined, touchEdges } from './edges';
import { JoiningRecord, PIECE_SIZE, PROBLEM_SIZE, ProblemRecord } from './generated';
import { emptyRegion } from './memory';
import { Outcome, touchTables } from './outcome';
import { Piece } from './piece';
import { Settings } from './settings';
import { State } from './state';
import { List, Text } from './text';

// Between the generated exports and the author's piece.

let installed: Piece | null = null;
let description: Description = new Description();
let protocols: StaticArray<u16> = new StaticArray<u16>(0);
const batch = new Batch();
const outcome = new Outcome();
const state = new State();
// Room for every result but an outcome: a discriminant and the largest value that may follow it.
const result: usize = memory.data(PIECE_SIZE + 8, 8);
const stackText: usize = memory.data(8, 4);

/** Sets the piece. The entry module of the build calls it. */
export function install(piece: Piece): void {
  installed = piece;
}

/**
 * The host's number of a protocol that the piece described; 0 if the host does not know it. Not for the frame
 * path.
 */
export function protocolNumber(name: string): u16 {
  const i = description.protocols.indexOf(name);
  return i < 0 || i >= protocols.length ? 0 : protocols[i];
}

export function onDescribe(settingsAt: usize, count: i32): usize {
  const settings = describeWith(settingsAt, count, false);
  clearResult();
  if (settings.hasProblems) return problems(settings);
  description.writeTo(result + 4);
  return result;
}

export function onStart(
  now: f64,
  settingsAt: usize,
  count: i32,
  protocolsAt: usize,
  protocolCount: i32,
): usize {
  const settings = describeWith(settingsAt, count, true);
  // `start` does not delay frames, but joins and calls do. So the first touch of this memory happens here.
  touchEdges();
  touchTables();
  protocols = new StaticArray<u16>(protocolCount);
  for (let i = 0; i < protocolCount; i++) protocols[i] = load<u16>(protocolsAt + i * 2);
  if (!settings.hasProblems) piece().start(now, settings);
  clearResult();
  return settings.hasProblems ? problems(settings) : result;
}

export function onAccepts(joining: JoiningRecord): usize {
  return problem(piece().accepts(joining));
}

export function onJoin(joining: JoiningRecord): void {
  if (!addJoined(joining.edge, joining.shape, joining.described)) unreachable();
  piece().join(joining);
  emptyRegion();
}

export function onLeave(edge: u16, shape: u16): void {
  removeJoined(edge, shape);
  piece().leave(edge, shape);
  emptyRegion();
}

export function onListening(edge: u16, stackAt: usize, stackLength: i32, present: bool): usize {
  const stack = changetype<Text>(stackText);
  stack.address = stackAt;
  stack.length = stackLength;
  return problem(piece().listening(edge, stack, present));
}

export function onReady(edge: u16, ready: bool): void {
  piece().ready(edge, ready);
  emptyRegion();
}

export function onSave(now: f64): usize {
  state.openSave(now);
  piece().state(state);
  const saved = changetype<List>(result);
  saved.address = state.savedAt;
  saved.length = state.savedLength;
  return result;
}

export function onRestore(
  now: f64,
  versionAt: usize,
  versionLength: i32,
  stateAt: usize,
  stateLength: i32,
): usize {
  state.openRestore(now, String.UTF8.decodeUnsafe(versionAt, versionLength), stateAt, stateLength);
  piece().state(state);
  return problem(state.closeRestore());
}

export function onProcess(
  now: f64,
  framesAt: usize,
  frames: i32,
  partsAt: usize,
  parts: i32,
  arenaAt: usize,
  arena: i32,
): usize {
  batch.open(framesAt, frames, partsAt, arenaAt);
  outcome.open();
  piece().process(now, batch, outcome);
  return outcome.close(now);
}

export function onReturned(): void {
  emptyRegion();
}

// @ts-ignore: decorator
@inline
function piece(): Piece {
  return changetype<Piece>(changetype<usize>(installed));
}

function describeWith(settingsAt: usize, count: i32, isStart: bool): Settings {
  description = new Description();
  const settings = new Settings(description);
  settings.read(settingsAt, count);
  piece().describe(description, settings);
  settings.check(isStart);
  return settings;
}

function clearResult(): void {
  memory.fill(result, 0, PIECE_SIZE + 8);
}

function problems(settings: Settings): usize {
  store<u8>(result, 1);
  const count = settings.problemMessages.length;
  let to = newList(changetype<List>(result + 4), count, PROBLEM_SIZE);
  for (let i = 0; i < count; i++, to += PROBLEM_SIZE) {
    writeProblem(changetype<ProblemRecord>(to), settings.problemSettings[i], settings.problemMessages[i]);
  }
  return result;
}

function problem(message: string | null): usize {
  clearResult();
  if (message !== null) {
    store<u8>(result, 1);
    writeProblem(changetype<ProblemRecord>(result + 4), '', message);
  }
  return result;
}

function writeProblem(problem: ProblemRecord, setting: string, message: string): void {
  problem.hasSetting = setting.length > 0;
  if (setting.length > 0) setText(problem.setting, setting);
  setText(problem.message, message);
}
