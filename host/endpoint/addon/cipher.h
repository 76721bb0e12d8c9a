/* SPDX-License-Identifier: Apache-2.0 */
/* Symmetric cryptography for pieces, by the OpenSSL of this process: interface `crypto` of the contract. */
#ifndef FUNNEL_CIPHER_H
#define FUNNEL_CIPHER_H

#include <node_api.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct funnel_instance;
struct key_store;

napi_value open_key_store(napi_env env, napi_callback_info info);
napi_value close_key_store(napi_env env, napi_callback_info info);
napi_value import_key(napi_env env, napi_callback_info info);
napi_value derive_key(napi_env env, napi_callback_info info);
napi_value drop_key(napi_env env, napi_callback_info info);
napi_value run_tasks(napi_env env, napi_callback_info info);

/* The store that a number from JavaScript names, or NULL: then it has thrown. */
struct key_store *key_store_of(napi_env env, napi_value value);
/* The bytes of a Uint8Array, for as long as the call takes. */
bool get_bytes(napi_env env, napi_value value, uint8_t **bytes, size_t *length);
/* Makes a key of AES in counter mode. Returns its number; 0 if the store is full or there is no memory. */
uint32_t add_master_key(struct key_store *store, const uint8_t *secret, size_t bytes);
/* Erases a key. Returns whether there was one. */
bool drop_numbered_key(struct key_store *store, uint32_t number);
/* The sessions beside the keys of a store, which end with it. */
void *sessions_of(const struct key_store *store);
void set_sessions(struct key_store *store, void *sessions, void (*drop_all)(void *));

/* Erases and releases all key stores of an environment that ends. */
void drop_key_stores(struct funnel_instance *instance);

#endif
