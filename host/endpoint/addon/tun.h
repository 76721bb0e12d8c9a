/* SPDX-License-Identifier: Apache-2.0 */
/* Tun and tap devices (Linux: Documentation/networking/tuntap.rst). */
#ifndef FUNNEL_TUN_H
#define FUNNEL_TUN_H

#include <node_api.h>

napi_value open_tun(napi_env env, napi_callback_info info);
napi_value write_tun(napi_env env, napi_callback_info info);

#endif
