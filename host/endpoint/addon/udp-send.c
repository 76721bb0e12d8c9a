/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends frames that begin with their IP headers, and UDP headers on UDP sockets, as datagrams that obey those
 * headers: addresses and ports, hop limit, traffic class, don't-fragment. The ancillary data leaves out
 * values that equal the socket's default. For a source address or hop limit of zero the system chooses. The
 * kernel lets no sender set the identification, fragments, IPv4 options, IPv6 extension headers and the flow
 * label, so these are not obeyed.
 */
#include "udp.h"
#include "batch.h"
#include "channel.h"
#include "instance.h"
#include "packet.h"
#include "values.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

enum {
  /* The kernel takes no more at once (UDP_MAX_SEGMENTS of Linux before 6.9). */
  MOST_JOINED = 64,
};

static struct cmsghdr *add_control(struct msghdr *message, int level, int type, const void *data, size_t length) {
  struct cmsghdr *part = (struct cmsghdr *)((uint8_t *)message->msg_control + message->msg_controllen);
  part->cmsg_level = level;
  part->cmsg_type = type;
  part->cmsg_len = CMSG_LEN(length);
  memcpy(CMSG_DATA(part), data, length);
  /* Two messages are compared with the bytes behind their data. */
  memset(CMSG_DATA(part) + length, 0, CMSG_SPACE(length) - CMSG_LEN(length));
  message->msg_controllen += CMSG_SPACE(length);
  return part;
}

static void address_ipv4(struct channel *channel, const uint8_t *ip, const uint8_t *udp, struct msghdr *message) {
  struct sockaddr_in *to = message->msg_name;
  int hops = ip[8], class = ip[1];
  *to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = channel->header ? htons(get16(udp + 2)) : 0};
  memcpy(&to->sin_addr, ip + 16, 4);
  message->msg_namelen = sizeof *to;
  if (ip[12] | ip[13] | ip[14] | ip[15]) {
    struct in_pktinfo source = {0};
    memcpy(&source.ipi_spec_dst, ip + 12, 4);
    add_control(message, IPPROTO_IP, IP_PKTINFO, &source, sizeof source);
  }
  /* For a multicast group the kernel has another default: 1. */
  if (hops && (hops != channel->default_hops || channel->dual || ip[16] >= 224))
    add_control(message, IPPROTO_IP, IP_TTL, &hops, sizeof hops);
  if (class) add_control(message, IPPROTO_IP, IP_TOS, &class, sizeof class);
}

static void address_ipv6(struct channel *channel, const uint8_t *ip, const uint8_t *udp, struct msghdr *message) {
  static const uint8_t nowhere[16];
  struct sockaddr_in6 *to = message->msg_name;
  int hops = ip[7], class = (ip[0] & 15) << 4 | ip[1] >> 4;
  *to = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = channel->header ? htons(get16(udp + 2)) : 0};
  memcpy(&to->sin6_addr, ip + 24, 16);
  if (IN6_IS_ADDR_LINKLOCAL(&to->sin6_addr) || IN6_IS_ADDR_MC_LINKLOCAL(&to->sin6_addr))
    to->sin6_scope_id = channel->scope;
  message->msg_namelen = sizeof *to;
  if (memcmp(ip + 8, nowhere, sizeof nowhere)) {
    struct in6_pktinfo source = {.ipi6_ifindex = channel->scope};
    memcpy(&source.ipi6_addr, ip + 8, 16);
    add_control(message, IPPROTO_IPV6, IPV6_PKTINFO, &source, sizeof source);
  }
  if (hops && (hops != channel->default_hops || ip[24] == 0xff))
    add_control(message, IPPROTO_IPV6, IPV6_HOPLIMIT, &hops, sizeof hops);
  if (class) add_control(message, IPPROTO_IPV6, IPV6_TCLASS, &class, sizeof class);
}

/*
 * Whether the headers and the payload of outgoing frame i lie in memory, and belong to this socket's family.
 */
static bool is_sendable(const struct channel *channel, uint32_t i) {
  const struct batch *batch = channel->batch;
  uint32_t ip = batch->out_addresses[i], udp = batch->out_headers[i], length = batch->out_lengths[i];
  if (!in_memory(batch, ip, IPV4_HEADER) || !in_memory(batch, udp, channel->header) ||
      !in_memory(batch, udp + channel->header, length))
    return false;
  uint8_t version = batch->memory[ip] >> 4;
  if (version == 4) return channel->family == 4 || channel->dual;
  return version == 6 && channel->family == 6 && in_memory(batch, ip, IPV6_HEADER);
}

/*
 * Sends messages [from, to), which all have the same don't-fragment flag, and counts failures in the tally.
 * Returns the number sent.
 */
static uint32_t send_run(struct channel *channel, uint32_t from, uint32_t to) {
  struct funnel_instance *instance = channel->instance;
  uint32_t *tally = channel->batch->tally;
  uint32_t sent = 0;
  bool again = false;
  while (from < to) {
    int done = sendmmsg(channel->fd, instance->messages + from, to - from, MSG_DONTWAIT);
    if (done > 0) {
      from += (uint32_t)done;
      sent += (uint32_t)done;
      again = false;
      continue;
    }
    enum tally why = tally_of(errno);
    /* The socket's buffer is full, also for the messages that follow. */
    if (why == TALLY_WOULD_BLOCK) {
      tally[why] += to - from;
      return sent;
    }
    /* This may be the error of an earlier datagram, which the kernel reports once, to the next send. Then
       this one was not sent, so try it again. An error about its own size is its own: another try would only
       queue that error twice. */
    if (!again && why != TALLY_TOO_LARGE) {
      again = true;
      continue;
    }
    tally[why]++;
    from++;
    again = false;
  }
  return sent;
}

