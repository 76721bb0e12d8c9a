// The status for the user: whether the sites are joined, and which service cannot be had.

import { Health, Status } from 'funnel-tunnel/as';
import { Configuration } from './configuration';
import { Far } from './far';
import { Local } from './local';

/** The place of a service port that could not be opened, in `Local.serviceShapes`. */
@inline const REFUSED: i32 = -2;

export abstract class Report {
  private static readonly status: Status = new Status();
  private static said: i32 = -1;

  static start(): void {
    Report.said = -1;
  }

  /** Reports if something has changed since the last report. Called at the end of each call. */
  static update(): void {
    let refused: u32 = 0;
    for (let i = 0; i < Configuration.serviceCount; i++)
      if (Local.serviceShapes[i] == REFUSED) refused = Configuration.services[i];
    const says =
      (Local.edge >= 0 ? 1 : 0) | (Far.edge >= 0 ? 2 : 0) | (Far.isKnown ? 4 : 0) | <i32>(refused << 3);
    if (says == Report.said) return;
    Report.said = says;
    const status = Report.status;
    if (Local.edge < 0) status.begin(Health.Pending, 'waits for a network on its Edge local');
    else if (Far.edge < 0) status.begin(Health.Pending, 'waits for a network on its Edge far');
    else if (refused != 0) status.begin(Health.Impaired, 'the port of a service cannot be opened');
    else if (!Far.isKnown) status.begin(Health.Pending, 'waits for a message of the other site');
    else status.begin(Health.Good, 'carries datagrams between the sites');
    if (refused != 0) status.fact('refused-port').unsigned(refused);
    if (Configuration.serviceCount > 0) {
      const services = status.fact('services');
      for (let i = 0; i < Configuration.serviceCount; i++) {
        if (i > 0) services.text(' ');
        services.unsigned(Configuration.services[i]);
      }
    }
    status.report();
  }
}
