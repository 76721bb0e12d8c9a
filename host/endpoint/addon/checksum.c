/* SPDX-License-Identifier: Apache-2.0 */
#include "packet.h"

uint32_t sum_bytes(uint32_t sum, const uint8_t *bytes, size_t length) {
  for (; length > 1; bytes += 2, length -= 2) sum += get16(bytes);
  return length ? sum + (uint32_t)(bytes[0] << 8) : sum;
}

uint16_t fold(uint32_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)~sum;
}
