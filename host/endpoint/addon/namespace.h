/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another network namespace, by way of a helper process in it (../namespace/helper).
 *
 * A process of several threads cannot enter a user namespace, and so not a network namespace that belongs to
 * one. But a descriptor that another process opened inside works outside: a tun device passes frames by its
 * descriptor, and a route netlink socket acts on the namespace in which it was made. The kernel then checks
 * that both the process that made the socket and the one that uses it have CAP_NET_ADMIN there; the owner of
 * a user namespace has it, in the parent namespace. So only opening goes through the helper, and no frame,
 * address or route.
 */
#ifndef FUNNEL_NAMESPACE_H
#define FUNNEL_NAMESPACE_H

#include <node_api.h>

/* A tun device inside: its descriptor, name and index; or -1 with errno, and in `step` the call that failed.
 */
int open_tun_inside(int control, int flags, char *name, int *index, const char **step);

napi_value namespace_pair(napi_env env, napi_callback_info info);
napi_value close_namespace(napi_env env, napi_callback_info info);
napi_value close_descriptor(napi_env env, napi_callback_info info);
napi_value ask_namespace_call(napi_env env, napi_callback_info info);

#endif
