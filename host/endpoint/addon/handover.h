/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The descriptors that a lane leaves when it is ended by force, with the frames that wait in them.
 *
 * A thread that is stuck in a piece cannot pass anything on. But the descriptors that it has open need not be
 * closed when its environment is torn down: each is left here under the number of a handover, with its key
 * (the name of the piece, and how it opened the descriptor) and a note of its endpoint. The next lane that
 * opens the same gets the open descriptor. dropHandover closes the rest.
 *
 * This is the only state that environments share, so it has a lock.
 */
#ifndef FUNNEL_HANDOVER_H
#define FUNNEL_HANDOVER_H

#include <node_api.h>

#include <stdbool.h>
#include <stdint.h>

/*
 * Takes a descriptor, its key and its note, which may be NULL. Returns false if there is no memory; then
 * nothing has changed.
 */
bool leave(int32_t handover, int fd, char *key, char *note);
/*
 * Returns the descriptor that was left under this key, and its note, which the caller frees. -1 if there is
 * none.
 */
int inherit(int32_t handover, const char *key, char **note);

napi_value set_handover(napi_env env, napi_callback_info info);
napi_value drop_handover(napi_env env, napi_callback_info info);

#endif
