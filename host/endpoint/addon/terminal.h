/* SPDX-License-Identifier: Apache-2.0 */
/* Terminals as streams of bytes: pseudo-terminals, and serial lines. */
#ifndef FUNNEL_TERMINAL_H
#define FUNNEL_TERMINAL_H

#include <node_api.h>

napi_value open_pty(napi_env env, napi_callback_info info);
napi_value open_serial(napi_env env, napi_callback_info info);
napi_value has_hung_up(napi_env env, napi_callback_info info);

#endif
