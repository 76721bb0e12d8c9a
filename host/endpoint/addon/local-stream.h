/* SPDX-License-Identifier: Apache-2.0 */
/* Streams within this machine other than connections: pipes, and the standard streams. */
#ifndef FUNNEL_LOCAL_STREAM_H
#define FUNNEL_LOCAL_STREAM_H

#include <node_api.h>

napi_value stream_pair(napi_env env, napi_callback_info info);
napi_value take_standard(napi_env env, napi_callback_info info);
napi_value make_fifo(napi_env env, napi_callback_info info);
napi_value open_fifo(napi_env env, napi_callback_info info);

#endif
