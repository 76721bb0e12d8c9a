/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads datagrams with their headers: recvmmsg brings the payloads, and the ancillary data becomes an IP and
 * a UDP header right in front of each. The kernel verifies the UDP checksum but does not pass it on: the
 * field is 0, and the host marks the header unfinished.
 */
#include "udp.h"
#include "batch.h"
#include "channel.h"
#include "limits.h"
#include "packet.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/*
 * Prepares the messages of slots [from, to) for payloads behind `header` bytes. False: an address is outside
 * the memory.
 */
static bool prepare(struct batch *batch, uint32_t header, uint32_t from, uint32_t to) {
  for (uint32_t i = from; i < to; i++) {
    if (!in_memory(batch, batch->addresses[i], batch->room)) return false;
    batch->vectors[2 * i] = (struct iovec){batch->memory + batch->addresses[i] + header, batch->room - header};
    batch->vectors[2 * i + 1] = (struct iovec){batch->spill + (size_t)i * SPILL_BYTES, SPILL_BYTES};
    batch->messages[i].msg_hdr = (struct msghdr){
        .msg_name = &batch->names[i],
        .msg_namelen = sizeof *batch->names,
        .msg_iov = &batch->vectors[2 * i],
        .msg_iovlen = 2,
        .msg_control = batch->controls + (size_t)i * CONTROL_BYTES,
        .msg_controllen = CONTROL_BYTES,
    };
  }
  return true;
}

/*
 * Receives into the batch. Prepares only the messages that the last read used up; all of them after the other
 * family.
 */
static int receive(struct channel *channel, uint32_t header) {
  struct batch *batch = channel->batch;
  uint32_t from = 0, to = batch->prepared == header ? batch->stale : batch->slots;
  batch->prepared = 0;
  if (!prepare(batch, header, from, to)) return -EFAULT;
  batch->prepared = header;
  batch->stale = 0;
  int count = recvmmsg(channel->fd, batch->messages, batch->slots, MSG_DONTWAIT, NULL);
  if (count < 0) {
    /* The error of an earlier datagram. The kernel reports it here once, and the error queue has it too. */
    batch->stale = 1;
    return 0;
  }
  batch->stale = (uint32_t)count;
  return count;
}

int read_udp4(struct channel *channel) {
  struct batch *batch = channel->batch;
  int count = receive(channel, IPV4_HEADER + UDP_HEADER);
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
  int count = receive(channel, IPV6_HEADER + UDP_HEADER);
  for (int i = 0; i < count; i++) {
    struct msghdr *message = &batch->messages[i].msg_hdr;
    const struct sockaddr_in6 *from = message->msg_name;
    uint32_t payload = batch->messages[i].msg_len;
    uint8_t *at = batch->memory + batch->addresses[i];
    uint32_t class = 0;
    memset(at, 0, IPV6_HEADER);
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
      if (part->cmsg_level != IPPROTO_IPV6) continue;
      if (part->cmsg_type == IPV6_PKTINFO) memcpy(at + 24, &((struct in6_pktinfo *)CMSG_DATA(part))->ipi6_addr, 16);
      else if (part->cmsg_type == IPV6_HOPLIMIT) at[7] = (uint8_t) * (int *)CMSG_DATA(part);
      else if (part->cmsg_type == IPV6_TCLASS) class = (uint32_t) * (int *)CMSG_DATA(part);
    }
    at[0] = (uint8_t)(0x60 | class >> 4);
    at[1] = (uint8_t)(class << 4);
    put16(at + 4, UDP_HEADER + payload);
    at[6] = IPPROTO_UDP;
    memcpy(at + 8, &from->sin6_addr, 16);
    put16(at + 40, ntohs(from->sin6_port));
    put16(at + 42, channel->port);
    put16(at + 44, UDP_HEADER + payload);
    put16(at + 46, 0);
    batch->lengths[i] = IPV6_HEADER + UDP_HEADER + payload;
  }
  return count;
}
