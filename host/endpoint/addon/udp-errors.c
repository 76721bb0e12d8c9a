/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors that routers and hosts send about our datagrams. The kernel keeps them in the socket's error queue
 * (ip(7), IP_RECVERR). This file rebuilds the ICMP message of each, with its checksum, so that a piece gets
 * errors as frames.
 *
 * The kernel does not pass on the identification, the hop limit and the length of the quoted datagram. The
 * first two fields are 0, and the lengths are those of the quoted bytes.
 */
#include "udp.h"
#include "batch.h"
#include "channel.h"
#include "limits.h"
#include "packet.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <linux/errqueue.h>

enum {
  ICMP_HEADER = 8,
  /* An ICMP error is at most this long: RFC 1812 §4.3.2.3, RFC 4443 §2.4(c). */
  ICMP4_MOST = 576,
  ICMP6_MOST = 1280,
  ICMP_UNREACHABLE = 3,
  ICMP_FRAGMENTATION_NEEDED = 4,
  ICMP6_TOO_BIG = 2,
};

/* One entry of the error queue. */
struct queued_error {
  struct sock_extended_err *error;
  /* The sender of the ICMP message if the kernel knows it; else NULL. */
  const struct sockaddr *offender;
  /* The local address that the ICMP message came to; all zero if the kernel does not know it. */
  uint8_t local[16];
  struct sockaddr_storage destination;
  uint32_t quoted;
};

/* Takes one entry, and puts the quoted payload into `payload`. False when the queue is empty. */
static bool take(struct channel *channel, uint8_t *payload, uint32_t most, uint8_t *control,
                 struct queued_error *queued) {
  struct iovec vector = {payload, most};
  struct msghdr message = {
      .msg_name = &queued->destination,
      .msg_namelen = sizeof queued->destination,
      .msg_iov = &vector,
      .msg_iovlen = 1,
      .msg_control = control,
      .msg_controllen = CONTROL_BYTES,
  };
  ssize_t length = recvmsg(channel->fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
  if (length < 0) return false;
  queued->quoted = (uint32_t)length;
  queued->error = NULL;
  queued->offender = NULL;
  memset(queued->local, 0, sizeof queued->local);
  for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
    if ((part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR) ||
        (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVERR)) {
      queued->error = (struct sock_extended_err *)CMSG_DATA(part);
      const struct sockaddr *offender = SO_EE_OFFENDER(queued->error);
      if (offender->sa_family != AF_UNSPEC) queued->offender = offender;
    } else if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO) {
      memcpy(queued->local, &((struct in_pktinfo *)CMSG_DATA(part))->ipi_addr, 4);
    } else if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO) {
      memcpy(queued->local, &((struct in6_pktinfo *)CMSG_DATA(part))->ipi6_addr, 16);
    }
  }
  return true;
}

static void write_ipv4(uint8_t *at, uint32_t length, uint8_t hops, uint8_t protocol, const void *from, const void *to) {
  memset(at, 0, IPV4_HEADER);
  at[0] = 0x45;
  put16(at + 2, length);
  at[8] = hops;
  at[9] = protocol;
  memcpy(at + 12, from, 4);
  memcpy(at + 16, to, 4);
  put16(at + 10, fold(sum_bytes(0, at, IPV4_HEADER)));
}

static void write_udp(uint8_t *at, uint16_t from, uint16_t to, uint32_t payload) {
  put16(at, from);
  put16(at + 2, to);
  put16(at + 4, UDP_HEADER + payload);
  put16(at + 6, 0);
}

