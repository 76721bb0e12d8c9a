/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The opposite of a division (offload.h): packets of one flow that follow each other become one large
 * segment, which the system divides into the same packets, byte for byte, or delivers whole.
 */
#ifndef FUNNEL_JOINING_H
#define FUNNEL_JOINING_H

#include <stdbool.h>
#include <stdint.h>

#include "limits.h"

enum {
  /* The longest headers of a segment: Ethernet, IPv6, TCP with all its options. */
  MOST_HEADER = 14 + 40 + 60,
  /* Behind the last frame of a run. */
  NO_FRAME = 0xffff,
  /* The offsets of the checksum in the headers of TCP and UDP. */
  TCP_CHECKSUM = 16,
  UDP_CHECKSUM = 6,
};

/* Packets that become one segment, or a single frame of any kind. */
struct run {
  /* The first and the last of its frames, and their number. */
  uint16_t first, last, count;
  /* Whether more frames may follow. */
  bool is_open;
  bool is_tcp;
  /* The offsets of the header of TCP or UDP, and of the payload, in each frame. */
  uint32_t transport, payload;
  /* The payload of each packet but the last, and of all. */
  uint32_t size, total;
};

/* The runs of the frames of one batch, in the order of their first frames. */
struct runs {
  uint32_t count;
  struct run runs[MAX_SLOTS];
  /* The frame that follows each in its run, or NO_FRAME. */
  uint16_t next[MAX_SLOTS];
};

/*
 * Plans the runs of `count` frames at `addresses` in `memory`, whose IP headers are at the offset `network`:
 * 0, or 14 for Ethernet. The frames lie within memory. Nothing changes its order within a flow.
 */
void plan_runs(struct runs *runs, const uint8_t *memory, const uint32_t *addresses, const uint32_t *lengths, uint32_t count,
               uint32_t network, bool with_udp);
/*
 * Writes the headers of the large segment of a run of several frames into `header`: `run->payload` bytes. The
 * field of its checksum has the sum of the pseudo header.
 */
void write_run_header(const struct run *run, const uint8_t *first, const uint8_t *last, uint32_t network, uint8_t *header);

#endif
