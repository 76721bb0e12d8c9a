/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the configuration of an interface: link, addresses and routes, whichever program set them. */
#include "link.h"
#include "netlink.h"
#include "values.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <net/if.h>

enum {
  /* The metric of an IPv6 route that is added without one. */
  IPV6_METRIC = 1024,
  /* An address with its prefix length, and two numbers before it. */
  LINE_BYTES = INET6_ADDRSTRLEN + 40,
  /* IFA_PROTO and IFAPROT_KERNEL_LL of Linux 5.18, for the headers of older systems. */
  ADDRESS_PROTOCOL = 11,
  KERNEL_LINK_LOCAL = 3,
};

struct lines {
  char *text;
  size_t length, size;
  bool failed;
};

struct reading {
  int32_t index;
  int32_t mtu, up, promotes, ipv6, quiet;
  char name[IF_NAMESIZE];
  struct lines lines;
};

static void add_line(struct lines *lines, const char *line) {
  size_t length = strlen(line);
  if (lines->length + length + 2 > lines->size) {
    size_t size = lines->size * 2 + length + 1024;
    char *more = realloc(lines->text, size);
    if (!more) {
      lines->failed = true;
      return;
    }
    lines->text = more;
    lines->size = size;
  }
  if (lines->length) lines->text[lines->length++] = '\n';
  memcpy(lines->text + lines->length, line, length + 1);
  lines->length += length;
}

static void restart_lines(void *context) {
  struct lines *lines = &((struct reading *)context)->lines;
  lines->length = 0;
  if (lines->text) *lines->text = 0;
}

/* The attributes from `first` on, in `length` bytes, by type. */
static void index_attributes(const struct rtattr *first, size_t length, const struct rtattr **table, size_t size) {
  memset(table, 0, size * sizeof *table);
  for (const struct rtattr *each = first; RTA_OK(each, length); each = RTA_NEXT(each, length)) {
    const size_t type = each->rta_type & NLA_TYPE_MASK;
    if (type < size) table[type] = each;
  }
}

static int32_t word_of(const struct rtattr *attribute, size_t word) {
  int32_t value = 0;
  if (attribute && RTA_PAYLOAD(attribute) >= (word + 1) * sizeof value)
    memcpy(&value, (const uint8_t *)RTA_DATA(attribute) + word * sizeof value, sizeof value);
  return value;
}

static void see_link(const struct nlmsghdr *head, void *context) {
  struct reading *reading = context;
  const struct ifinfomsg *link = NLMSG_DATA(head);
  const struct rtattr *table[IFLA_MAX + 1], *families[AF_INET6 + 1], *variables[IFLA_INET6_MAX + 1];
  if (head->nlmsg_type != RTM_NEWLINK || link->ifi_index != reading->index) return;
  index_attributes(IFLA_RTA(link), IFLA_PAYLOAD(head), table, IFLA_MAX + 1);
  reading->up = (link->ifi_flags & IFF_UP) != 0;
  reading->mtu = word_of(table[IFLA_MTU], 0);
  if (table[IFLA_IFNAME])
    snprintf(reading->name, sizeof reading->name, "%.*s", (int)RTA_PAYLOAD(table[IFLA_IFNAME]),
             (const char *)RTA_DATA(table[IFLA_IFNAME]));
  if (!table[IFLA_AF_SPEC]) return;
  index_attributes(RTA_DATA(table[IFLA_AF_SPEC]), RTA_PAYLOAD(table[IFLA_AF_SPEC]), families, AF_INET6 + 1);
  if (families[AF_INET]) {
    index_attributes(RTA_DATA(families[AF_INET]), RTA_PAYLOAD(families[AF_INET]), variables, IFLA_INET6_MAX + 1);
    reading->promotes = word_of(variables[IFLA_INET_CONF], IPV4_DEVCONF_PROMOTE_SECONDARIES - 1) != 0;
  }
  if (families[AF_INET6]) {
    index_attributes(RTA_DATA(families[AF_INET6]), RTA_PAYLOAD(families[AF_INET6]), variables, IFLA_INET6_MAX + 1);
    reading->ipv6 = word_of(variables[IFLA_INET6_CONF], DEVCONF_DISABLE_IPV6) ? 2 : 1;
    const struct rtattr *mode = variables[IFLA_INET6_ADDR_GEN_MODE];
    reading->quiet = mode && RTA_PAYLOAD(mode) >= 1 && *(const uint8_t *)RTA_DATA(mode) == IN6_ADDR_GEN_MODE_NONE;
  }
}

