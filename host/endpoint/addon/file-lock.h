/* SPDX-License-Identifier: Apache-2.0 */
/* Locks of files. */
#ifndef FUNNEL_FILE_LOCK_H
#define FUNNEL_FILE_LOCK_H

#include <node_api.h>

napi_value lock_file(napi_env env, napi_callback_info info);

#endif
