/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of DTLS for pieces, by the OpenSSL of this process: interface `tls` of the contract. */
#ifndef FUNNEL_TLS_H
#define FUNNEL_TLS_H

#include <node_api.h>

napi_value tls_fingerprint(napi_env env, napi_callback_info info);
napi_value tls_open(napi_env env, napi_callback_info info);
napi_value tls_receive(napi_env env, napi_callback_info info);
napi_value tls_expire(napi_env env, napi_callback_info info);
napi_value tls_export_keys(napi_env env, napi_callback_info info);
napi_value tls_close(napi_env env, napi_callback_info info);

#endif
