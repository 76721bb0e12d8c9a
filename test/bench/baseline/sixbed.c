/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sixbed DEVICE IPV4 PORT PREFIX [ROUTER-IPV4 ROUTER-PORT]: IPv6 in UDP as 6bed4 does it, between a tun
 * device and one UDP socket. PREFIX is the /64 of the router.
 *
 * It is the baseline of "tun to UDP through 6bed4" and the far end for both contenders. For each packet it
 * does what the piece does: checks version and length, the addresses, the IPv4 address and port that the
 * sender claims in its IPv6 source against those that the datagram has, multicast and the hop limit;
 * decrements the hop limit; carries the traffic class over; encapsulates. It has no timers and no neighbour
 * cache: every peer is reached directly. As a far end it answers a router solicitation with a prefix and a
 * neighbour solicitation with an advertisement.
 */
#define _GNU_SOURCE
#include "tun.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum {
  IPV6 = 40,
  ICMPV6 = 58,
  ROUTER_SOLICITATION = 133,
  NEIGHBOUR_SOLICITATION = 135,
  NEIGHBOUR_ADVERTISEMENT = 136,
  REDIRECT = 137,
  SOCKET_BUFFER = 2 << 20,
};

static int tun, udp;
static uint8_t own[16];
static struct sockaddr_in router;

/*
 * An address of 6bed4: /64, IPv4 and port; the two low bits of the first octet stand in octet 14, above the
 * lanip.
 */
static void make_address(uint8_t *to, const struct sockaddr_in *at, int lanip) {
  const uint8_t *v4 = (const uint8_t *)&at->sin_addr;
  memcpy(to, own, 8);
  to[8] = v4[0] & 0xfc;
  memcpy(to + 9, v4 + 1, 3);
  memcpy(to + 12, &at->sin_port, 2);
  to[14] = (uint8_t)((v4[0] & 3) << 6 | lanip >> 8);
  to[15] = (uint8_t)lanip;
}

static void decode_address(const uint8_t *address, struct sockaddr_in *to) {
  uint8_t *v4 = (uint8_t *)&to->sin_addr;
  to->sin_family = AF_INET;
  v4[0] = (address[8] & 0xfc) | address[14] >> 6;
  memcpy(v4 + 1, address + 9, 3);
  memcpy(&to->sin_port, address + 12, 2);
}

static int has_ipv6(const uint8_t *packet, size_t length) {
  return length >= IPV6 && packet[0] >> 4 == 6 && IPV6 + ((size_t)packet[4] << 8 | packet[5]) <= length;
}

static int is_discovery(const uint8_t *packet, size_t length) {
  return packet[6] == ICMPV6 && length >= IPV6 + 8 && packet[IPV6] >= ROUTER_SOLICITATION && packet[IPV6] <= REDIRECT;
}

/* The checksum of an ICMPv6 message, RFC 4443 section 2.3; over one that is right, 0. */
static uint16_t checksum(const uint8_t *packet, size_t length) {
  uint32_t sum = (uint32_t)(length - IPV6) + ICMPV6;
  for (size_t n = 8; n + 1 < length; n += 2) sum += (uint32_t)(packet[n] << 8 | packet[n + 1]);
  if (length & 1) sum += (uint32_t)packet[length - 1] << 8;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)~sum;
}

static void answer(uint8_t *packet, size_t length, const struct sockaddr_in *to) {
  memcpy(packet, "\x60\0\0\0", 4);
  packet[4] = 0;
  packet[5] = (uint8_t)(length - IPV6);
  packet[6] = ICMPV6;
  packet[7] = 255;
  packet[IPV6 + 2] = packet[IPV6 + 3] = 0;
  uint16_t sum = checksum(packet, length);
  packet[IPV6 + 2] = (uint8_t)(sum >> 8);
  packet[IPV6 + 3] = (uint8_t)sum;
  sendto(udp, packet, length, MSG_DONTWAIT, (const struct sockaddr *)to, sizeof *to);
}

