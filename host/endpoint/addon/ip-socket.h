/* SPDX-License-Identifier: Apache-2.0 */
/* The code that UDP sockets and raw sockets share: options, binding, and reading in batches. */
#ifndef FUNNEL_IP_SOCKET_H
#define FUNNEL_IP_SOCKET_H

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct channel;

struct ip_options {
  /* AF_INET or AF_INET6. */
  int family;
  /* 0 for raw sockets. */
  int port;
  int reuse;
  int broadcast;
  /* Whether the kernel may divide an IPv6 datagram that is larger than the path. */
  int fragment;
  bool raw;
  /* Texts; empty for any, or none. */
  char address[INET6_ADDRSTRLEN];
  char group[INET6_ADDRSTRLEN];
  char device[IF_NAMESIZE];
};

bool set_option(int fd, int level, int option, int value);
/* Sets the buffers of a socket that carries packets, as large as the system permits. */
void set_buffers(int fd);
/* The packets that the kernel dropped in all because the queue of the socket was full. */
uint32_t socket_drops(const struct channel *channel);
/*
 * Sets the options by which header fields come and go. `dual`: also those of IPv4, on an IPv6 socket. Returns
 * 0 or an errno.
 */
int set_ip_options(int fd, const struct ip_options *options, bool dual);
/* Sets all options and binds. Returns 0, or an errno with the name of the failed call in `what`. */
int bind_ip_socket(int fd, const struct ip_options *options, unsigned int device, const char **what);
/* Fills in the facts about the socket for sending and for the error queue. */
void describe_ip_socket(struct channel *channel, int family, unsigned int device);
/*
 * Receives into the batch, each payload behind `header` bytes, which the caller fills from the ancillary
 * data. Returns the number, or a negative errno.
 */
int receive_ip(struct channel *channel, uint32_t header);
/* The IPv6 header of a datagram that was received, from its ancillary data, at `at`. */
void write_ipv6_header(struct msghdr *message, const struct sockaddr_in6 *from, uint32_t payload, uint8_t protocol,
                       uint8_t *at);

#endif
