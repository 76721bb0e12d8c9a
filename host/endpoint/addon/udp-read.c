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
#include "packet.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

int read_udp4(struct channel *channel) {
  struct batch *batch = channel->batch;
  int count = receive_ip(channel, IPV4_HEADER + UDP_HEADER);
  for (int i = 0; i < count; i++) {
    struct msghdr *message = &batch->messages[i].msg_hdr;
    const struct sockaddr_in *from = message->msg_name;
    uint32_t payload = batch->messages[i].msg_len;
    uint8_t *at = batch->memory + batch->addresses[i];
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
    memcpy(at + 12, &from->sin_addr, 4);
    put16(at + 10, fold(sum_bytes(0, at, IPV4_HEADER)));
    put16(at + 20, ntohs(from->sin_port));
    put16(at + 22, channel->port);
    put16(at + 24, UDP_HEADER + payload);
    put16(at + 26, 0);
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
    write_ipv6_header(message, from, UDP_HEADER + payload, IPPROTO_UDP, at);
    put16(at + 40, ntohs(from->sin6_port));
    put16(at + 42, channel->port);
    put16(at + 44, UDP_HEADER + payload);
    put16(at + 46, 0);
    batch->lengths[i] = IPV6_HEADER + UDP_HEADER + payload;
  }
  return count;
}
