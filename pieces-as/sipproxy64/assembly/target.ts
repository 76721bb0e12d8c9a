// Finds where a request goes (RFC 3261 §16.4 to §16.6): takes off our own Routes, and then reads the next
// Route, or the request's URI. A URI of ours has the target in a parameter, or names a user who has
// registered or is set. A request whose URI is only a name goes to the proxy of the other family.

import { Ascii } from 'funnel-tunnel/as/views/ascii';
import { IpText } from 'funnel-tunnel/as/views/ip-text';
import {
  SipAddress,
  SipHeader,
  SipMessage,
  SipName,
  SipParameter,
  SipUri,
  SipValue,
} from 'funnel-tunnel/as/views/sip';
import { Configuration } from './configuration';
import { Datagram } from './datagram';
import { isForbidden, isOwnAddress } from './destinations';
import { copyEndpoint, familyOf, portOf, sameAddress } from './endpoint';
import { Reason } from './reasons';
import { Registrations } from './registrations';
import { endpointOfUri, isOwnUri, Mapped } from './uri-map';

/** The action on the request's URI. */
export const enum UriChange {
  /** The URI goes on as it came, because a digest covers it (RFC 3261 §22.4). */
  none,
  /** The URI that it stands for replaces it. */
  restored,
  /** A registered contact replaces it. */
  registered,
}

export abstract class Target {
  static readonly endpoint: usize = memory.data(24, 8);
  static uriChange: UriChange = UriChange.none;
  /** The number of our own Routes in front, which are taken off. */
  static ownRoutes: i32 = 0;
  /** The registered contact. */
  static contact: usize = 0;

  /** Finds where the current request goes. Returns `Reason.none`, or the reason of a failure. */
  static find(now: f64): Reason {
    Target.uriChange = UriChange.none;
    Target.ownRoutes = 0;
    // Each hop of a request to `sips` uses TLS (RFC 3261 §26.2.2), which we do not have.
    if (SipUri.read(SipMessage.uriAt, SipMessage.uriTo) && SipUri.isSips) return Reason.badScheme;
    // The family of the innermost of our own Routes is that of the other side. A Route that a phone writes
    // for its outbound proxy has the family of the phone, and says nothing about the other side.
    let inner: u32 = 0;
    for (let i = 0, n = SipMessage.routeAt == 0 ? 0 : SipMessage.fieldCount; i < n; i++) {
      if (SipMessage.field(i) != SipName.route) continue;
      const valueTo = SipHeader.valueTo;
      let next = SipHeader.valueAt;
      while (SipValue.read(next, valueTo)) {
        next = SipValue.next;
        if (!SipAddress.read(SipValue.at, SipValue.to) || !SipUri.read(SipAddress.uriAt, SipAddress.uriTo))
          return Reason.badRequest;
        if (!isOwnUri()) {
          if (endpointOfUri(Target.endpoint) != 0) return Target.checkRoute();
          const reason = Target.proxyOf(inner == 0 ? otherFamily() : inner);
          return reason == Reason.none ? Target.checkRoute() : reason;
        }
        if (Mapped.read()) {
          // A Path or Service-Route that went through us stands for another URI, which is the next hop.
          copyEndpoint(Target.endpoint, Mapped.endpoint);
          return Target.checkRoute();
        }
        const family = IpText.readBracketed(SipUri.hostAt, SipUri.hostTo, Target.endpoint);
        if (family != 0 && (family != Datagram.family || Target.ownRoutes > 0 || isOfHairpin()))
          inner = family;
        Target.ownRoutes++;
      }
    }
    return Target.findByUri(now, inner);
  }

  private static findByUri(now: f64, inner: u32): Reason {
    if (!SipUri.read(SipMessage.uriAt, SipMessage.uriTo)) {
      return isSip() ? Reason.badRequest : Reason.badScheme;
    }
    // A request's URI may not have header fields (RFC 3261 §19.1.1).
    if (SipUri.parametersTo < SipMessage.uriTo) return Reason.badRequest;
    if (!isOwnUri()) {
      if (SipParameter.find(SipUri.restAt, SipUri.parametersTo, 'maddr')) {
        if (IpText.readBracketed(SipParameter.valueAt, SipParameter.valueTo, Target.endpoint) == 0)
          return Reason.noTarget;
        SipUri.hostAt = SipParameter.valueAt;
        SipUri.hostTo = SipParameter.valueTo;
      }
      if (endpointOfUri(Target.endpoint) == 0) return Target.proxyOf(inner == 0 ? otherFamily() : inner);
      return Target.check();
    }
    if (Mapped.read()) {
      copyEndpoint(Target.endpoint, Mapped.endpoint);
      Target.uriChange = UriChange.restored;
      return Target.check();
    }
    if (SipUri.userTo > SipUri.userAt && !SipMessage.isMethod('REGISTER')) {
      const userTo = endOfUser();
      const contact = Registrations.find(now, SipUri.userAt, userTo);
      if (contact != 0) {
        Target.contact = contact;
        Target.uriChange = UriChange.registered;
        copyEndpoint(Target.endpoint, Registrations.endpointOf(contact));
        return Target.check();
      }
      const phone = Configuration.phone(SipUri.userAt, userTo);
      if (phone != 0) {
        copyEndpoint(Target.endpoint, phone);
        return Target.check();
      }
    }
    return Target.proxyOf(inner == 0 ? otherFamily() : inner);
  }

  /** Selects the proxy of a family, unless the request came from there. */
  private static proxyOf(family: u32): Reason {
    const proxy = Configuration.proxy(family);
    if (portOf(proxy) == 0 || sameAddress(proxy, Datagram.source)) return Reason.noTarget;
    copyEndpoint(Target.endpoint, proxy);
    return Target.check();
  }

  /**
   * A Route has decided. A URI of ours goes on as what it stands for where the next hop can reach that, since
   * our own address of the other family leads that hop nowhere.
   */
  private static checkRoute(): Reason {
    if (
      SipUri.read(SipMessage.uriAt, SipMessage.uriTo) &&
      isOwnUri() &&
      Mapped.read() &&
      familyOf(Mapped.endpoint) == familyOf(Target.endpoint)
    )
      Target.uriChange = UriChange.restored;
    return Target.check();
  }

  private static check(): Reason {
    if (isOwnAddress(Target.endpoint)) return Reason.loop;
    return isForbidden(Target.endpoint) ? Reason.forbiddenDestination : Reason.none;
  }
}

@inline
function otherFamily(): u32 {
  return Datagram.family == 4 ? 6 : 4;
}

/** The end of the user's name in the current URI, of which a password and parameters are no part. */
export function endOfUser(): usize {
  let to = SipUri.userAt;
  while (to < SipUri.userTo && load<u8>(to) != 0x3a && load<u8>(to) != 0x3b) to++;
  return to;
}

/** Whether the current URI is the Route of a dialog that `writeOwnHeaders` wrote for both sides. */
function isOfHairpin(): bool {
  return SipParameter.find(SipUri.restAt, SipUri.parametersTo, 'h64');
}

function isSip(): bool {
  return (
    Ascii.begins(SipMessage.uriAt, SipMessage.uriTo, 'sip:') ||
    Ascii.begins(SipMessage.uriAt, SipMessage.uriTo, 'sips:')
  );
}
