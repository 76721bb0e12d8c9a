/* SPDX-License-Identifier: Apache-2.0 */
#include "instance.h"

struct funnel_instance *instance_of(napi_env env) {
  void *data = NULL;
  napi_get_instance_data(env, &data);
  return data;
}
