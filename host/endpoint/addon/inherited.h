/* SPDX-License-Identifier: Apache-2.0 */
/* What a super-server or service manager gives to this process, and what it is told. */
#ifndef FUNNEL_INHERITED_H
#define FUNNEL_INHERITED_H

#include <node_api.h>

napi_value inherit_descriptor(napi_env env, napi_callback_info info);
napi_value notify_manager(napi_env env, napi_callback_info info);

#endif
