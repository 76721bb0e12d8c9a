/**
 * Whether an instance is the one in its seat. While a change is prepared, the new instance already has a
 * context but may not act yet; a retired instance may no longer act.
 */
export interface ActivationFlag {
  isActive: boolean;
}