/* Appends a line: `before`, the address with its prefix length, and `after`. */
static void add_prefix(struct lines *lines, const char *before, int family, const void *address, int length,
                       const char *after) {
  char text[INET6_ADDRSTRLEN], line[LINE_BYTES];
  if (!inet_ntop(family, address, text, sizeof text)) return;
  snprintf(line, sizeof line, "%s%s/%d%s", before, text, length, after);
  add_line(lines, line);
}

static void see_address(const struct nlmsghdr *head, void *context) {
  struct reading *reading = context;
  const struct ifaddrmsg *message = NLMSG_DATA(head);
  const struct rtattr *table[ADDRESS_PROTOCOL + 1];
  if (head->nlmsg_type != RTM_NEWADDR || (int32_t)message->ifa_index != reading->index) return;
  if (message->ifa_family != AF_INET && message->ifa_family != AF_INET6) return;
  index_attributes(IFA_RTA(message), IFA_PAYLOAD(head), table, ADDRESS_PROTOCOL + 1);
  const struct rtattr *address = table[IFA_LOCAL] ? table[IFA_LOCAL] : table[IFA_ADDRESS];
  const struct rtattr *protocol = table[ADDRESS_PROTOCOL];
  const bool is_link_local =
      protocol && RTA_PAYLOAD(protocol) >= 1 && *(const uint8_t *)RTA_DATA(protocol) == KERNEL_LINK_LOCAL;
  if (address && RTA_PAYLOAD(address) >= (message->ifa_family == AF_INET ? 4 : 16))
    add_prefix(&reading->lines, "", message->ifa_family, RTA_DATA(address), message->ifa_prefixlen,
               is_link_local ? " link-local" : "");
}

/* A unicast route of the main table; its attributes by type. */
static const struct rtmsg *route_of(const struct nlmsghdr *head, const struct rtattr **table) {
  const struct rtmsg *route = NLMSG_DATA(head);
  if (head->nlmsg_type != RTM_NEWROUTE || (route->rtm_flags & RTM_F_CLONED)) return NULL;
  if (route->rtm_family != AF_INET && route->rtm_family != AF_INET6) return NULL;
  index_attributes(RTM_RTA(route), RTM_PAYLOAD(head), table, RTA_MAX + 1);
  const uint32_t where = table[RTA_TABLE] ? (uint32_t)word_of(table[RTA_TABLE], 0) : route->rtm_table;
  return where == RT_TABLE_MAIN ? route : NULL;
}

static void see_route(const struct nlmsghdr *head, void *context) {
  struct reading *reading = context;
  const struct rtattr *table[RTA_MAX + 1];
  const struct rtmsg *route = route_of(head, table);
  const uint8_t none[16] = {0};
  char before[32];
  if (!route || route->rtm_type != RTN_UNICAST || word_of(table[RTA_OIF], 0) != reading->index) return;
  snprintf(before, sizeof before, "%d %u ", route->rtm_protocol, (uint32_t)word_of(table[RTA_PRIORITY], 0));
  add_prefix(&reading->lines, before, route->rtm_family, table[RTA_DST] ? RTA_DATA(table[RTA_DST]) : none,
             route->rtm_dst_len, "");
}

/* One dump for both families. */
static int dump(struct reading *reading, int netlink, uint16_t type, size_t body,
                void (*each)(const struct nlmsghdr *, void *)) {
  struct netlink_request request;
  begin_request(&request, type, NLM_F_DUMP, body);
  if (type == RTM_GETADDR) {
    request.body.address.ifa_index = (uint32_t)reading->index;
  } else {
    request.body.route.rtm_table = RT_TABLE_MAIN;
    add_attribute(&request, RTA_OIF, &reading->index, sizeof reading->index);
  }
  return read_kernel(netlink, &request, each, restart_lines, reading);
}

static void set_lines(napi_env env, napi_value object, const char *name, const struct lines *lines) {
  set_text(env, object, name, lines->text ? lines->text : "");
}

