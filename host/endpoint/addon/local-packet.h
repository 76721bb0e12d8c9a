/* SPDX-License-Identifier: Apache-2.0 */
/* UNIX sockets whose messages have borders: datagrams and sequenced packets (unix(7)). */
#ifndef FUNNEL_LOCAL_PACKET_H
#define FUNNEL_LOCAL_PACKET_H

#include <node_api.h>

napi_value packet_channel(napi_env env, napi_callback_info info);
napi_value send_packet(napi_env env, napi_callback_info info);
napi_value packet_peer(napi_env env, napi_callback_info info);
napi_value forget_peer_call(napi_env env, napi_callback_info info);
napi_value expire_peers(napi_env env, napi_callback_info info);

#endif
