/** The option of each command that calls a running Funnel. */
export interface ControlOption {
  /** The path of its control socket; absent to search for one. */
  readonly control?: string;
}