/*
 * readLink(index, netlink) → { name, mtu, up, promotes, ipv6, quiet, addresses, routes }. `ipv6`: 0 none, 1
 * on, 2 switched off. `quiet`: the system makes no link-local address. A line for each address, with its
 * prefix length, and `link-local` behind one that the system made; and for each unicast route of the main
 * table into the interface, with its protocol and metric before it.
 */
napi_value read_link(napi_env env, napi_callback_info info) {
  napi_value values[2], made;
  int32_t netlink;
  struct reading reading = {.mtu = -1};
  struct netlink_request request;
  if (!arguments(env, info, 2, values) || !get_int(env, values[0], &reading.index) ||
      !get_int(env, values[1], &netlink) || napi_create_object(env, &made) != napi_ok)
    return NULL;
  begin_request(&request, RTM_GETLINK, NLM_F_ACK, sizeof request.body.link);
  request.body.link.ifi_index = reading.index;
  int error = read_kernel(netlink, &request, see_link, restart_lines, &reading);
  if (!error && reading.mtu < 0) error = ENODEV;
  if (!error) error = dump(&reading, netlink, RTM_GETADDR, sizeof request.body.address, see_address);
  if (!error) set_lines(env, made, "addresses", &reading.lines);
  if (!error) error = dump(&reading, netlink, RTM_GETROUTE, sizeof request.body.route, see_route);
  if (!error) set_lines(env, made, "routes", &reading.lines);
  if (!error && reading.lines.failed) error = ENOMEM;
  free(reading.lines.text);
  if (error) return throw_errno(env, error, "read link");
  set_int(env, made, "mtu", reading.mtu);
  set_int(env, made, "up", reading.up);
  set_int(env, made, "promotes", reading.promotes);
  set_int(env, made, "ipv6", reading.ipv6);
  set_int(env, made, "quiet", reading.quiet);
  set_text(env, made, "name", reading.name);
  return made;
}

struct wanted_route {
  uint8_t family, length;
  uint8_t destination[16];
  int32_t device;
};

static void forget_route(void *context) { ((struct wanted_route *)context)->device = 0; }

static void find_route(const struct nlmsghdr *head, void *context) {
  struct wanted_route *wanted = context;
  const struct rtattr *table[RTA_MAX + 1];
  const struct rtmsg *route = route_of(head, table);
  const size_t size = wanted->family == AF_INET ? 4 : 16;
  if (!route || route->rtm_family != wanted->family || route->rtm_dst_len != wanted->length) return;
  if (word_of(table[RTA_PRIORITY], 0) != (wanted->family == AF_INET ? 0 : IPV6_METRIC)) return;
  if (wanted->length &&
      (!table[RTA_DST] || RTA_PAYLOAD(table[RTA_DST]) < size || memcmp(RTA_DATA(table[RTA_DST]), wanted->destination, size)))
    return;
  wanted->device = table[RTA_OIF] && route->rtm_type == RTN_UNICAST ? word_of(table[RTA_OIF], 0) : -1;
}

/*
 * routeDevice(destination, prefixLength, netlink) → the interface into which the main table routes exactly
 * this prefix, with the metric of a route that is added without one; 0 for no route, -1 for a route to no
 * single interface.
 */
napi_value route_device(napi_env env, napi_callback_info info) {
  napi_value values[3];
  int32_t length, netlink;
  char text[INET6_ADDRSTRLEN];
  struct wanted_route wanted = {0};
  struct netlink_request request;
  if (!arguments(env, info, 3, values) || !get_text(env, values[0], text, sizeof text) ||
      !get_int(env, values[1], &length) || !get_int(env, values[2], &netlink))
    return NULL;
  wanted.family = strchr(text, ':') ? AF_INET6 : AF_INET;
  wanted.length = (uint8_t)length;
  if (length < 0 || length > 128 || inet_pton(wanted.family, text, wanted.destination) != 1)
    return throw_argument(env, "not a prefix");
  begin_request(&request, RTM_GETROUTE, NLM_F_DUMP, sizeof request.body.route);
  request.body.route.rtm_family = wanted.family;
  request.body.route.rtm_table = RT_TABLE_MAIN;
  int error = read_kernel(netlink, &request, find_route, forget_route, &wanted);
  return error ? throw_errno(env, error, "read routes") : make_int(env, wanted.device);
}
