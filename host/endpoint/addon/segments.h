/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading from a system that leaves work to its network card: frames come with a header of virtio, and a
 * large segment fills several slots, one packet each.
 */
#ifndef FUNNEL_SEGMENTS_H
#define FUNNEL_SEGMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_net.h>

#include "offload.h"

struct batch;

/* linux/virtio_net.h has it since Linux 6.2. */
enum { GSO_UDP = 5 };

/* In place of the length of a frame that is lost; the host has the same numbers. */
enum {
  LOST_TOO_LARGE = 0,
  LOST_OFFLOAD = -1,
};

struct segments {
  bool is_dividing;
  struct division division;
  /* Room for `front` bytes, the bytes of a row, and those of the spill; then one packet of a division. */
  uint8_t *work;
  uint8_t *packet;
  uint32_t front;
};

/*
 * Makes the buffers for frames of this batch. `front`: bytes that the owner may put in front. False: no
 * memory.
 */
bool make_segments(struct segments *segments, const struct batch *batch, uint32_t front);
void free_segments(struct segments *segments);
/* Where the bytes of a frame go that do not fit into its row; SPILL_BYTES of room. */
uint8_t *rest_of_row(const struct segments *segments, const struct batch *batch);
/* Joins what was read into a row with its rest, behind `front` bytes of room. */
uint8_t *join_row(const struct segments *segments, const struct batch *batch, uint32_t slot, uint32_t length);
/* Whether this frame, as read, equals that on the wire, or can be made so in its row. */
bool fits_row(const struct batch *batch, uint32_t length, const struct virtio_net_hdr *head);
/* Completes the checksum of a frame in its row that fits. False: its header lies. */
bool finish_row(struct batch *batch, uint32_t slot, uint32_t length, const struct virtio_net_hdr *head);
/*
 * Puts a joined frame into a slot, or begins to divide it. `network`, `start`: the offsets of its IP header
 * and of what its checksum covers. False: its header lies, and it is lost.
 */
bool put_joined(struct segments *segments, struct batch *batch, uint32_t slot, uint8_t *frame, uint32_t length,
                uint32_t network, uint32_t start, const struct virtio_net_hdr *head);
/* Puts the next packet of the large segment into a slot. False: all are taken. */
bool put_division(struct segments *segments, struct batch *batch, uint32_t slot);

#endif
