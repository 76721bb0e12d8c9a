/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages between the addon and a helper process in another network namespace, over a pair of
 * SOCK_SEQPACKET sockets: one datagram for a request, one datagram for its reply, in turn. A reply may carry
 * one descriptor (SCM_RIGHTS).
 */
#ifndef FUNNEL_NAMESPACE_PROTOCOL_H
#define FUNNEL_NAMESPACE_PROTOCOL_H

#include <stdint.h>

enum {
  /* The descriptor of the socket in the helper, and of the pipe to which it reports how the command ended. */
  CONTROL_FD = 3,
  STATUS_FD = 4,
  /* The payload of a request or reply. A socket takes datagrams of 200 KiB unless an administrator lowers the
   * limit. */
  MAX_PAYLOAD = 65536,
};

enum request_kind {
  /* Opens a tun device. a: IFF_ flags; payload: its name. Reply: a descriptor, value: its index, text: its
   * name. */
  REQUEST_TUN = 1,
  /* Makes a socket. a: family, b: type, c: protocol; payload: nothing, or a use, an address, a port and
   * options, each with a NUL. Uses: `open`, which ignores address and port; `bind`; `connect`, which does not
   * wait for the connection. Options: `transparent` (IP_TRANSPARENT), `reuse` (SO_REUSEADDR, which each TCP
   * socket that is bound has), `six-only` (IPV6_V6ONLY), `device=NAME` (SO_BINDTODEVICE). Reply: a
   * descriptor. */
  REQUEST_SOCKET,
  /* Puts a read-only file of its own in place of another. payload: path, NUL, content. */
  REQUEST_FILE,
  /* Puts an empty folder in place of another. payload: path. */
  REQUEST_HIDE,
  /* Sets a variable of the kernel. payload: path under /proc/sys, NUL, value. */
  REQUEST_SYSCTL,
  /* Runs a program to its end. a: number of arguments; payload: the arguments, each with a NUL, then its
   * standard input. Reply: value: its wait status, text: its output. */
  REQUEST_TOOL,
  /* Starts the command. a: the treatment of processes that outlive it, enum leftovers. Reply: value: its
   * process. */
  REQUEST_RUN,
  /* Sends a signal to the command. a: the signal. */
  REQUEST_SIGNAL,
};

enum leftovers {
  /* SIGTERM, and SIGKILL two seconds later. */
  LEFTOVERS_END,
  /* The namespace stays until the last of these processes has ended. */
  LEFTOVERS_WAIT,
};

struct request_head {
  uint32_t kind;
  int32_t a, b, c;
};

/* `error` is an errno, 0 for none. The first reply comes without a request, when the namespace is ready or
 * has failed; its text is then the step that failed. */
struct reply_head {
  int32_t error;
  int32_t value;
};

#endif