/*
 * The end of the messages from `from` on that can go to the kernel as one: equal in address and options, and
 * in size, but for a smaller last one.
 */
static uint32_t end_of_join(const struct funnel_instance *instance, uint32_t most, uint32_t from, uint32_t to) {
  const struct msghdr *first = &instance->messages[from].msg_hdr;
  const size_t size = instance->vectors[from].iov_len;
  size_t total = size;
  uint32_t end = from + 1;
  if (!size || size > most) return end;
  for (; end < to && end - from < MOST_JOINED && instance->vectors[end - 1].iov_len == size; end++) {
    const struct msghdr *next = &instance->messages[end].msg_hdr;
    const size_t more = instance->vectors[end].iov_len;
    if (!more || more > size || (total += more) > MOST_DATAGRAM || next->msg_namelen != first->msg_namelen ||
        memcmp(next->msg_name, first->msg_name, first->msg_namelen) || next->msg_controllen != first->msg_controllen ||
        (first->msg_controllen && memcmp(next->msg_control, first->msg_control, first->msg_controllen)))
      break;
  }
  return end;
}

/* Fills in the joined messages for [from, to). Returns their number. */
static uint32_t join_run(struct funnel_instance *instance, uint32_t most, uint32_t from, uint32_t to) {
  uint32_t count = 0;
  for (uint32_t end; from < to; from = end) {
    struct mmsghdr *into = &instance->joined[count];
    *into = instance->messages[from];
    end = end_of_join(instance, most, from, to);
    instance->starts[count++] = from;
    if (end - from == 1) continue;
    const uint16_t size = (uint16_t)instance->vectors[from].iov_len;
    into->msg_hdr.msg_iovlen = end - from;
    into->msg_hdr.msg_control = instance->controls[from];
    add_control(&into->msg_hdr, SOL_UDP, UDP_SEGMENT, &size, sizeof size);
  }
  instance->starts[count] = to;
  return count;
}

/*
 * Like send_run, with datagrams joined. The kernel refuses a size that does not fit the path, which the
 * socket then joins no more.
 */
static uint32_t send_joined(struct channel *channel, uint32_t from, uint32_t to) {
  struct funnel_instance *instance = channel->instance;
  const uint32_t count = join_run(instance, channel->most_segment, from, to), *starts = instance->starts;
  uint32_t sent = 0;
  if (count == to - from) return send_run(channel, from, to);
  for (uint32_t at = 0; at < count;) {
    const int done = sendmmsg(channel->fd, instance->joined + at, count - at, MSG_DONTWAIT);
    if (done > 0) {
      sent += starts[at + done] - starts[at];
      at += (uint32_t)done;
      continue;
    }
    const enum tally why = tally_of(errno);
    if (why == TALLY_WOULD_BLOCK) {
      channel->batch->tally[why] += to - starts[at];
      return sent;
    }
    /* EIO: the kernel cannot on this path, with IPsec for one. */
    if (starts[at + 1] - starts[at] > 1 && (errno == EIO || errno == EINVAL || errno == EMSGSIZE))
      channel->most_segment = errno == EIO ? 0 : (uint32_t)instance->vectors[starts[at]].iov_len - 1;
    sent += send_run(channel, starts[at], starts[at + 1]);
    at++;
  }
  return sent;
}

static void set_fragmentation(struct channel *channel, bool dont) {
  if (channel->dont_fragment == dont || (channel->family != 4 && !channel->dual)) return;
  int value = dont ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT;
  if (setsockopt(channel->fd, IPPROTO_IP, IP_MTU_DISCOVER, &value, sizeof value) == 0) channel->dont_fragment = dont;
}

/*
 * sendUdp(channel, count), sendRaw(channel, count) → datagrams sent. The tally counts the others.
 */
napi_value send_datagrams(napi_env env, napi_callback_info info) {
  napi_value values[2];
  struct channel *channel;
  int32_t count;
  uint32_t ready = 0, sent = 0;
  if (!arguments(env, info, 2, values) || !(channel = find_channel(env, values[0])) || !get_int(env, values[1], &count))
    return NULL;
  struct funnel_instance *instance = channel->instance;
  struct batch *batch = channel->batch;
  if (count < 0 || (uint32_t)count > batch->slots || !channel->family)
    return throw_argument(env, "more frames than slots, or not an IP socket");
  for (uint32_t i = 0; i < (uint32_t)count; i++) {
    if (!is_sendable(channel, i)) {
      batch->tally[TALLY_INVALID]++;
      continue;
    }
    const uint8_t *ip = batch->memory + batch->out_addresses[i], *udp = batch->memory + batch->out_headers[i];
    const bool four = *ip >> 4 == 4;
    struct msghdr *message = &instance->messages[ready].msg_hdr;
    instance->vectors[ready] = (struct iovec){(void *)(udp + channel->header), batch->out_lengths[i]};
    instance->fragment[ready] = !(four && ip[6] & 0x40);
    *message = (struct msghdr){
        .msg_name = &instance->names[ready],
        .msg_iov = &instance->vectors[ready],
        .msg_iovlen = 1,
        .msg_control = instance->controls[ready],
    };
    if (four) address_ipv4(channel, ip, udp, message);
    else address_ipv6(channel, ip, udp, message);
    if (!message->msg_controllen) message->msg_control = NULL;
    ready++;
  }
  for (uint32_t from = 0, to; from < ready; from = to) {
    for (to = from + 1; to < ready && instance->fragment[to] == instance->fragment[from];) to++;
    set_fragmentation(channel, !instance->fragment[from]);
    sent += channel->most_segment ? send_joined(channel, from, to) : send_run(channel, from, to);
  }
  return make_int(env, (int32_t)sent);
}
