import { FunnelError } from '../../stack/funnel-error.ts';

/**
 * The refusal of a component. No code of the component has run. The message says what is wrong, where, and
 * what to do.
 */
export class ComponentError extends FunnelError {
  declare readonly code: ComponentErrorCode;
  /** The offset in the file at which the mistake was found, if there is one. */
  readonly offset: number | undefined;

  constructor(code: ComponentErrorCode, message: string, options?: ErrorOptions & { offset?: number }) {
    super(code, message, options);
    this.name = 'ComponentError';
    this.offset = options?.offset;
  }
}

/** The reasons to refuse a component. */
export type ComponentErrorCode =
  /** The file could not be read. */
  | 'FT_COMPONENT_READ'
  /** The file, or something counted in it, is larger than the limits allow. */
  | 'FT_COMPONENT_TOO_LARGE'
  /** The file is small enough, but its examination needs too much time or memory. */
  | 'FT_COMPONENT_COSTLY'
  /** The bytes are not a valid component; the message names the byte. */
  | 'FT_COMPONENT_INVALID'
  /** The component wants an import that it was not granted, or that does not exist. */
  | 'FT_COMPONENT_IMPORT'
  /** An export of the contract is missing, or differs from the contract. */
  | 'FT_COMPONENT_EXPORT'
  /** A memory or table begins larger than the cap. */
  | 'FT_COMPONENT_MEMORY'
  /** The component uses a feature that this host does not run. */
  | 'FT_COMPONENT_UNSUPPORTED';