int read_ip4_errors(struct channel *channel) {
  struct batch *batch = channel->batch;
  const uint32_t before = IPV4_HEADER + ICMP_HEADER + IPV4_HEADER + channel->header;
  _Alignas(8) uint8_t control[CONTROL_BYTES];
  struct queued_error queued;
  uint32_t count = 0;
  while (count < batch->slots) {
    if (!in_memory(batch, batch->addresses[count], batch->room)) return 0;
    uint8_t *at = batch->memory + batch->addresses[count], *icmp = at + IPV4_HEADER, *quote = icmp + ICMP_HEADER;
    uint32_t most = (batch->room < ICMP4_MOST ? batch->room : ICMP4_MOST) - before;
    if (!take(channel, at + before, most, control, &queued)) break;
    /* A raw socket of ICMP has read the message itself. */
    if (channel->protocol == IPPROTO_ICMP) continue;
    if (!queued.error || queued.destination.ss_family != AF_INET) continue;
    const struct sockaddr_in *to = (struct sockaddr_in *)&queued.destination;
    const struct sockaddr_in *offender = (const struct sockaddr_in *)queued.offender;
    uint8_t type = queued.error->ee_type, code = queued.error->ee_code;
    if (queued.error->ee_origin == SO_EE_ORIGIN_LOCAL) {
      /*
       * The machine itself refused: too large for a path that it knows. The send call returned all its other
       * refusals.
       */
      if (queued.error->ee_errno != EMSGSIZE) continue;
      type = ICMP_UNREACHABLE;
      code = ICMP_FRAGMENTATION_NEEDED;
      offender = NULL;
    } else if (queued.error->ee_origin != SO_EE_ORIGIN_ICMP) {
      continue;
    }
    uint32_t length = before + queued.quoted;
    write_ipv4(at, length, 64, IPPROTO_ICMP, offender ? (const void *)&offender->sin_addr : queued.local, queued.local);
    memset(icmp, 0, ICMP_HEADER);
    icmp[0] = type;
    icmp[1] = code;
    if (type == ICMP_UNREACHABLE && code == ICMP_FRAGMENTATION_NEEDED) put16(icmp + 6, queued.error->ee_info & 0xffff);
    write_ipv4(quote, length - IPV4_HEADER - ICMP_HEADER, 0, channel->protocol, queued.local, &to->sin_addr);
    if (channel->header) write_udp(quote + IPV4_HEADER, channel->port, ntohs(to->sin_port), queued.quoted);
    put16(icmp + 2, fold(sum_bytes(0, icmp, length - IPV4_HEADER)));
    batch->lengths[count++] = length;
  }
  if (batch->stale < count) batch->stale = count;
  return (int)count;
}

static void write_ipv6(uint8_t *at, uint32_t payload, uint8_t hops, uint8_t protocol, const void *from,
                       const void *to) {
  memset(at, 0, IPV6_HEADER);
  at[0] = 0x60;
  put16(at + 4, payload);
  at[6] = protocol;
  at[7] = hops;
  memcpy(at + 8, from, 16);
  memcpy(at + 24, to, 16);
}

int read_ip6_errors(struct channel *channel) {
  struct batch *batch = channel->batch;
  const uint32_t before = IPV6_HEADER + ICMP_HEADER + IPV6_HEADER + channel->header;
  _Alignas(8) uint8_t control[CONTROL_BYTES];
  struct queued_error queued;
  uint32_t count = 0;
  while (count < batch->slots) {
    if (!in_memory(batch, batch->addresses[count], batch->room)) return 0;
    uint8_t *at = batch->memory + batch->addresses[count], *icmp = at + IPV6_HEADER, *quote = icmp + ICMP_HEADER;
    uint32_t most = (batch->room < ICMP6_MOST ? batch->room : ICMP6_MOST) - before;
    if (!take(channel, at + before, most, control, &queued)) break;
    if (channel->protocol == IPPROTO_ICMPV6) continue;
    if (!queued.error || queued.destination.ss_family != AF_INET6) continue;
    const struct sockaddr_in6 *to = (struct sockaddr_in6 *)&queued.destination;
    const struct sockaddr_in6 *offender = (const struct sockaddr_in6 *)queued.offender;
    uint8_t type = queued.error->ee_type, code = queued.error->ee_code;
    if (queued.error->ee_origin == SO_EE_ORIGIN_LOCAL) {
      if (queued.error->ee_errno != EMSGSIZE) continue;
      type = ICMP6_TOO_BIG;
      code = 0;
      offender = NULL;
    } else if (queued.error->ee_origin != SO_EE_ORIGIN_ICMP6) {
      continue;
    }
    uint32_t length = before + queued.quoted;
    const void *from = offender ? (const void *)&offender->sin6_addr : queued.local;
    write_ipv6(at, length - IPV6_HEADER, 64, IPPROTO_ICMPV6, from, queued.local);
    memset(icmp, 0, ICMP_HEADER);
    icmp[0] = type;
    icmp[1] = code;
    if (type == ICMP6_TOO_BIG) {
      put16(icmp + 4, queued.error->ee_info >> 16);
      put16(icmp + 6, queued.error->ee_info & 0xffff);
    }
    write_ipv6(quote, channel->header + queued.quoted, 0, channel->protocol, queued.local, &to->sin6_addr);
    if (channel->header) write_udp(quote + IPV6_HEADER, channel->port, ntohs(to->sin6_port), queued.quoted);
    /* The pseudo-header (RFC 8200 §8.1): both addresses, the length and the protocol. */
    uint32_t sum = sum_bytes(0, at + 8, 32) + (length - IPV6_HEADER) + IPPROTO_ICMPV6;
    put16(icmp + 2, fold(sum_bytes(sum, icmp, length - IPV6_HEADER)));
    batch->lengths[count++] = length;
  }
  if (batch->stale < count) batch->stale = count;
  return (int)count;
}
