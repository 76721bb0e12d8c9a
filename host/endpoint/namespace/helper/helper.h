/* SPDX-License-Identifier: Apache-2.0 */
/*
 * funnel-namespace: a process in a network namespace of its own, for a Funnel outside of it.
 *
 *   funnel-namespace [--map-root | --outside] [-- COMMAND ARGUMENT…]       control socket: descriptor 3; status pipe: descriptor 4
 *
 * Theory of operation.  The Funnel starts it as its child, with the standard streams that the command is to have. It makes
 * a user namespace (unless it may do without, as root), a network namespace and a mount namespace, and reports on the
 * control socket that they are there. Then it serves requests (namespace-protocol.h): it opens tun devices and sockets inside, and
 * hands their descriptors over. A route netlink socket is one of them, and that is how the Funnel configures devices inside
 * without this process: the kernel lets act on it whoever owns the user namespace. So this process does nothing for a
 * frame, and nothing for an address or route.
 *
 * The command is its child, in the same process group and session, so that the terminal's signals reach it and job control
 * works. This process ignores them, forwards what the Funnel asks for, and reports how the command ended. It adopts
 * processes whose parents have ended (PR_SET_CHILD_SUBREAPER), so that it knows all that is left.
 *
 * When the control socket closes, the Funnel is gone: everything here is killed. When this process is killed, the kernel
 * kills the command (PR_SET_PDEATHSIG), and the Funnel what is left.
 *
 * With --outside it makes no namespace: then it only sees to it that the command ends with the Funnel.
 *
 * It has no privilege that its user lacks, and is not setuid.
 */
#ifndef FUNNEL_NAMESPACE_HELPER_H
#define FUNNEL_NAMESPACE_HELPER_H

#include "../../addon/namespace-protocol.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* isolate.c: 0, or an errno with the name of the step that failed. */
int isolate(bool map_root, const char **step);

/* mounts.c */
int prepare_mounts(void);
int replace_file(const char *path, const char *content, size_t length);
int hide_folder(const char *path);
/* Puts files in place again whose target was replaced under them. */
void renew_files(void);

/* serve.c */
void say_hello(int error, const char *step);
/* Handles one request. False when the Funnel is gone. */
bool serve_request(void);

/* command.c */
/*
 * With `lets_go`, the standard input and output are the command's alone once it runs, so that their other side learns
 * when it closes them.
 */
void set_command(char **argv, bool lets_go);
int start_command(int leftovers, pid_t *pid);
int signal_command(int number);
/* Children have changed state. True when all is over. */
bool reap(void);
/* The time in milliseconds after which `tend` wants to be called; -1 for never. */
int tend_after(void);
void tend(void);
_Noreturn void kill_everything(void);

/* tool.c */
int run_tool(int argc, const char *payload, size_t length, char *output, size_t *output_length, int *status);

#endif
