/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration of network interfaces: to change it, to read it, and to watch it for changes. */
#ifndef FUNNEL_LINK_H
#define FUNNEL_LINK_H

#include <node_api.h>

napi_value link_index(napi_env env, napi_callback_info info);
napi_value set_link(napi_env env, napi_callback_info info);
napi_value change_address(napi_env env, napi_callback_info info);
napi_value change_route(napi_env env, napi_callback_info info);
napi_value promote_secondaries(napi_env env, napi_callback_info info);
napi_value read_link(napi_env env, napi_callback_info info);
napi_value route_device(napi_env env, napi_callback_info info);
napi_value watch_links(napi_env env, napi_callback_info info);

#endif
