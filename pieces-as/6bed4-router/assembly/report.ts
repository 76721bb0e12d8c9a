// The status for the user: the address and prefix of the router, and how many peers it hears from.

import { Health, Status } from 'funnel-tunnel/as';
import { store64 } from 'funnel-tunnel/as/views/bytes';
import { Outer } from '../../6bed4/assembly/carrier';
import { Configuration } from './configuration';
import { Peers } from './peers';

/** Least time between two looks at all peers. */
@inline const LOOK_MS: f64 = 5000;

const prefix: usize = memory.data(16, 8);

export abstract class Report {
  private static status: Status = new Status();
  private static said: u64 = u64.MAX_VALUE;
  private static lookAt: f64 = -Infinity;
  private static peers: u32 = 0;
  private static lostMarks: u32 = 0;

  /** Reports if something has changed since the last report. Called at the end of each call. */
  static update(now: f64, carrier: i32, native: i32): void {
    if (now >= Report.lookAt) {
      Report.lookAt = now + LOOK_MS;
      Report.peers = Peers.count(now);
      Report.lostMarks = Outer.lostMarks;
    }
    const says =
      <u64>(carrier >= 0 ? 1 : 0) |
      ((<u64>(native >= 0 ? 1 : 0)) << 1) |
      ((<u64>Report.peers) << 2) |
      ((<u64>Report.lostMarks) << 32);
    if (says == Report.said) return;
    Report.said = says;
    const status = Report.status;
    if (carrier < 0) status.begin(Health.Pending, 'waits for a network on its Edge carrier');
    else if (native < 0) status.begin(Health.Good, 'relays between peers, without a native network');
    else status.begin(Health.Good, 'relays between peers and the native network');
    const address = status.fact('address').ipv4(Configuration.v4);
    address.text(':').unsigned(Configuration.port);
    store64(prefix, Configuration.top);
    store64(prefix + 8, 0);
    status.fact('prefix').ipv6(prefix).text('/64');
    status.fact('peers').unsigned(Report.peers);
    if (Report.lostMarks > 0) status.fact('lost-congestion-marks').unsigned(Report.lostMarks);
    status.report();
  }

  /** When the router looks again without a frame: while there are peers that may go. */
  static nextAt(): f64 {
    return Report.peers > 0 ? Report.lookAt : Infinity;
  }
}
