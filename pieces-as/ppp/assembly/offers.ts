import { Line, offer, offerBound, offerLine, ValueCase } from 'funnel-tunnel/as';
import { store64 } from 'funnel-tunnel/as/views/bytes';
import { Configuration } from './configuration';

const text: Line = new Line();
const address6: usize = memory.data(16, 8);
const LINK_LOCAL: u64 = 0xfe80_0000_0000_0000;

/** The offers of the link to the pieces on the Edge `packets`: addresses, routes, and the size of packets. */
export abstract class Offers {
  /** The Edge `packets`; -1 when it is on no network. */
  static edge: i32 = -1;
  static mtu: u32 = 0;
  /** 0 where there is none. */
  static local4: u32 = 0;
  static remote4: u32 = 0;
  static local6: u64 = 0;

  // The last offers, which a withdrawal has to repeat.
  private static wasEdge: i32 = -1;
  private static wasMtu: u32 = 0;
  private static wasLocal4: u32 = 0;
  private static wasRemote4: u32 = 0;
  private static wasLocal6: u64 = 0;

  /** Withdraws what no longer holds, and offers what holds now. */
  static update(): void {
    if (Offers.wasEdge >= 0) Offers.make(false);
    Offers.wasEdge = Offers.local4 != 0 || Offers.local6 != 0 ? Offers.edge : -1;
    Offers.wasMtu = Offers.mtu;
    Offers.wasLocal4 = Offers.local4;
    Offers.wasRemote4 = Offers.remote4;
    Offers.wasLocal6 = Offers.local6;
    if (Offers.wasEdge >= 0) Offers.make(true);
  }

  /** The Edge has left, and with it all that was offered there. */
  static leave(): void {
    Offers.edge = -1;
    Offers.wasEdge = -1;
  }

  static writeLinkLocal(line: Line, identifier: u64): Line {
    store64(address6, LINK_LOCAL);
    store64(address6 + 8, identifier);
    return line.ipv6(address6);
  }

  private static make(present: bool): void {
    const edge = <u16>Offers.wasEdge;
    if (!present) offer(edge, 'up', false);
    if (Offers.wasLocal4 != 0) {
      offerLine(edge, 'address', text.clear().ipv4(Offers.wasLocal4).text('/32'), present);
      if (Offers.wasRemote4 != 0)
        offerLine(edge, 'route', text.clear().ipv4(Offers.wasRemote4).text('/32'), present);
      if (Configuration.hasDefaultRoute) offerLine(edge, 'route', text.clear().text('0.0.0.0/0'), present);
    }
    if (Offers.wasLocal6 != 0) {
      offerLine(edge, 'address', Offers.writeLinkLocal(text.clear(), Offers.wasLocal6).text('/64'), present);
      if (Configuration.hasDefaultRoute) offerLine(edge, 'route', text.clear().text('::/0'), present);
    }
    offerBound(edge, 'mtu', ValueCase.AtMost, Offers.wasMtu, present);
    if (present) offer(edge, 'up', true);
  }
}
