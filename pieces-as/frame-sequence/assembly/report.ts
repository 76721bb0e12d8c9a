// The status for the user: whether there is another side, and which.

import { Health, Status } from 'funnel-tunnel/as';
import { Carrier } from './carrier';
import { Configuration, Mode } from './configuration';
import { Connection } from './connection';
import { Delivery } from './delivery';
import { Endpoint } from './endpoint';

export abstract class Report {
  private static readonly status: Status = new Status();
  private static said: i32 = -1;
  /** The other side in the last report. */
  private static readonly named: Endpoint = new Endpoint();

  static start(): void {
    Report.said = -1;
  }

  /** Reports if something has changed since the last report. Called at the end of each call. */
  static update(): void {
    const says = (Carrier.edge >= 0 ? 1 : 0) | (Delivery.edge >= 0 ? 2 : 0) | (Connection.isOpen ? 4 : 0);
    if (says == Report.said && Report.named.equals(Connection.remote)) return;
    Report.said = says;
    Report.named.copy(Connection.remote);
    const status = Report.status;
    if (Carrier.edge < 0) status.begin(Health.Pending, 'waits for a network on its Edge carrier');
    else if (Delivery.edge < 0) status.begin(Health.Pending, 'waits for a network on its Edge frames');
    else if (Connection.isOpen) status.begin(Health.Good, 'carries frames to the other side');
    else if (Configuration.hasRemote) status.begin(Health.Pending, 'opens the stream to the other side');
    else if (Configuration.mode == Mode.stream)
      status.begin(Health.Pending, 'waits for the other side to open the stream');
    else status.begin(Health.Pending, 'waits for a message of the other side');
    if (Connection.isOpen) Report.named.write(status.fact('remote'));
    status.report();
  }
}
