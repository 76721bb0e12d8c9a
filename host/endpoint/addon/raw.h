/* SPDX-License-Identifier: Apache-2.0 */
/* Raw sockets: packets of one IP protocol, with their IP headers (raw(7), ipv6(7)). */
#ifndef FUNNEL_RAW_H
#define FUNNEL_RAW_H

#include <node_api.h>

napi_value open_raw(napi_env env, napi_callback_info info);

#endif
