/* SPDX-License-Identifier: Apache-2.0 */
/* The command: its start, its signals, its end, and the processes that outlive it. */
#include "helper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
  /* The time between SIGTERM and SIGKILL for processes that outlive the command. */
  GRACE_MS = 2000,
  /* The interval of the checks for replaced files. */
  RENEW_MS = 1000,
  MOST_VARIABLES = 16,
};

static char **command;
static char *variables[MOST_VARIABLES];
static int variable_count;
static pid_t command_pid;
static bool has_ended;
static bool lets_go_of_streams;
static int leftovers_wanted;
static int64_t kill_at = -1;

void set_command(char **argv, bool lets_go) {
  command = argv;
  lets_go_of_streams = lets_go;
}

void set_variable_of_command(char *assignment) {
  if (variable_count < MOST_VARIABLES) variables[variable_count++] = assignment;
}

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* In the child: sets the state that a child of the user's shell has. */
static _Noreturn void become_command(int report) {
  sigset_t none;
  sigemptyset(&none);
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigprocmask(SIG_SETMASK, &none, NULL);
  /* The Funnel set these flags for itself, and shares the file description with the command. */
  for (int fd = 0; fd <= 2; fd++) {
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && (flags & O_NONBLOCK)) fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
  }
  for (int i = 0; i < variable_count; i++) putenv(variables[i]);
  execvp(command[0], command);
  int error = errno;
  if (write(report, &error, sizeof error) < 0) _exit(126);
  _exit(error == ENOENT ? 127 : 126);
}

int start_command(int leftovers, pid_t *pid) {
  int report[2], error = 0;
  if (!command || command_pid) return EINVAL;
  if (pipe2(report, O_CLOEXEC)) return errno;
  const pid_t parent = getpid();
  command_pid = fork();
  if (command_pid < 0) {
    error = errno;
    command_pid = 0;
  } else if (command_pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(126);
    become_command(report[1]);
  }
  close(report[1]);
  if (!error && read(report[0], &error, sizeof error) <= 0) error = 0;
  close(report[0]);
  if (error && command_pid) {
    waitpid(command_pid, NULL, 0);
    command_pid = 0;
  }
  if (!error && lets_go_of_streams) {
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; nothing >= 0 && fd <= 1; fd++) dup2(nothing, fd);
    if (nothing > 2) close(nothing);
  }
  leftovers_wanted = leftovers;
  *pid = command_pid;
  return error;
}

int signal_command(int number) {
  if (!command_pid || has_ended) return ESRCH;
  return kill(command_pid, number) ? errno : 0;
}

/* Sends `signal` to all descendants, except to this process; returns their number. Parents by process number
 * are read once. */
static int signal_descendants(int number) {
  static struct {
    pid_t pid, parent;
    bool is_ours;
  } *processes;
  static size_t room;
  size_t count = 0;
  DIR *folder = opendir("/proc");
  if (!folder) return 0;
  for (struct dirent *entry; (entry = readdir(folder));) {
    char path[64], text[512];
    pid_t pid = (pid_t)atoi(entry->d_name), parent;
    if (pid <= 0) continue;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    if (length <= 0) continue;
    text[length] = 0;
    /* The name in parentheses may hold anything. */
    char state, *behind = strrchr(text, ')');
    if (!behind || sscanf(behind + 1, " %c %d", &state, &parent) != 2 || state == 'Z') continue;
    if (count == room) {
      void *more = realloc(processes, (room + 256) * sizeof *processes);
      if (!more) break;
      processes = more;
      room += 256;
    }
    processes[count].pid = pid;
    processes[count].parent = parent;
    processes[count++].is_ours = parent == getpid();
  }
  closedir(folder);
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = 0; i < count; i++)
      for (size_t j = 0; !processes[i].is_ours && j < count; j++)
        if (processes[j].is_ours && processes[j].pid == processes[i].parent) processes[i].is_ours = changed = true;
  }
  int found = 0;
  for (size_t i = 0; i < count; i++)
    if (processes[i].is_ours) {
      found++;
      kill(processes[i].pid, number);
    }
  return found;
}

static void report_end(int status) {
  char text[32];
  int length = WIFSIGNALED(status) ? snprintf(text, sizeof text, "signal %d\n", WTERMSIG(status))
                                   : snprintf(text, sizeof text, "exit %d\n", WEXITSTATUS(status));
  if (write(STATUS_FD, text, (size_t)length) != length) _exit(125);
}

/* A shell that suspends itself stops the whole job, just as without this process between it and the user's
 * shell. */
static void stop_with_command(void) {
  if (getpgid(command_pid) != getpgrp()) kill(0, SIGTSTP);
  kill(command_pid, SIGCONT);
}

bool reap(void) {
  int status;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
    if (pid != command_pid) continue;
    if (WIFSTOPPED(status)) {
      if (getpgid(command_pid) != getpgrp()) stop_with_command();
      continue;
    }
    has_ended = true;
    report_end(status);
    if (leftovers_wanted == LEFTOVERS_END && signal_descendants(SIGTERM)) kill_at = now_ms() + GRACE_MS;
  }
  return has_ended && pid < 0 && errno == ECHILD;
}

int tend_after(void) {
  int64_t left = kill_at < 0 ? RENEW_MS : kill_at - now_ms();
  return left < 0 ? 0 : left < RENEW_MS ? (int)left : RENEW_MS;
}

void tend(void) {
  renew_files();
  if (kill_at >= 0 && now_ms() >= kill_at) {
    signal_descendants(SIGKILL);
    /* A process that was just being made may have escaped: repeat until none is left. */
    kill_at = now_ms() + 50;
  }
}

_Noreturn void kill_everything(void) {
  /* Each round sees children that were made during the previous one. */
  while (signal_descendants(SIGKILL)) {
    while (waitpid(-1, NULL, WNOHANG) > 0) continue;
    usleep(1000);
  }
  _exit(125);
}
