// The status for the user: whether the sites are joined, and how many records each side has.

import { Health, Status } from 'funnel-tunnel/as';
import { Far } from './far';
import { Lan } from './lan';

export abstract class Report {
  private static readonly status: Status = new Status();
  private static said: i64 = -1;

  static start(): void {
    Report.said = -1;
  }

  /** Reports if something has changed since the last report. Called at the end of each call. */
  static update(isTogether: bool, here: i32, far: i32, isFull: bool): void {
    const says =
      ((<i64>here) << 24) |
      ((<i64>far) << 4) |
      (Lan.edge >= 0 ? 1 : 0) |
      (Far.edge >= 0 ? 2 : 0) |
      (isTogether ? 4 : 0) |
      (isFull ? 8 : 0);
    if (says == Report.said) return;
    Report.said = says;
    const status = Report.status;
    if (Lan.edge < 0) status.begin(Health.Pending, 'waits for a network on its Edge lan');
    else if (Far.edge < 0) status.begin(Health.Pending, 'waits for a network on its Edge far');
    else if (!isTogether) status.begin(Health.Pending, 'waits for a message of the other site');
    else if (isFull) status.begin(Health.Impaired, 'has no room for more records');
    else status.begin(Health.Good, 'carries the changes of records between the sites');
    status.fact('records-here').unsigned(here);
    status.fact('records-far').unsigned(far);
    status.report();
  }
}
