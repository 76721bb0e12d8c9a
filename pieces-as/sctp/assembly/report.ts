// The status for the user: whether the Edges are joined, and which associations there are.

import { Health, Line, Status } from 'funnel-tunnel/as';
import { Above } from './above';
import { Association, Associations } from './association';
import { Carrier } from './carrier';
import { Configuration } from './configuration';
import { AssociationState } from './constants';

/** The most associations whose peer is named. */
@inline const MOST_NAMED: i32 = 4;

export abstract class Report {
  private static readonly status: Status = new Status();
  private static said: u64 = u64.MAX_VALUE;

  static start(): void {
    Report.said = u64.MAX_VALUE;
  }

  /** Reports if something has changed since the last report. Called at the end of each call. */
  static update(): void {
    let open: u64 = 0;
    let opening: u64 = 0;
    let peers: u64 = 0;
    for (let i = 0; i < Configuration.associations; i++) {
      const association = Associations.all[i];
      if (association.state == AssociationState.closed) continue;
      if (association.isOpen) open++;
      else opening++;
      peers = peers * 31 + association.peerTag + association.primary;
    }
    const joined: u64 = (Carrier.edge >= 0 ? 1 : 0) | (Above.edge >= 0 ? 2 : 0);
    const says = joined ^ (open << 2) ^ (opening << 18) ^ (peers << 34);
    if (says == Report.said) return;
    Report.said = says;
    const status = Report.status;
    if (Carrier.edge < 0) status.begin(Health.Pending, 'waits for a network on its Edge carrier');
    else if (Above.edge < 0) status.begin(Health.Pending, 'waits for a network on its Edge streams');
    else if (open > 0) status.begin(Health.Good, 'has an association with another host');
    else if (opening > 0) status.begin(Health.Pending, 'opens an association, and waits for the other host');
    else status.begin(Health.Good, 'waits for an association, of a neighbour or of another host');
    status.fact('associations').unsigned(open);
    if (opening > 0) status.fact('opening').unsigned(opening);
    if (open > 0) Report.namePeers();
    status.report();
  }

  /** The addresses and ports of the paths that are in use. */
  private static namePeers(): void {
    const line = Report.status.fact('peers');
    let named = 0;
    for (let i = 0; i < Configuration.associations && named < MOST_NAMED; i++) {
      const association = Associations.all[i];
      if (!association.isOpen) continue;
      if (named++ > 0) line.text(' ');
      namePeer(line, association);
    }
  }
}

function namePeer(line: Line, association: Association): void {
  association.paths[association.primary].remote.writeAddress(line);
  line.text(':').unsigned(association.peerPort);
}
