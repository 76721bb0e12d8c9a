/* SPDX-License-Identifier: Apache-2.0 */
/* Symmetric cryptography for pieces, by the OpenSSL of this process: interface `crypto` of the contract. */
#ifndef FUNNEL_CIPHER_H
#define FUNNEL_CIPHER_H

#include <node_api.h>

struct funnel_instance;

napi_value open_key_store(napi_env env, napi_callback_info info);
napi_value close_key_store(napi_env env, napi_callback_info info);
napi_value import_key(napi_env env, napi_callback_info info);
napi_value derive_key(napi_env env, napi_callback_info info);
napi_value drop_key(napi_env env, napi_callback_info info);
napi_value run_tasks(napi_env env, napi_callback_info info);

/* Erases and releases all key stores of an environment that ends. */
void drop_key_stores(struct funnel_instance *instance);

#endif
