/* SPDX-License-Identifier: Apache-2.0 */
/* Packet sockets: the frames of a network device. */
#ifndef FUNNEL_PACKET_SOCKET_H
#define FUNNEL_PACKET_SOCKET_H

#include <node_api.h>

napi_value packet_device(napi_env env, napi_callback_info info);
napi_value open_packet(napi_env env, napi_callback_info info);
napi_value set_packet_filter(napi_env env, napi_callback_info info);
napi_value write_packets(napi_env env, napi_callback_info info);

#endif
