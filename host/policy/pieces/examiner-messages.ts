import type { Piece as Description, Problem } from '../../../abi/host/contract.ts';
import type { Limits } from '../../engine/component/limits.ts';
import type { Inspection } from '../../engine/inspect-component.ts';
import type { Grant, PortableComponent } from '../../engine/load-component.ts';
import { ComponentError, type ComponentErrorCode } from '../../engine/wasm/component-error.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import type { SettingPairs } from '../configuration/check-settings.ts';

/** The requests to the examiner's thread, by kind. */
export interface ExaminerRequests {
  /** Reads a file, and admits it unless its digest is among those that are known. */
  readonly admit: {
    readonly order: FileOrder & { readonly terms: ExaminerTerms; readonly known: readonly string[] };
    readonly result: { readonly sha256: string; readonly component?: PortableComponent };
  };
  /** Reads a file, and inspects it with each of these terms. */
  readonly inspect: {
    readonly order: FileOrder & { readonly terms: readonly ExaminerTerms[] };
    readonly result: { readonly sha256: string; readonly inspections: readonly PortableInspection[] };
  };
  /** Calls `describe` of a component. */
  readonly describe: {
    readonly order: { readonly component: PortableComponent; readonly settings: SettingPairs };
    readonly result: Description | readonly Problem[];
  };
}

export type ExaminerRequestKind = keyof ExaminerRequests;

export type ExaminerRequest = {
  [K in ExaminerRequestKind]: { readonly kind: K; readonly order: ExaminerRequests[K]['order'] };
}[ExaminerRequestKind];

export type ExaminerReply = { readonly value: unknown } | { readonly error: PortableError };

/** A message of the examiner's thread: first its number in the system, then replies. */
export type ExaminerMessage = { readonly thread: number } | ExaminerReply;

export interface FileOrder {
  readonly file: string;
  readonly maxBytes: number;
}

export interface ExaminerTerms {
  readonly grants: readonly Grant[];
  readonly limits: Partial<Limits>;
}

/** An inspection whose refusals are values that a thread can receive. */
export type PortableInspection = Omit<Inspection, 'refusals'> & {
  readonly refusals: readonly PortableError[];
};

/** An error as a value that a thread can receive. */
export type PortableError =
  | {
      readonly kind: 'component';
      readonly code: ComponentErrorCode;
      readonly message: string;
      readonly offset?: number;
    }
  | { readonly kind: 'funnel'; readonly code: string; readonly message: string }
  | { readonly kind: 'internal'; readonly message: string; readonly stack?: string };

export function portableError(error: unknown): PortableError {
  if (error instanceof ComponentError) {
    const { code, message, offset } = error;
    return { kind: 'component', code, message, ...(offset === undefined ? {} : { offset }) };
  }
  if (error instanceof FunnelError) return { kind: 'funnel', code: error.code, message: error.message };
  // A map, an array or a text exceeds the limits of the engine, which the host's own values never do.
  if (error instanceof RangeError)
    return portableError(costly(`exceeds the limits of the engine (${error.message})`));
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return { kind: 'internal', message, ...(stack === undefined ? {} : { stack }) };
}

export function errorOf(error: PortableError): Error {
  switch (error.kind) {
    case 'component':
      return componentErrorOf(error);
    case 'funnel':
      return new FunnelError(error.code, error.message);
    case 'internal': {
      const internal = new Error(error.message);
      if (error.stack !== undefined) internal.stack = error.stack;
      return internal;
    }
  }
}

/** @throws errors that are not a refusal of a component. */
export function refusalOf(error: PortableError): ComponentError {
  if (error.kind !== 'component') throw errorOf(error);
  return componentErrorOf(error);
}

function componentErrorOf({ code, message, offset }: PortableError & { kind: 'component' }): ComponentError {
  return new ComponentError(code, message, offset === undefined ? {} : { offset });
}

/** The refusal of a component whose examination exceeds its bounds. */
export function costly(what: string): ComponentError {
  return new ComponentError(
    'FT_COMPONENT_COSTLY',
    `the examination of the component ${what}; no piece needs as much, so use another component`,
  );
}
