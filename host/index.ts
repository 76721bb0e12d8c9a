/**
 * The embedding API of the Funnel Tunnel: open a Funnel by its configuration, watch it, close it, and give it
 * pieces of your own.
 */

export type {
  Curve,
  Edge,
  Joining,
  Piece as Description,
  Problem,
  Property,
  Reason,
  Setting,
  Shape,
} from '../abi/host/contract.ts';
export { askFunnel } from './daemon/control-client.ts';
export type { Method as ControlMethod } from './daemon/control-protocol.ts';
export { controlJsonSchema } from './daemon/control-schema.ts';
export { ControlServer } from './daemon/control-server.ts';
export { controlServiceOf } from './daemon/control-service.ts';
export { findControl } from './daemon/find-control.ts';
export type { NativePiece } from './endpoint/catalogue.ts';
export { ComponentError } from './engine/wasm/component-error.ts';
export { Frames } from './frame/frames.ts';
export { Inbox } from './piece/inbox.ts';
export { Outbox } from './piece/outbox.ts';
export type { LogLevel, Piece, PieceContext } from './piece/piece.ts';
export { PieceBase } from './piece/piece-base.ts';
export { PieceFault } from './piece/piece-fault.ts';
export type { CheckedConfiguration, PolicyOptions } from './policy/check/check-configuration.ts';
export { checkConfiguration } from './policy/check/check-configuration.ts';
export type { ConfigurationMistake } from './policy/configuration/configuration-error.ts';
export { ConfigurationError, formatMistake } from './policy/configuration/configuration-error.ts';
export type { ConfigurationObject } from './policy/configuration/configuration-schema.ts';
export { configurationJsonSchema } from './policy/configuration/configuration-schema.ts';
export type {
  ApplyOptions,
  ChangedEvent,
  Difference,
  EdgeSnapshot,
  FunnelEvent,
  FunnelEvents,
  FunnelOptions,
  FunnelSocketOptions,
  LaneSnapshot,
  PieceSnapshot,
  ReasonSnapshot,
  RecoveredEvent,
} from './policy/funnel.ts';
export { Funnel, openFunnel } from './policy/funnel.ts';
export { FunnelError } from './stack/funnel-error.ts';
export { Protocols } from './stack/protocols.ts';
