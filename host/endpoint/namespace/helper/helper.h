/* SPDX-License-Identifier: Apache-2.0 */
/*
 * funnel-namespace: a process in a network namespace of its own, for a Funnel outside of it.
 *
 *   funnel-namespace [--map-root | --outside] [--set NAME=VALUE]… [-- COMMAND ARGUMENT…]
 *                                   control socket: descriptor 3; status pipe: descriptor 4
 *
 * Theory of operation. The Funnel starts it as its child, with the standard streams of the command. It makes
 * a user namespace (unless root needs none), a network namespace and a mount namespace, and reports on the
 * control socket that they are ready. Then it serves requests (namespace-protocol.h): it opens tun devices
 * and sockets inside, and passes their descriptors on. With one of them, a route netlink socket, the Funnel
 * configures devices inside without this process: the kernel permits this to the owner of the user namespace.
 * So this process does nothing for a frame, and nothing for an address or route.
 *
 * The command is its child, in the same process group and session, so that the terminal's signals reach it
 * and job control works. This process ignores them, forwards the signals that the Funnel requests, and
 * reports how the command ended. It adopts processes whose parents have ended (PR_SET_CHILD_SUBREAPER), so
 * that it knows all remaining processes.
 *
 * When the control socket closes, the Funnel is gone: everything here is killed. When this process is killed,
 * the kernel kills the command (PR_SET_PDEATHSIG), and the Funnel kills the rest.
 *
 * With --outside it makes no namespace, and only ensures that the command ends with the Funnel.
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
/* Mounts files again whose target was replaced. */
void renew_files(void);

/* serve.c */
void say_hello(int error, const char *step);
/* Handles one request. Returns false when the Funnel is gone. */
bool serve_request(void);

/* command.c */
/*
 * With `lets_go`, only the command keeps the standard input and output once it runs, so that their other side
 * sees when the command closes them.
 */
void set_command(char **argv, bool lets_go);
/* A variable that only the command gets, such as LD_PRELOAD, which would change this process as well. */
void set_variable_of_command(char *assignment);
int start_command(int leftovers, pid_t *pid);
int signal_command(int number);
/* Handles state changes of children. Returns true when all have ended. */
bool reap(void);
/* The time in milliseconds until the next call of `tend`; -1 for never. */
int tend_after(void);
void tend(void);
_Noreturn void kill_everything(void);

/* tool.c */
int run_tool(int argc, const char *payload, size_t length, char *output, size_t *output_length, int *status);

#endif
