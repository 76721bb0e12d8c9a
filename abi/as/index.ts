// The piece author's SDK: `import { … } from 'funnel-tunnel/as'`.

export { arenaStart, Batch, Frame, Part } from './batch';
export { deriveKey, dropKey, importKey, keyProblem, Tasks, writeKeystream } from './crypto';
export { CurveDescription, Description, EdgeDescription, SettingDescription } from './description';
export { describedEdge, edgeOf, isJoined, joinedCount, joinedEdge, joinedShape } from './edges';
export { FragmentTable } from './fragment-table';
export {
  Algorithm,
  Digest,
  Direction,
  Health,
  JoiningRecord as Joining,
  Kind,
  Level,
  MAX_FRAMES_IN,
  PartMarks,
  Party,
  PROPERTY_SIZE,
  PropertyRecord as Property,
  Reach,
  Role,
  Stage,
  TaskRecord as Task,
  ValueCase,
  Wish,
} from './generated';
export { HeldFrames } from './held-frames';
export {
  listen,
  listenLine,
  listenProblem,
  log,
  offer,
  offerBound,
  offerLine,
  offerText,
  random,
  unlisten,
  utcSeconds,
} from './host';
export { KeyedHash } from './keyed-hash';
export { Line } from './line';
export { room, shrinkRoom } from './memory';
export { Outcome } from './outcome';
export { Piece } from './piece';
export { protocolNumber } from './runtime';
export { parseDuration, parseIpv4, Settings } from './settings';
export { STATE_BYTES, State } from './state';
export { Status } from './status';
export { List, Text, writeUtf8 } from './text';
export { TextEdit } from './text-edit';
export { Tls, Trusted } from './tls';
