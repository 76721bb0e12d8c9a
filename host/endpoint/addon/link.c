/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configures interfaces without the `ip` program, by route netlink (rtnetlink(7)). Each call is one request
 * and its acknowledgement, in the network namespace in which the socket was made: with the argument `netlink`
 * that is one from elsewhere (namespace.h), and -1 stands for that of the calling process. Netlink and not
 * ioctl, because netlink has one form for both families and allows several IPv4 addresses on a device.
 */
#include "link.h"
#include "values.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>

struct request {
  struct nlmsghdr head;
  union {
    struct ifinfomsg link;
    struct ifaddrmsg address;
    struct rtmsg route;
  } body;
  uint8_t attributes[128];
};

static void begin(struct request *request, uint16_t type, uint16_t flags, size_t body) {
  memset(request, 0, sizeof *request);
  request->head.nlmsg_len = (uint32_t)NLMSG_LENGTH(body);
  request->head.nlmsg_type = type;
  request->head.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
}

static struct rtattr *add(struct request *request, uint16_t type, const void *data, size_t length) {
  struct rtattr *attribute = (struct rtattr *)((uint8_t *)request + NLMSG_ALIGN(request->head.nlmsg_len));
  attribute->rta_type = type;
  attribute->rta_len = (uint16_t)RTA_LENGTH(length);
  if (length) memcpy(RTA_DATA(attribute), data, length);
  request->head.nlmsg_len = (uint32_t)(NLMSG_ALIGN(request->head.nlmsg_len) + RTA_ALIGN(attribute->rta_len));
  return attribute;
}

static void close_nest(const struct request *request, struct rtattr *nest) {
  nest->rta_len = (uint16_t)((const uint8_t *)request + request->head.nlmsg_len - (const uint8_t *)nest);
}

