/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The addon offers features of the operating system that Node's core lacks: tun and tap devices, and UDP,
 * raw and packet sockets with their headers, in batches.
 *
 * Theory of operation.  A *batch* belongs to one endpoint of one lane. It knows the lane's frame memory (one
 * ArrayBuffer that lives as long as the lane) and a few typed arrays through which integers pass in both
 * directions, so that a call carries numbers only. A *channel* is one descriptor that reads into, and writes
 * from, a batch. Several channels (the sockets of one UDP endpoint) share a batch, because the callback
 * empties it before anything is read again.
 *
 *   uv_poll reports readable → read up to `slots` frames, frame i straight to memory[addresses[i]]
 *                            → one callback (channel, count)
 *                            → the host takes the rows and sets fresh addresses
 *
 * A frame larger than a small room goes on in slot i of the *spill*. The host then finds a large room and
 * calls gather().
 *
 * All state belongs to the environment (instance data), so every worker thread has its own. The exception is
 * the handover of a thread that was ended by force (handover.c).
 *
 * Each file includes only headers of files below it:
 *
 *     module → tun, udp-*, raw, packet-socket, stream, local-*, terminal, inherited, link* → ip-socket
 *            → channel, tls → batch, handover, namespace, cipher → instance, values, offload
 *            → limits, packet, namespace-protocol, netlink, openssl, libssl
 */
#include "batch.h"
#include "channel.h"
#include "cipher.h"
#include "file-lock.h"
#include "handover.h"
#include "instance.h"
#include "inherited.h"
#include "link.h"
#include "namespace.h"
#include "local-packet.h"
#include "local-stream.h"
#include "packet-socket.h"
#include "raw.h"
#include "stream.h"
#include "tls.h"
#include "terminal.h"
#include "tun.h"
#include "udp.h"
#include "values.h"

#include <errno.h>
#include <stdlib.h>

static void free_instance(struct funnel_instance *instance) {
  napi_async_cleanup_hook_handle cleanup = instance->cleanup;
  for (uint32_t i = 0; i < instance->batch_count; i++)
    if (instance->batches[i]) drop_batch(instance, instance->batches[i]);
  drop_key_stores(instance);
  free(instance->channels);
  free(instance->batches);
  free(instance);
  napi_remove_async_cleanup_hook(cleanup);
}

/*
 * The environment ends. Open channels are left to the next lane or closed, and the instance lives until libuv
 * has released them. No Node-API value is touched any more.
 */
static void on_environment_end(napi_async_cleanup_hook_handle handle, void *data) {
  struct funnel_instance *instance = data;
  instance->cleanup = handle;
  instance->on_idle = free_instance;
  for (uint32_t i = 0; i < instance->channel_count; i++)
    if (instance->channels[i]) end_channel(instance->channels[i]);
  if (!instance->open_polls) free_instance(instance);
}

static void export(napi_env env, napi_value exports, const char *name, napi_callback call) {
  napi_value function;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, call, NULL, &function) == napi_ok)
    napi_set_named_property(env, exports, name, function);
}

NAPI_MODULE_INIT() {
  struct funnel_instance *instance = calloc(1, sizeof *instance);
  if (!instance) return throw_errno(env, ENOMEM, "load");
  instance->env = env;
  if (napi_set_instance_data(env, instance, NULL, NULL) != napi_ok ||
      napi_add_async_cleanup_hook(env, on_environment_end, instance, &instance->cleanup) != napi_ok) {
    free(instance);
    napi_throw_error(env, NULL, "the addon cannot be attached to this environment");
    return NULL;
  }
  export(env, exports, "createBatch", create_batch);
  export(env, exports, "releaseBatch", release_batch);
  export(env, exports, "gather", gather);
  export(env, exports, "start", start_channel);
  export(env, exports, "close", close_channel_call);
  export(env, exports, "adopt", adopt_channel);
  export(env, exports, "handover", set_handover);
  export(env, exports, "dropHandover", drop_handover);
  export(env, exports, "note", note_channel);
  export(env, exports, "takeDrops", take_drops);
  export(env, exports, "openTun", open_tun);
  export(env, exports, "writeTun", write_tun);
  export(env, exports, "openUdp", open_udp);
  export(env, exports, "adoptUdp", adopt_udp);
  export(env, exports, "sendUdp", send_datagrams);
  export(env, exports, "openRaw", open_raw);
  export(env, exports, "sendRaw", send_datagrams);
  export(env, exports, "packetDevice", packet_device);
  export(env, exports, "openPacket", open_packet);
  export(env, exports, "packetFilter", set_packet_filter);
  export(env, exports, "writePackets", write_packets);
  export(env, exports, "openKeyStore", open_key_store);
  export(env, exports, "closeKeyStore", close_key_store);
  export(env, exports, "tlsFingerprint", tls_fingerprint);
  export(env, exports, "tlsOpen", tls_open);
  export(env, exports, "tlsReceive", tls_receive);
  export(env, exports, "tlsExpire", tls_expire);
  export(env, exports, "tlsExportKeys", tls_export_keys);
  export(env, exports, "tlsClose", tls_close);
  export(env, exports, "importKey", import_key);
  export(env, exports, "deriveKey", derive_key);
  export(env, exports, "dropKey", drop_key);
  export(env, exports, "runTasks", run_tasks);
  export(env, exports, "poll", poll_channel);
  export(env, exports, "packetChannel", packet_channel);
  export(env, exports, "sendPacket", send_packet);
  export(env, exports, "packetPeer", packet_peer);
  export(env, exports, "forgetPeer", forget_peer_call);
  export(env, exports, "expirePeers", expire_peers);
  export(env, exports, "listenStream", listen_stream);
  export(env, exports, "connectStream", connect_stream);
  export(env, exports, "adoptStream", adopt_stream);
  export(env, exports, "inheritStream", inherit_stream);
  export(env, exports, "inheritDescriptor", inherit_descriptor);
  export(env, exports, "notifyManager", notify_manager);
  export(env, exports, "streamPair", stream_pair);
  export(env, exports, "takeStandard", take_standard);
  export(env, exports, "makeFifo", make_fifo);
  export(env, exports, "openFifo", open_fifo);
  export(env, exports, "openPty", open_pty);
  export(env, exports, "openSerial", open_serial);
  export(env, exports, "hasHungUp", has_hung_up);
  export(env, exports, "accept", accept_stream);
  export(env, exports, "streamNames", stream_names);
  export(env, exports, "streamError", stream_error);
  export(env, exports, "readStream", read_stream);
  export(env, exports, "writeStream", write_stream);
  export(env, exports, "endStream", end_stream);
  export(env, exports, "resetStream", reset_stream);
  export(env, exports, "shareUdp", share_udp);
  export(env, exports, "setBroadcast", set_broadcast);
  export(env, exports, "lockFile", lock_file);
  export(env, exports, "namespacePair", namespace_pair);
  export(env, exports, "askNamespace", ask_namespace_call);
  export(env, exports, "closeNamespace", close_namespace);
  export(env, exports, "closeDescriptor", close_descriptor);
  export(env, exports, "linkIndex", link_index);
  export(env, exports, "setLink", set_link);
  export(env, exports, "changeAddress", change_address);
  export(env, exports, "changeRoute", change_route);
  export(env, exports, "promoteSecondaries", promote_secondaries);
  export(env, exports, "readLink", read_link);
  export(env, exports, "routeDevice", route_device);
  export(env, exports, "watchLinks", watch_links);
  return exports;
}
