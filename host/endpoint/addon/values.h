/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arguments that come from JavaScript, and errors that go there. A function that returns false or NULL has
 * thrown.
 */
#ifndef FUNNEL_VALUES_H
#define FUNNEL_VALUES_H

#include <node_api.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Both return NULL, so that a call can return their result. */
napi_value throw_errno(napi_env env, int error, const char *what);
napi_value throw_argument(napi_env env, const char *what);

bool arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values);
bool get_int(napi_env env, napi_value value, int32_t *into);
bool get_text(napi_env env, napi_value value, char *into, size_t size);
/* A property of an object. named_int also takes a boolean: 0 or 1. */
bool named_int(napi_env env, napi_value object, const char *name, int32_t *into);
bool named_text(napi_env env, napi_value object, const char *name, char *into, size_t size);
napi_value make_int(napi_env env, int32_t value);
void set_int(napi_env env, napi_value object, const char *name, int32_t value);
void set_text(napi_env env, napi_value object, const char *name, const char *value);

#endif
