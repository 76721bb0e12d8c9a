/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams: TCP, UNIX stream sockets, and any descriptor that is read and written as a sequence of bytes.
 *
 * Datagrams are read as soon as they arrive, and are lost if there is no room. Bytes of a stream must not be
 * lost, so a stream only notifies its owner. The owner reads when it has rows for the bytes, and does not
 * poll while it has none.
 */
#ifndef FUNNEL_STREAM_H
#define FUNNEL_STREAM_H

#include <node_api.h>

napi_value listen_stream(napi_env env, napi_callback_info info);
napi_value connect_stream(napi_env env, napi_callback_info info);
napi_value adopt_stream(napi_env env, napi_callback_info info);
napi_value inherit_stream(napi_env env, napi_callback_info info);
napi_value accept_stream(napi_env env, napi_callback_info info);
napi_value stream_names(napi_env env, napi_callback_info info);
napi_value stream_error(napi_env env, napi_callback_info info);
napi_value read_stream(napi_env env, napi_callback_info info);
napi_value write_stream(napi_env env, napi_callback_info info);
napi_value end_stream(napi_env env, napi_callback_info info);
napi_value reset_stream(napi_env env, napi_callback_info info);

#endif
