import type { FailureHooks } from '../runtime/failures.ts';
import type { LaneState } from '../runtime/lane-state.ts';
import type { ListenPropagation } from '../runtime/listen-propagation.ts';
import type { Overload } from '../runtime/overload.ts';
import type { PropertyUpdates } from '../runtime/property-updates.ts';
import type { Services } from '../runtime/services.ts';

/** The parts of a lane that a change works on. */
export interface LaneParts {
  readonly laneState: LaneState;
  readonly listenPropagation: ListenPropagation;
  readonly overload: Overload;
  readonly services: Services;
  readonly propertyUpdates: PropertyUpdates;
  readonly onRestore: FailureHooks['onRestore'];
}
