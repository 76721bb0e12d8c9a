/* SPDX-License-Identifier: Apache-2.0 */
#include "offload.h"
#include "packet.h"

#include <string.h>

enum {
  TCP_HEADER = 20,
  TCP_FIN = 0x01,
  TCP_PSH = 0x08,
  TCP_CWR = 0x80,
};

static uint32_t get32(const uint8_t *at) { return (uint32_t)get16(at) << 16 | get16(at + 2); }

bool complete_checksum(uint8_t *frame, uint32_t length, uint32_t start, uint32_t offset) {
  if (start + offset + 2 > length) return false;
  uint16_t sum = fold(sum_bytes(0, frame + start, length - start));
  /* Zero stands for no checksum in UDP, and both values are zero in ones' complement. */
  put16(frame + start + offset, sum ? sum : 0xffff);
  return true;
}

bool begin_division(struct division *division, const uint8_t *frame, uint32_t length, uint32_t network,
                    uint32_t transport, uint32_t size, bool is_tcp) {
  const uint32_t least = is_tcp ? TCP_HEADER : UDP_HEADER;
  if (!size || network + IPV4_HEADER > length || transport + least > length || transport <= network) return false;
  const uint8_t version = frame[network] >> 4;
  if (version != 4 && version != 6) return false;
  if (transport - network < (uint32_t)(version == 4 ? IPV4_HEADER : IPV6_HEADER)) return false;
  if (version == 4 && (frame[network] & 15) * 4u != transport - network) return false;
  const uint32_t header = is_tcp ? (frame[transport + 12] >> 4) * 4u : UDP_HEADER;
  if (header < least || transport + header >= length) return false;
  *division = (struct division){frame, length, network, transport, transport + header, size, 0, is_tcp};
  return true;
}

uint32_t next_length(const struct division *division) {
  const uint32_t left = division->length - division->payload - division->taken;
  if (!left) return 0;
  return division->payload + (left < division->size ? left : division->size);
}

void take_packet(struct division *division, uint8_t *into) {
  const uint32_t length = next_length(division), payload = length - division->payload;
  uint8_t *ip = into + division->network, *head = into + division->transport;
  const bool is_last = division->payload + division->taken + payload == division->length;
  memcpy(into, division->frame, division->payload);
  memcpy(into + division->payload, division->frame + division->payload + division->taken, payload);
  const bool is_ipv4 = ip[0] >> 4 == 4;
  if (is_ipv4) {
    put16(ip + 2, length - division->network);
    put16(ip + 4, get16(ip + 4) + division->taken / division->size);
    put16(ip + 10, 0);
    put16(ip + 10, fold(sum_bytes(0, ip, (ip[0] & 15) * 4u)));
  } else {
    put16(ip + 4, length - division->network - IPV6_HEADER);
  }
  const uint32_t contents = length - division->transport;
  uint32_t sum = contents + (division->is_tcp ? 6 : 17);
  sum = is_ipv4 ? sum_bytes(sum, ip + 12, 8) : sum_bytes(sum, ip + 8, 32);
  uint8_t *field = head + (division->is_tcp ? 16 : 6);
  if (division->is_tcp) {
    const uint32_t sequence = get32(head + 4) + division->taken;
    put16(head + 4, sequence >> 16);
    put16(head + 6, sequence);
    /* RFC 9293 §3.1: these belong to the last bytes. RFC 3168 §6.1.2: the window was reduced once. */
    if (!is_last) head[13] &= (uint8_t)~(TCP_FIN | TCP_PSH);
    if (division->taken) head[13] &= (uint8_t)~TCP_CWR;
  } else {
    put16(head + 4, contents);
  }
  put16(field, 0);
  const uint16_t checksum = fold(sum_bytes(sum, head, contents));
  put16(field, checksum || division->is_tcp ? checksum : 0xffff);
  division->taken += payload;
}
