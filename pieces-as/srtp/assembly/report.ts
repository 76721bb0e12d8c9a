// The status for the user: whether the Edges are joined, and whether the keys of the two sides agree.

import { edgeOf, Health, Status } from 'funnel-tunnel/as';
import { Receiver } from './receiver';
import { Suite } from './suite';

export abstract class Report {
  private static readonly status: Status = new Status();
  private static said: i32 = -1;

  static start(): void {
    Report.said = -1;
  }

  /** Reports if something has changed since the last report. Called at the end of each call. */
  static update(suite: Suite, receiver: Receiver): void {
    const plain = edgeOf(0) >= 0;
    const carrier = edgeOf(1) >= 0;
    const isHeard = receiver.streams.used > 0;
    const says =
      <i32>plain | ((<i32>carrier) << 1) | ((<i32>isHeard) << 2) | ((<i32>receiver.hasForged) << 3);
    if (says == Report.said) return;
    Report.said = says;
    const status = Report.status;
    if (!plain) status.begin(Health.Pending, 'waits for a network on its Edge plain');
    else if (!carrier) status.begin(Health.Pending, 'waits for a network on its Edge protected');
    else if (isHeard) status.begin(Health.Good, 'protects RTP and RTCP');
    else if (receiver.hasForged)
      status.begin(Health.Impaired, 'no packet has a right tag: compare the keys of the two sides');
    else status.begin(Health.Good, 'protects RTP and RTCP, and has heard nothing of the other side');
    status.fact('suite').text(suite.name);
    status.report();
  }
}
