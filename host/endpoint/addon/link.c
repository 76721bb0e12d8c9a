/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configures interfaces without the `ip` program (netlink.h). Each call is one request and its
 * acknowledgement. Netlink and not ioctl, because netlink has one form for both families and allows several
 * IPv4 addresses on a device.
 */
#include "link.h"
#include "netlink.h"
#include "values.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>

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
 * setLink(index, mtu, up, quiet, netlink): -1 leaves a value unchanged. Quiet: no link-local address, hence
 * no solicitations.
 */
napi_value set_link(napi_env env, napi_callback_info info) {
  napi_value values[5];
  int32_t index, mtu, up, quiet, netlink;
  struct netlink_request request;
  if (!arguments(env, info, 5, values) || !get_int(env, values[0], &index) || !get_int(env, values[1], &mtu) ||
      !get_int(env, values[2], &up) || !get_int(env, values[3], &quiet) || !get_int(env, values[4], &netlink))
    return NULL;
  begin_request(&request, RTM_NEWLINK, 0, sizeof request.body.link);
  request.body.link.ifi_index = index;
  if (up >= 0) {
    request.body.link.ifi_change = IFF_UP;
    request.body.link.ifi_flags = up ? IFF_UP : 0;
  }
  if (mtu >= 0) add_attribute(&request, IFLA_MTU, &mtu, sizeof mtu);
  if (quiet >= 0) {
    uint8_t mode = quiet ? IN6_ADDR_GEN_MODE_NONE : IN6_ADDR_GEN_MODE_EUI64;
    struct rtattr *families = add_attribute(&request, IFLA_AF_SPEC, NULL, 0);
    struct rtattr *six = add_attribute(&request, AF_INET6, NULL, 0);
    add_attribute(&request, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof mode);
    close_attribute(&request, six);
    close_attribute(&request, families);
  }
  int error = ask_kernel(netlink, &request);
  return error ? throw_errno(env, error, "set link") : NULL;
}

/*
 * promoteSecondaries(index, on, netlink): whether a further IPv4 address of a subnet stays when the first one
 * is removed. Without it Linux removes all of the subnet.
 */
napi_value promote_secondaries(napi_env env, napi_callback_info info) {
  napi_value values[3];
  int32_t index, on, netlink;
  struct netlink_request request;
  if (!arguments(env, info, 3, values) || !get_int(env, values[0], &index) || !get_int(env, values[1], &on) ||
      !get_int(env, values[2], &netlink))
    return NULL;
  begin_request(&request, RTM_NEWLINK, 0, sizeof request.body.link);
  request.body.link.ifi_index = index;
  struct rtattr *families = add_attribute(&request, IFLA_AF_SPEC, NULL, 0);
  struct rtattr *four = add_attribute(&request, AF_INET, NULL, 0);
  struct rtattr *variables = add_attribute(&request, IFLA_INET_CONF, NULL, 0);
  add_attribute(&request, IPV4_DEVCONF_PROMOTE_SECONDARIES, &on, sizeof on);
  close_attribute(&request, variables);
  close_attribute(&request, four);
  close_attribute(&request, families);
  int error = ask_kernel(netlink, &request);
  return error ? throw_errno(env, error, "promote_secondaries") : NULL;
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
  struct netlink_request request;
  if (!arguments(env, info, 5, values) || !get_int(env, values[0], &index) || !get_int(env, values[2], &prefix) ||
      !get_int(env, values[3], &present) || !get_int(env, values[4], &netlink))
    return NULL;
  uint8_t family = read_address(env, values[1], address, &length);
  if (!family) return NULL;
  if (prefix < 0 || (size_t)prefix > length * 8) return throw_argument(env, "prefix length");
  begin_request(&request, present ? RTM_NEWADDR : RTM_DELADDR, present ? NLM_F_CREATE | NLM_F_EXCL : 0,
                sizeof request.body.address);
  request.body.address = (struct ifaddrmsg){.ifa_family = family, .ifa_prefixlen = (uint8_t)prefix};
  request.body.address.ifa_index = (uint32_t)index;
  /* No other host is on a tun device, so duplicate address detection finds none. */
  if (family == AF_INET6) request.body.address.ifa_flags = IFA_F_NODAD;
  add_attribute(&request, IFA_LOCAL, address, length);
  add_attribute(&request, IFA_ADDRESS, address, length);
  int error = ask_kernel(netlink, &request);
  return error ? throw_errno(env, error, present ? "add address" : "remove address") : NULL;
}

/*
 * changeRoute(index, destination, prefixLength, change, netlink): change 1 adds a route into the interface, 0
 * removes it, and 2 replaces the route to another place in one step.
 */
napi_value change_route(napi_env env, napi_callback_info info) {
  napi_value values[5];
  int32_t index, prefix, present, netlink;
  uint8_t destination[16];
  size_t length;
  struct netlink_request request;
  if (!arguments(env, info, 5, values) || !get_int(env, values[0], &index) || !get_int(env, values[2], &prefix) ||
      !get_int(env, values[3], &present) || !get_int(env, values[4], &netlink))
    return NULL;
  uint8_t family = read_address(env, values[1], destination, &length);
  if (!family) return NULL;
  if (prefix < 0 || (size_t)prefix > length * 8) return throw_argument(env, "prefix length");
  begin_request(&request, present ? RTM_NEWROUTE : RTM_DELROUTE,
                present == 2   ? NLM_F_CREATE | NLM_F_REPLACE
                : present == 1 ? NLM_F_CREATE | NLM_F_EXCL
                               : 0,
                sizeof request.body.route);
  request.body.route = (struct rtmsg){
      .rtm_family = family,
      .rtm_dst_len = (uint8_t)prefix,
      .rtm_table = RT_TABLE_MAIN,
      .rtm_protocol = RTPROT_STATIC,
      .rtm_scope = family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
      .rtm_type = RTN_UNICAST,
  };
  if (prefix) add_attribute(&request, RTA_DST, destination, length);
  add_attribute(&request, RTA_OIF, &index, sizeof index);
  int error = ask_kernel(netlink, &request);
  return error ? throw_errno(env, error, present ? "add route" : "remove route") : NULL;
}
