// The status for the user: whether there is an address, whether the router answers, and how peers are
// reached.

import { Health, Line, Status } from 'funnel-tunnel/as';
import { store64 } from 'funnel-tunnel/as/views/bytes';
import { endpointPort, endpointV4 } from './address';
import { Outer } from './carrier';
import { Configuration } from './configuration';
import { Connection } from './connection';
import { Listener } from './listener';
import { Maintenance } from './maintenance';
import { NeighbourCounts } from './neighbour-cache';

/**
 * Solicitations without an answer, after 1, 3, 7 and 15 s: the first ones may cross a network that comes up.
 */
@inline const TOO_MANY_UNANSWERED: u32 = 4;
/** Least time between two looks at all neighbours. */
@inline const LOOK_MS: f64 = 1000;

const address: usize = memory.data(16, 8);

export abstract class Report {
  private static status: Status = new Status();
  private static lookAt: f64 = -Infinity;
  /** The contents of the last report, as numbers. */
  private static said: u64 = u64.MAX_VALUE;
  private static saidTop: u64 = 0;
  private static saidLower: u64 = 0;
  private static saidLostMarks: u32 = 0;
  private static lostMarksAt: f64 = -Infinity;

  /** Reports if something has changed since the last report. Called at the end of each call. */
  static update(now: f64): void {
    if (now >= Report.lookAt) {
      Report.lookAt = now + LOOK_MS;
      NeighbourCounts.take();
    }
    const isSilent = Maintenance.unanswered >= TOO_MANY_UNANSWERED;
    const says =
      <u64>(Listener.isOpen ? 1 : 0) |
      ((<u64>(Connection.isUp ? 1 : 0)) << 1) |
      ((<u64>(isSilent ? 1 : 0)) << 2) |
      ((<u64>NeighbourCounts.direct) << 8) |
      ((<u64>NeighbourCounts.relayed) << 32);
    if (Outer.lostMarks != Report.saidLostMarks && now >= Report.lostMarksAt) {
      Report.lostMarksAt = now + LOOK_MS;
      Report.saidLostMarks = Outer.lostMarks;
      Report.said = u64.MAX_VALUE;
    }
    if (says == Report.said && Report.saidTop == Connection.top && Report.saidLower == Connection.peer)
      return;
    Report.said = says;
    Report.saidTop = Connection.top;
    Report.saidLower = Connection.peer;
    Report.report(isSilent);
  }

  private static report(isSilent: bool): void {
    const status = Report.status;
    if (!Listener.isOpen) status.begin(Health.Pending, 'waits for a UDP port on the carrier');
    else if (!Connection.isUp) {
      if (isSilent) status.begin(Health.Failed, 'has no IPv6 address, because the router does not answer');
      else status.begin(Health.Pending, 'has no IPv6 address yet, and waits for the router');
    } else if (isSilent) status.begin(Health.Impaired, 'has an IPv6 address, but the router does not answer');
    else status.begin(Health.Good, 'has an IPv6 address');
    if (Connection.isUp) {
      store64(address, Connection.top);
      store64(address + 8, Connection.lower);
      status.fact('address').ipv6(address);
    }
    Report.router(status.fact('router'));
    if (Listener.isOpen)
      status.fact('router-state').text(isSilent ? 'silent' : Connection.isUp ? 'reachable' : 'asked');
    if (Connection.isUp) {
      status.fact('peers-direct').unsigned(NeighbourCounts.direct);
      status.fact('peers-relayed').unsigned(NeighbourCounts.relayed);
    }
    if (Outer.lostMarks > 0) status.fact('lost-congestion-marks').unsigned(Outer.lostMarks);
    status.report();
  }

  private static router(line: Line): void {
    line.ipv4(endpointV4(Configuration.router)).text(':').unsigned(endpointPort(Configuration.router));
  }
}
