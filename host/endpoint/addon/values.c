/* SPDX-License-Identifier: Apache-2.0 */
#include "values.h"

#include <uv.h>
#include <string.h>

#include <stdio.h>

/* The Error has `code` (EPERM …), `errno` and `syscall`, like a system error of Node itself. */
napi_value throw_errno(napi_env env, int error, const char *what) {
  char text[256];
  napi_value code, message, thrown;
  snprintf(text, sizeof text, "%s: %s", what, strerror(error));
  napi_create_string_utf8(env, uv_err_name(-error), NAPI_AUTO_LENGTH, &code);
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &message);
  napi_create_error(env, code, message, &thrown);
  set_int(env, thrown, "errno", error);
  set_text(env, thrown, "syscall", what);
  napi_throw(env, thrown);
  return NULL;
}

napi_value throw_argument(napi_env env, const char *what) {
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", what);
  return NULL;
}

bool arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values) {
  size_t given = count;
  if (napi_get_cb_info(env, info, &given, values, NULL, NULL) == napi_ok && given >= count) return true;
  throw_argument(env, "an argument is missing");
  return false;
}

bool get_int(napi_env env, napi_value value, int32_t *into) {
  if (napi_get_value_int32(env, value, into) == napi_ok) return true;
  throw_argument(env, "an argument must be an integer");
  return false;
}

bool get_text(napi_env env, napi_value value, char *into, size_t size) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, NULL, 0, &length) == napi_ok && length < size &&
      napi_get_value_string_utf8(env, value, into, size, &length) == napi_ok && strlen(into) == length)
    return true;
  throw_argument(env, "an argument must be a text, and not so long");
  return false;
}

bool named_int(napi_env env, napi_value object, const char *name, int32_t *into) {
  napi_value value;
  bool yes;
  if (napi_get_named_property(env, object, name, &value) != napi_ok) {
    throw_argument(env, "an argument must be an object");
    return false;
  }
  if (napi_get_value_bool(env, value, &yes) == napi_ok) {
    *into = yes;
    return true;
  }
  return get_int(env, value, into);
}

bool named_text(napi_env env, napi_value object, const char *name, char *into, size_t size) {
  napi_value value;
  if (napi_get_named_property(env, object, name, &value) == napi_ok) return get_text(env, value, into, size);
  throw_argument(env, "an argument must be an object");
  return false;
}

napi_value make_int(napi_env env, int32_t value) {
  napi_value made = NULL;
  napi_create_int32(env, value, &made);
  return made;
}

void set_int(napi_env env, napi_value object, const char *name, int32_t value) {
  napi_set_named_property(env, object, name, make_int(env, value));
}

void set_text(napi_env env, napi_value object, const char *name, const char *value) {
  napi_value made;
  napi_create_string_utf8(env, value, NAPI_AUTO_LENGTH, &made);
  napi_set_named_property(env, object, name, made);
}
