/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The work that a system leaves to its network card, done here: the rest of a checksum, and the division of a
 * large segment into packets.
 */
#ifndef FUNNEL_OFFLOAD_H
#define FUNNEL_OFFLOAD_H

#include <stdbool.h>
#include <stdint.h>

/* A large segment of TCP or UDP, and how much of it was taken. */
struct division {
  const uint8_t *frame;
  uint32_t length;
  /* The offsets of the IP header, of the header of TCP or UDP, and of the bytes that are divided. */
  uint32_t network, transport, payload;
  /* The payload of each packet, and the bytes that were taken. */
  uint32_t size, taken;
  bool is_tcp;
};

/*
 * Completes the checksum at `start` + `offset` over the bytes from `start` on; its field has the sum of the
 * pseudo header. False: the field is outside of the frame.
 */
bool complete_checksum(uint8_t *frame, uint32_t length, uint32_t start, uint32_t offset);
/*
 * Begins with a frame, which stays in place until all is taken. False: its headers are malformed, or it is
 * neither TCP (`is_tcp`) nor UDP over IP.
 */
bool begin_division(struct division *division, const uint8_t *frame, uint32_t length, uint32_t network,
                    uint32_t transport, uint32_t size, bool is_tcp);
/* The length of the next packet, 0 when all are taken. */
uint32_t next_length(const struct division *division);
/* Writes the next packet, which has a length. */
void take_packet(struct division *division, uint8_t *into);

#endif
