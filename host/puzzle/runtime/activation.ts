/**
 * Whether an instance is the one that sits in its seat. While a change is prepared the coming instance has a context
 * already and may not act yet; one that was retired may not act any more.
 */
export interface ActivationFlag {
  isActive: boolean;
}
