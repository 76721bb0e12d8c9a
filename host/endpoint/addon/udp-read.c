/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads datagrams with their headers: recvmmsg brings the payloads, and the ancillary data becomes an IP and
 * a UDP header right in front of each. The kernel verifies the UDP checksum but does not pass it on: the
 * field is 0, and the host marks the header unfinished.
 */
#include "udp.h"
#include "batch.h"
#include "channel.h"
#include "ip-socket.h"
#include "limits.h"
#include "packet.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

static void write_udp_header(uint8_t *at, in_port_t from, const struct channel *channel, uint32_t payload) {
  put16(at, ntohs(from));
  put16(at + 2, channel->port);
  put16(at + 4, UDP_HEADER + payload);
  put16(at + 6, 0);
}

static void write_ipv4_header(struct msghdr *message, const void *from, uint32_t payload, uint8_t *at) {
  memset(at, 0, IPV4_HEADER);
  for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
    if (part->cmsg_level != IPPROTO_IP) continue;
    if (part->cmsg_type == IP_PKTINFO) memcpy(at + 16, &((struct in_pktinfo *)CMSG_DATA(part))->ipi_addr, 4);
    else if (part->cmsg_type == IP_TTL) at[8] = (uint8_t) * (int *)CMSG_DATA(part);
    else if (part->cmsg_type == IP_TOS) at[1] = *CMSG_DATA(part);
  }
  at[0] = 0x45;
  put16(at + 2, IPV4_HEADER + UDP_HEADER + payload);
  at[9] = IPPROTO_UDP;
  memcpy(at + 12, from, 4);
  put16(at + 10, fold(sum_bytes(0, at, IPV4_HEADER)));
}

/*
 * Moves the payload of a datagram of IPv4, which was read behind the room for an IPv6 header, next to that
 * for an IPv4 header.
 */
static void close_gap(struct batch *batch, uint32_t slot, uint32_t payload) {
  const uint32_t gap = IPV6_HEADER - IPV4_HEADER, room = batch->room - IPV6_HEADER - UDP_HEADER;
  uint8_t *at = batch->memory + batch->addresses[slot] + IPV4_HEADER + UDP_HEADER;
  uint8_t *spill = batch->spill + (size_t)slot * SPILL_BYTES;
  memmove(at, at + gap, payload < room ? payload : room);
  if (payload <= room) return;
  const uint32_t spilled = payload - room, closed = spilled < gap ? spilled : gap;
  memcpy(at + room, spill, closed);
  memmove(spill, spill + closed, spilled - closed);
}

int read_udp4(struct channel *channel) {
  struct batch *batch = channel->batch;
  int count = receive_ip(channel, IPV4_HEADER + UDP_HEADER);
  for (int i = 0; i < count; i++) {
    struct msghdr *message = &batch->messages[i].msg_hdr;
    const struct sockaddr_in *from = message->msg_name;
    uint32_t payload = batch->messages[i].msg_len;
    uint8_t *at = batch->memory + batch->addresses[i];
    write_ipv4_header(message, &from->sin_addr, payload, at);
    write_udp_header(at + IPV4_HEADER, from->sin_port, channel, payload);
    batch->lengths[i] = IPV4_HEADER + UDP_HEADER + payload;
  }
  return count;
}

int read_udp6(struct channel *channel) {
  struct batch *batch = channel->batch;
  int count = receive_ip(channel, IPV6_HEADER + UDP_HEADER);
  for (int i = 0; i < count; i++) {
    struct msghdr *message = &batch->messages[i].msg_hdr;
    const struct sockaddr_in6 *from = message->msg_name;
    uint32_t payload = batch->messages[i].msg_len;
    uint8_t *at = batch->memory + batch->addresses[i];
    if (channel->dual && IN6_IS_ADDR_V4MAPPED(&from->sin6_addr)) {
      close_gap(batch, (uint32_t)i, payload);
      write_ipv4_header(message, &from->sin6_addr.s6_addr[12], payload, at);
      write_udp_header(at + IPV4_HEADER, from->sin6_port, channel, payload);
      batch->lengths[i] = IPV4_HEADER + UDP_HEADER + payload;
      continue;
    }
    write_ipv6_header(message, from, UDP_HEADER + payload, IPPROTO_UDP, at);
    write_udp_header(at + IPV6_HEADER, from->sin6_port, channel, payload);
    batch->lengths[i] = IPV6_HEADER + UDP_HEADER + payload;
  }
  return count;
}
