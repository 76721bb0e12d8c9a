/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors that a super-server or service manager passes to this process, and notes to that manager. */
#ifndef FUNNEL_INHERITED_H
#define FUNNEL_INHERITED_H

#include <node_api.h>

napi_value inherit_descriptor(napi_env env, napi_callback_info info);
napi_value notify_manager(napi_env env, napi_callback_info info);

#endif
