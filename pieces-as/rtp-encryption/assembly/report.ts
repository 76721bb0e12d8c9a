// The status for the user: whether the Edges are joined, how many calls there are, and what is not protected.

import { Health, Outcome, Status } from 'funnel-tunnel/as';
import { Configuration, Policy } from './configuration';
import { Dialogs } from './dialogs';
import { Dtls } from './dtls';
import { Mode } from './lines';
import { maySendKeys, Tally } from './negotiation';
import { PLAIN, PROTECTED, Sides } from './sides';

/** Numbers change with each call, so they are reported once a second at most. */
const INTERVAL_MS: f64 = 1000;

export abstract class Report {
  private static readonly status: Status = new Status();
  private static said: u64 = 0;
  private static at: f64 = -Infinity;

  static start(): void {
    Report.said = u64.MAX_VALUE;
    Report.at = -Infinity;
  }

  /** Reports if something has changed since the last report. Called at the end of each call. */
  static update(now: f64, out: Outcome): void {
    const plain = Sides.edge(PLAIN) >= 0;
    const carrier = Sides.edge(PROTECTED) >= 0;
    const says =
      <u64>plain |
      ((<u64>carrier) << 1) |
      ((<u64>Sides.isEncrypted) << 2) |
      ((<u64>Dialogs.count) << 3) |
      ((Tally.downgrades + Tally.withheld + Tally.changes + Dtls.failures) << 20);
    if (says == Report.said) return;
    if (now - Report.at < INTERVAL_MS && (says & 7) == (Report.said & 7))
      return out.wakeAt(Report.at + INTERVAL_MS);
    Report.said = says;
    Report.at = now;
    const status = Report.status;
    const needsNoKeys = Configuration.policy == Policy.never || !Configuration.takesSdes;
    const isSecret = needsNoKeys || Configuration.offersDtls || maySendKeys();
    if (!plain) status.begin(Health.Pending, 'waits for a network on its Edge plain');
    else if (!carrier) status.begin(Health.Pending, 'waits for a network on its Edge protected');
    else if (!isSecret)
      status.begin(
        Health.Impaired,
        'sends no keys, because the network of its Edge protected is not encrypted: see keys-in-clear',
      );
    else if (Configuration.policy == Policy.never)
      status.begin(Health.Impaired, 'lets media go in the clear');
    else if (!Sides.isEncrypted && Configuration.takesSdes && Configuration.keysInClear)
      status.begin(Health.Good, 'protects media; whoever reads the signalling has the keys (keys-in-clear)');
    else status.begin(Health.Good, 'protects media');
    status.fact('calls').unsigned(Dialogs.count);
    status.fact('protected').unsigned(Dialogs.linesIn(Mode.secured));
    status.fact('in-the-clear').unsigned(Dialogs.linesIn(Mode.clear));
    status.fact('downgrades').unsigned(Tally.downgrades);
    status.fact('keys-withheld').unsigned(Tally.withheld);
    if (Configuration.takesDtls) status.fact('failed-handshakes').unsigned(Dtls.failures);
    status.report();
  }
}
