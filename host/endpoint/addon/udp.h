/* SPDX-License-Identifier: Apache-2.0 */
/* UDP sockets that pass the fields of the IP header in both directions (ip(7), ipv6(7)). */
#ifndef FUNNEL_UDP_H
#define FUNNEL_UDP_H

#include <node_api.h>

struct channel;

enum {
  /* The largest payload of a datagram. */
  MOST_DATAGRAM = 65507,
};

/* udp-open.c */
napi_value open_udp(napi_env env, napi_callback_info info);
napi_value adopt_udp(napi_env env, napi_callback_info info);
napi_value share_udp(napi_env env, napi_callback_info info);
napi_value set_broadcast(napi_env env, napi_callback_info info);

/* udp-read.c */
int read_udp4(struct channel *channel);
int read_udp6(struct channel *channel);

/* udp-errors.c; of raw sockets too. */
int read_ip4_errors(struct channel *channel);
int read_ip6_errors(struct channel *channel);

/* udp-send.c */
/* Of raw sockets too. */
napi_value send_datagrams(napi_env env, napi_callback_info info);

#endif
