/* SPDX-License-Identifier: Apache-2.0 */
/* Headers that the addon reads and writes itself. */
#ifndef FUNNEL_PACKET_H
#define FUNNEL_PACKET_H

#include <stddef.h>
#include <stdint.h>

enum {
  ETHERNET_HEADER = 14,
  IPV4_HEADER = 20,
  IPV6_HEADER = 40,
  UDP_HEADER = 8,
};

/* The Internet checksum (RFC 1071): adds bytes to a sum, and makes the field's value of it. */
uint32_t sum_bytes(uint32_t sum, const uint8_t *bytes, size_t length);
uint16_t fold(uint32_t sum);

static inline void put16(uint8_t *at, uint32_t value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}
static inline uint16_t get16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }

#endif
