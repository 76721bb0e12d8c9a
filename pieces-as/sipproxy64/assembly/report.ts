// The status for the user: which networks are there, and how much there is to do.

import { Health, Outcome, Status } from 'funnel-tunnel/as';
import { Configuration } from './configuration';
import { Dialogs } from './dialogs';
import { Edges } from './edges';
import { Registrations } from './registrations';

/** Numbers change with each call, so they are reported once a second at most. */
@inline const INTERVAL_MS: f64 = 1000;

export abstract class Report {
  private static readonly status: Status = new Status();
  private static joined: i32 = -1;
  private static calls: i32 = 0;
  private static registrations: i32 = 0;
  private static at: f64 = -Infinity;

  static start(): void {
    Report.joined = -1;
    Report.at = -Infinity;
  }

  /** Reports if something has changed since the last report. Called at the end of each call. */
  static update(now: f64, out: Outcome): void {
    const joined =
      (hasSip(4) ? 1 : 0) |
      (hasSip(6) ? 2 : 0) |
      (Edges.media(4) >= 0 ? 4 : 0) |
      (Edges.media(6) >= 0 ? 8 : 0);
    if (joined == Report.joined) {
      if (Dialogs.count == Report.calls && Registrations.count == Report.registrations) return;
      if (now - Report.at < INTERVAL_MS) return out.wakeAt(Report.at + INTERVAL_MS);
    }
    Report.joined = joined;
    Report.calls = Dialogs.count;
    Report.registrations = Registrations.count;
    Report.at = now;
    const status = Report.status;
    if (!hasSip(4)) status.begin(Health.Pending, 'waits for a network on its Edge ipv4');
    else if (!hasSip(6)) status.begin(Health.Pending, 'waits for a network on its Edge ipv6');
    else if (Edges.media(4) < 0 || Edges.media(6) < 0)
      status.begin(Health.Impaired, 'has no network for media on one of its Edges');
    else status.begin(Health.Good, 'relays between the phones of IPv4 and those of IPv6');
    status.fact('port').unsigned(Configuration.port);
    status.fact('calls').unsigned(Report.calls);
    status.fact('registrations').unsigned(Report.registrations);
    status.report();
  }
}

/** Whether phones of this family can reach us, by datagrams or by streams. */
function hasSip(family: u32): bool {
  return Edges.sip(family) >= 0 || Edges.stream(family) >= 0;
}