/* Sends a request. Returns 0, or the errno of the kernel's refusal or of a failed call. */
static int ask(int netlink, struct request *request) {
  int fd = netlink >= 0 ? netlink : socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  _Alignas(struct nlmsghdr) uint8_t answer[1024];
  int error = 0;
  if (fd < 0) return errno;
  if (sendto(fd, request, request->head.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0) error = errno;
  else {
    ssize_t length = recv(fd, answer, sizeof answer, 0);
    const struct nlmsghdr *head = (struct nlmsghdr *)answer;
    if (length < 0) error = errno;
    else if (!NLMSG_OK(head, (size_t)length) || head->nlmsg_type != NLMSG_ERROR) error = EPROTO;
    else error = -((const struct nlmsgerr *)NLMSG_DATA(head))->error;
  }
  if (fd != netlink) close(fd);
  return error;
}

/* linkIndex(name, netlink) → the interface's number. */
napi_value link_index(napi_env env, napi_callback_info info) {
  napi_value values[2];
  int32_t netlink;
  struct ifreq request = {0};
  if (!arguments(env, info, 2, values) || !get_text(env, values[0], request.ifr_name, sizeof request.ifr_name) ||
      !get_int(env, values[1], &netlink))
    return NULL;
  if (netlink < 0) request.ifr_ifindex = (int)if_nametoindex(request.ifr_name);
  else if (ioctl(netlink, SIOCGIFINDEX, &request)) request.ifr_ifindex = 0;
  return request.ifr_ifindex ? make_int(env, request.ifr_ifindex) : throw_errno(env, errno, request.ifr_name);
}

/*
 * setLink(index, mtu, up, quiet, netlink): -1 leaves a value as it is. Quiet: no link-local address, hence no
 * solicitations.
 */
napi_value set_link(napi_env env, napi_callback_info info) {
  napi_value values[5];
  int32_t index, mtu, up, quiet, netlink;
  struct request request;
  if (!arguments(env, info, 5, values) || !get_int(env, values[0], &index) || !get_int(env, values[1], &mtu) ||
      !get_int(env, values[2], &up) || !get_int(env, values[3], &quiet) || !get_int(env, values[4], &netlink))
    return NULL;
  begin(&request, RTM_NEWLINK, 0, sizeof request.body.link);
  request.body.link.ifi_index = index;
  if (up >= 0) {
    request.body.link.ifi_change = IFF_UP;
    request.body.link.ifi_flags = up ? IFF_UP : 0;
  }
  if (mtu >= 0) add(&request, IFLA_MTU, &mtu, sizeof mtu);
  if (quiet >= 0) {
    uint8_t mode = quiet ? IN6_ADDR_GEN_MODE_NONE : IN6_ADDR_GEN_MODE_EUI64;
    struct rtattr *families = add(&request, IFLA_AF_SPEC, NULL, 0);
    struct rtattr *six = add(&request, AF_INET6, NULL, 0);
    add(&request, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof mode);
    close_nest(&request, six);
    close_nest(&request, families);
  }
  int error = ask(netlink, &request);
  return error ? throw_errno(env, error, "set link") : NULL;
}

/* The family of a numeric address and its bytes; 0 after throwing. */
static uint8_t read_address(napi_env env, napi_value value, uint8_t *into, size_t *length) {
  char text[INET6_ADDRSTRLEN];
  if (!get_text(env, value, text, sizeof text)) return 0;
  *length = 4;
  if (inet_pton(AF_INET, text, into) == 1) return AF_INET;
  *length = 16;
  if (inet_pton(AF_INET6, text, into) == 1) return AF_INET6;
  throw_argument(env, "not a numeric address");
  return 0;
}

/* changeAddress(index, address, prefixLength, add, netlink) */
napi_value change_address(napi_env env, napi_callback_info info) {
  napi_value values[5];
  int32_t index, prefix, present, netlink;
  uint8_t address[16];
  size_t length;
  struct request request;
  if (!arguments(env, info, 5, values) || !get_int(env, values[0], &index) || !get_int(env, values[2], &prefix) ||
      !get_int(env, values[3], &present) || !get_int(env, values[4], &netlink))
    return NULL;
  uint8_t family = read_address(env, values[1], address, &length);
  if (!family) return NULL;
  if (prefix < 0 || (size_t)prefix > length * 8) return throw_argument(env, "prefix length");
  begin(&request, present ? RTM_NEWADDR : RTM_DELADDR, present ? NLM_F_CREATE | NLM_F_EXCL : 0,
        sizeof request.body.address);
  request.body.address = (struct ifaddrmsg){.ifa_family = family, .ifa_prefixlen = (uint8_t)prefix};
  request.body.address.ifa_index = (uint32_t)index;
  /* No other host is on a tun device, so duplicate address detection finds none. */
  if (family == AF_INET6) request.body.address.ifa_flags = IFA_F_NODAD;
  add(&request, IFA_LOCAL, address, length);
  add(&request, IFA_ADDRESS, address, length);
  int error = ask(netlink, &request);
  return error ? throw_errno(env, error, present ? "add address" : "remove address") : NULL;
}

/* changeRoute(index, destination, prefixLength, add, netlink): adds or removes a route into the interface. */
napi_value change_route(napi_env env, napi_callback_info info) {
  napi_value values[5];
  int32_t index, prefix, present, netlink;
  uint8_t destination[16];
  size_t length;
  struct request request;
  if (!arguments(env, info, 5, values) || !get_int(env, values[0], &index) || !get_int(env, values[2], &prefix) ||
      !get_int(env, values[3], &present) || !get_int(env, values[4], &netlink))
    return NULL;
  uint8_t family = read_address(env, values[1], destination, &length);
  if (!family) return NULL;
  if (prefix < 0 || (size_t)prefix > length * 8) return throw_argument(env, "prefix length");
  begin(&request, present ? RTM_NEWROUTE : RTM_DELROUTE, present ? NLM_F_CREATE | NLM_F_EXCL : 0,
        sizeof request.body.route);
  request.body.route = (struct rtmsg){
      .rtm_family = family,
      .rtm_dst_len = (uint8_t)prefix,
      .rtm_table = RT_TABLE_MAIN,
      .rtm_protocol = RTPROT_STATIC,
      .rtm_scope = family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
      .rtm_type = RTN_UNICAST,
  };
  if (prefix) add(&request, RTA_DST, destination, length);
  add(&request, RTA_OIF, &index, sizeof index);
  int error = ask(netlink, &request);
  return error ? throw_errno(env, error, present ? "add route" : "remove route") : NULL;
}
