/* SPDX-License-Identifier: Apache-2.0 */
#include "segments.h"
#include "batch.h"
#include "limits.h"

#include <stdlib.h>
#include <string.h>

bool make_segments(struct segments *segments, const struct batch *batch, uint32_t front) {
  const size_t most = front + batch->room + SPILL_BYTES;
  *segments = (struct segments){.front = front};
  /* malloc: the system backs a page only when a large frame touches it. */
  if (!(segments->work = malloc(2 * most))) return false;
  segments->packet = segments->work + most;
  return true;
}

void free_segments(struct segments *segments) { free(segments->work); }

uint8_t *rest_of_row(const struct segments *segments, const struct batch *batch) {
  return segments->work + segments->front + batch->room;
}

uint8_t *join_row(const struct segments *segments, const struct batch *batch, uint32_t slot, uint32_t length) {
  uint8_t *frame = segments->work + segments->front;
  memcpy(frame, batch->memory + batch->addresses[slot], length < batch->room ? length : batch->room);
  return frame;
}

static uint8_t kind_of(const struct virtio_net_hdr *head) { return head->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN; }

static bool is_partial(const struct virtio_net_hdr *head) { return head->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM; }

bool fits_row(const struct batch *batch, uint32_t length, const struct virtio_net_hdr *head) {
  return kind_of(head) == VIRTIO_NET_HDR_GSO_NONE && length <= batch->room;
}

bool finish_row(struct batch *batch, uint32_t slot, uint32_t length, const struct virtio_net_hdr *head) {
  batch->lengths[slot] = length;
  return !is_partial(head) ||
         complete_checksum(batch->memory + batch->addresses[slot], length, head->csum_start, head->csum_offset);
}

/* Puts a frame into a slot, in the spill what the row cannot hold. */
static void put_frame(struct batch *batch, uint32_t slot, const uint8_t *frame, uint32_t length) {
  const uint32_t first = length < batch->room ? length : batch->room;
  memcpy(batch->memory + batch->addresses[slot], frame, first);
  if (length > first) memcpy(batch->spill + (size_t)slot * SPILL_BYTES, frame + first, length - first);
  batch->lengths[slot] = length;
}

bool put_joined(struct segments *segments, struct batch *batch, uint32_t slot, uint8_t *frame, uint32_t length,
                uint32_t network, uint32_t start, const struct virtio_net_hdr *head) {
  const uint8_t kind = kind_of(head);
  if (kind != VIRTIO_NET_HDR_GSO_NONE) {
    const bool is_tcp = kind == VIRTIO_NET_HDR_GSO_TCPV4 || kind == VIRTIO_NET_HDR_GSO_TCPV6;
    if ((!is_tcp && kind != GSO_UDP) || !is_partial(head)) return false;
    segments->is_dividing = begin_division(&segments->division, frame, length, network, start, head->gso_size, is_tcp);
    return segments->is_dividing;
  }
  if (is_partial(head) && !complete_checksum(frame, length, start, head->csum_offset)) return false;
  put_frame(batch, slot, frame, length);
  return true;
}

bool put_division(struct segments *segments, struct batch *batch, uint32_t slot) {
  const uint32_t length = next_length(&segments->division);
  segments->is_dividing = length > 0;
  if (!length) return false;
  if (length <= batch->room) {
    take_packet(&segments->division, batch->memory + batch->addresses[slot]);
    batch->lengths[slot] = length;
  } else {
    take_packet(&segments->division, segments->packet);
    put_frame(batch, slot, segments->packet, length);
  }
  return true;
}