static void discover(uint8_t *packet, size_t length, const struct sockaddr_in *from) {
  static const uint8_t fe80[16] = {0xfe, 0x80};
  static const uint8_t all_nodes[16] = {0xff, 2, [15] = 1};
  uint8_t reply[IPV6 + 48] = {0};
  if (packet[7] != 255 || checksum(packet, length) != 0) return;
  if (packet[IPV6] == ROUTER_SOLICITATION) {
    memcpy(reply + 8, fe80, 16);
    memcpy(reply + 24, packet[8] == 0 && packet[9] == 0 ? all_nodes : packet + 8, 16);
    /* Low preference, infinite lifetimes; a prefix of 114 bits, on link and autonomous: the sender's own. */
    memcpy(reply + IPV6, "\x86\0\0\0\0\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16);
    memcpy(reply + IPV6 + 16, "\x03\x04\x72\xc0\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 16);
    make_address(reply + IPV6 + 32, from, 0);
    answer(reply, IPV6 + 48, from);
  } else if (packet[IPV6] == NEIGHBOUR_SOLICITATION && length >= IPV6 + 24) {
    memcpy(reply + 8, packet + 24, 16);
    memcpy(reply + 24, packet + 8, 16);
    reply[IPV6] = NEIGHBOUR_ADVERTISEMENT;
    reply[IPV6 + 4] = 0x60;
    memcpy(reply + IPV6 + 8, packet + IPV6 + 8, 16);
    answer(reply, IPV6 + 24, from);
  }
}

static void out(void) {
  static uint8_t frames[BATCH][ROOM];
  static struct mmsghdr messages[BATCH];
  static struct iovec vectors[BATCH];
  static struct sockaddr_in names[BATCH];
  static struct {
    struct cmsghdr header;
    int value;
  } classes[BATCH] = {0};
  unsigned count = 0;
  for (int n = 0; n < BATCH; n++) {
    uint8_t *packet = frames[count];
    ssize_t length = read(tun, packet, ROOM);
    if (length <= 0) break;
    if (!has_ipv6(packet, (size_t)length) || packet[24] == 0xff || packet[7] <= 1) continue;
    if (memcmp(packet + 8, own, 15) != 0 || is_discovery(packet, (size_t)length)) continue;
    if (memcmp(packet + 24, own, 8) == 0) decode_address(packet + 24, &names[count]);
    else if (router.sin_port) names[count] = router;
    else continue;
    packet[7]--;
    int class = (packet[0] << 4 | packet[1] >> 4) & 0xff;
    vectors[count] = (struct iovec){packet, (size_t)length};
    struct msghdr *message = &messages[count].msg_hdr;
    *message = (struct msghdr){
        .msg_name = &names[count], .msg_namelen = sizeof *names, .msg_iov = &vectors[count], .msg_iovlen = 1};
    if (class != 0) {
      classes[count].header =
          (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_TOS};
      classes[count].value = class;
      message->msg_control = &classes[count];
      message->msg_controllen = CMSG_LEN(sizeof(int));
    }
    count++;
  }
  for (unsigned sent = 0; sent < count;) {
    int done = sendmmsg(udp, messages + sent, count - sent, MSG_DONTWAIT);
    sent += done > 0 ? (unsigned)done : 1; /* one that cannot be sent is lost, as datagrams are */
  }
}

static void in(void) {
  static uint8_t frames[BATCH][ROOM];
  static struct mmsghdr messages[BATCH];
  static struct iovec vectors[BATCH];
  static struct sockaddr_in names[BATCH];
  for (int n = 0; n < BATCH; n++) {
    vectors[n] = (struct iovec){frames[n], ROOM};
    messages[n].msg_hdr = (struct msghdr){
        .msg_name = &names[n], .msg_namelen = sizeof *names, .msg_iov = &vectors[n], .msg_iovlen = 1};
  }
  int count = recvmmsg(udp, messages, BATCH, MSG_DONTWAIT, NULL);
  for (int n = 0; n < count; n++) {
    uint8_t *packet = frames[n];
    size_t length = messages[n].msg_len;
    struct sockaddr_in claimed = {0};
    if (!has_ipv6(packet, length)) continue;
    if (is_discovery(packet, length)) {
      discover(packet, length, &names[n]);
      continue;
    }
    decode_address(packet + 8, &claimed);
    int valid = memcmp(packet + 8, own, 8) == 0 && claimed.sin_port == names[n].sin_port &&
                claimed.sin_addr.s_addr == names[n].sin_addr.s_addr;
    int routed = names[n].sin_port == router.sin_port && names[n].sin_addr.s_addr == router.sin_addr.s_addr;
    if ((!valid && !routed) || packet[24] == 0xff || packet[7] <= 1) continue;
    if (memcmp(packet + 24, own, 14) != 0 || (packet[38] & 0xc0) != (own[14] & 0xc0)) continue;
    packet[7]--;
    if (write(tun, packet, length) < 0 && errno != EAGAIN && errno != EIO && errno != EINVAL) fail("write");
  }
}

int main(int argc, char **argv) {
  struct sockaddr_in local = {.sin_family = AF_INET};
  struct in6_addr prefix;
  int no = IP_PMTUDISC_DONT, buffer = SOCKET_BUFFER;
  if ((argc != 5 && argc != 7) || inet_pton(AF_INET, argv[2], &local.sin_addr) != 1 ||
      inet_pton(AF_INET6, argv[4], &prefix) != 1 || (argc == 7 && inet_pton(AF_INET, argv[5], &router.sin_addr) != 1)) {
    fprintf(stderr, "usage: sixbed DEVICE IPV4 PORT PREFIX [ROUTER-IPV4 ROUTER-PORT]\n");
    return 2;
  }
  local.sin_port = htons((uint16_t)atoi(argv[3]));
  if (argc == 7) {
    router.sin_family = AF_INET;
    router.sin_port = htons((uint16_t)atoi(argv[6]));
  }
  memcpy(own, &prefix, 8);
  make_address(own, &local, 1);
  tun = open_tun(argv[1]);
  udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (udp < 0 || bind(udp, (struct sockaddr *)&local, sizeof local)) fail("UDP");
  if (setsockopt(udp, IPPROTO_IP, IP_MTU_DISCOVER, &no, sizeof no)) fail("IP_MTU_DISCOVER");
  if (setsockopt(udp, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer)) fail("SO_RCVBUFFORCE");
  if (setsockopt(udp, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer)) fail("SO_SNDBUFFORCE");
  int poll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = tun};
  if (epoll_ctl(poll, EPOLL_CTL_ADD, tun, &event)) fail("epoll_ctl");
  event.data.fd = udp;
  if (epoll_ctl(poll, EPOLL_CTL_ADD, udp, &event)) fail("epoll_ctl");
  puts("ready");
  fflush(stdout);
  for (;;) {
    struct epoll_event events[2];
    int count = epoll_wait(poll, events, 2, -1);
    for (int n = 0; n < count; n++) events[n].data.fd == tun ? out() : in();
  }
}
