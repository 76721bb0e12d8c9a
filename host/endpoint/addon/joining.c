/* SPDX-License-Identifier: Apache-2.0 */
#include "joining.h"
#include "packet.h"

#include <string.h>

enum {
  TCP_HEADER = 20,
  TCP_FIN = 0x01,
  TCP_PSH = 0x08,
  TCP_ACK = 0x10,
  TCP_ECE = 0x40,
  PROTOCOL_TCP = 6,
  PROTOCOL_UDP = 17,
  /* The largest packet of IP. */
  MOST_PACKET = 65535,
  /* Runs that are looked at for a frame; older ones are closed. */
  MOST_OPEN = 16,
};

/* One frame, as far as it concerns joining. */
struct segment {
  const uint8_t *ip, *transport;
  /* The offsets in the frame. */
  uint32_t transport_at, payload_at;
  uint32_t payload;
  bool is_ipv4, is_tcp;
  /* Whether it may be the first, or a later one, of several; and whether it is the last in any case. */
  bool is_joinable, is_last;
};

static uint32_t get32(const uint8_t *at) { return (uint32_t)get16(at) << 16 | get16(at + 2); }

static uint32_t pseudo_sum(const uint8_t *ip, bool is_ipv4, uint32_t protocol, uint32_t contents) {
  return is_ipv4 ? sum_bytes(contents + protocol, ip + 12, 8) : sum_bytes(contents + protocol, ip + 8, 32);
}

/*
 * Reads a frame. False: it is no whole packet of TCP or UDP, so its flow is unknown. The system makes the
 * checksums of a large segment anew, so a packet with a wrong one must not be joined.
 */
static bool read_segment(struct segment *segment, const uint8_t *frame, uint32_t length, uint32_t network, bool with_udp) {
  if (length < network + IPV4_HEADER + UDP_HEADER) return false;
  if (network && get16(frame + network - 2) != (frame[network] >> 4 == 4 ? 0x0800 : 0x86dd)) return false;
  const uint8_t *ip = frame + network;
  const uint32_t version = ip[0] >> 4;
  uint32_t header, protocol, total;
  if (version == 4) {
    header = IPV4_HEADER;
    total = get16(ip + 2);
    protocol = ip[9];
    if ((ip[0] & 15) * 4u != header || (get16(ip + 6) & 0xbfff)) return false;
  } else {
    header = IPV6_HEADER;
    if (version != 6 || length < network + IPV6_HEADER + UDP_HEADER) return false;
    total = IPV6_HEADER + get16(ip + 4);
    protocol = ip[6];
  }
  if ((protocol != PROTOCOL_TCP && protocol != PROTOCOL_UDP) || total < header + UDP_HEADER || total > length - network) return false;
  const uint8_t *transport = ip + header;
  const uint32_t contents = total - header;
  *segment = (struct segment){.ip = ip,
                              .transport = transport,
                              .transport_at = network + header,
                              .is_ipv4 = version == 4,
                              .is_tcp = protocol == PROTOCOL_TCP};
  /* Bytes behind the packet would be lost. */
  if (total != length - network || (version == 4 && fold(sum_bytes(0, ip, IPV4_HEADER)))) return true;
  uint32_t own = UDP_HEADER;
  if (segment->is_tcp) {
    if (contents < TCP_HEADER) return true;
    own = (transport[12] >> 4) * 4u;
    const uint8_t flags = transport[13];
    if (own < TCP_HEADER || (flags & ~(TCP_FIN | TCP_PSH | TCP_ECE)) != TCP_ACK || get16(transport + 18)) return true;
    segment->is_last = flags & (TCP_FIN | TCP_PSH);
  } else if (!with_udp || get16(transport + 4) != contents || !get16(transport + 6)) {
    return true;
  }
  if (own >= contents || fold(sum_bytes(pseudo_sum(ip, version == 4, protocol, contents), transport, contents))) return true;
  segment->payload_at = segment->transport_at + own;
  segment->payload = contents - own;
  segment->is_joinable = true;
  return true;
}

static bool is_same_flow(const struct segment *a, const struct segment *b) {
  if (a->is_ipv4 != b->is_ipv4 || a->is_tcp != b->is_tcp || memcmp(a->transport, b->transport, 4)) return false;
  return a->is_ipv4 ? !memcmp(a->ip + 12, b->ip + 12, 8) : !memcmp(a->ip + 8, b->ip + 8, 32);
}

/* Whether the system makes the header of `next` from that of the first of the run, whose flow is the same. */
static bool continues(const struct run *run, const struct segment *first, const struct segment *next, uint32_t network) {
  if (next->payload > run->size || next->payload_at != run->payload) return false;
  if (run->payload - network + run->total + next->payload > MOST_PACKET) return false;
  /* The Ethernet header; version, lengths of headers, traffic class, flow label. */
  if (network && memcmp(first->ip - network, next->ip - network, network)) return false;
  if (first->is_ipv4) {
    /* Traffic class, flags, hop limit. */
    if (first->ip[1] != next->ip[1] || first->ip[6] != next->ip[6] || first->ip[8] != next->ip[8] ||
        ((get16(first->ip + 4) + run->count) & 0xffff) != get16(next->ip + 4))
      return false;
  } else if (memcmp(first->ip, next->ip, 4) || first->ip[7] != next->ip[7]) {
    return false;
  }
  if (!first->is_tcp) return true;
  const uint8_t *from = first->transport, *to = next->transport;
  return get32(from + 4) + run->total == get32(to + 4) && !memcmp(from + 8, to + 8, 5) && from[13] == (to[13] & ~(TCP_FIN | TCP_PSH)) &&
         !memcmp(from + 14, to + 14, 2) && !memcmp(from + TCP_HEADER, to + TCP_HEADER, run->payload - (run->transport + TCP_HEADER));
}

void plan_runs(struct runs *runs, const uint8_t *memory, const uint32_t *addresses, const uint32_t *lengths, uint32_t count,
               uint32_t network, bool with_udp) {
  /* The runs that may go on, with their first frames. */
  struct {
    struct run *run;
    struct segment first;
  } open[MOST_OPEN];
  uint32_t open_count = 0;
  runs->count = 0;
  for (uint32_t i = 0; i < count; i++) {
    struct segment segment;
    runs->next[i] = NO_FRAME;
    const bool is_known = read_segment(&segment, memory + addresses[i], lengths[i], network, with_udp);
    /* It may belong to any flow, as a fragment does. */
    if (!is_known) open_count = 0;
    uint32_t at = 0;
    while (at < open_count && !(is_known && is_same_flow(&open[at].first, &segment))) at++;
    if (at < open_count) {
      struct run *run = open[at].run;
      if (segment.is_joinable && continues(run, &open[at].first, &segment, network)) {
        runs->next[run->last] = (uint16_t)i;
        run->last = (uint16_t)i;
        run->count++;
        run->total += segment.payload;
        if (segment.is_last || segment.payload < run->size) open[at] = open[--open_count];
        continue;
      }
      open[at] = open[--open_count];
    }
    struct run *run = &runs->runs[runs->count++];
    *run = (struct run){.first = (uint16_t)i, .last = (uint16_t)i, .count = 1};
    if (!is_known || !segment.is_joinable || segment.is_last) continue;
    run->is_tcp = segment.is_tcp;
    run->transport = segment.transport_at;
    run->payload = segment.payload_at;
    run->size = run->total = segment.payload;
    if (open_count == MOST_OPEN) memmove(open, open + 1, --open_count * sizeof *open);
    open[open_count].run = run;
    open[open_count++].first = segment;
  }
}

void write_run_header(const struct run *run, const uint8_t *first, const uint8_t *last, uint32_t network, uint8_t *header) {
  memcpy(header, first, run->payload);
  uint8_t *ip = header + network, *transport = header + run->transport;
  const bool is_ipv4 = ip[0] >> 4 == 4;
  const uint32_t contents = run->payload - run->transport + run->total;
  if (is_ipv4) {
    put16(ip + 2, run->payload - network + run->total);
    put16(ip + 10, 0);
    put16(ip + 10, fold(sum_bytes(0, ip, IPV4_HEADER)));
  } else {
    put16(ip + 4, contents);
  }
  if (run->is_tcp) transport[13] = last[run->transport + 13];
  else put16(transport + 4, contents);
  const uint32_t sum = pseudo_sum(ip, is_ipv4, run->is_tcp ? PROTOCOL_TCP : PROTOCOL_UDP, contents);
  put16(transport + (run->is_tcp ? TCP_CHECKSUM : UDP_CHECKSUM), (uint16_t)~fold(sum));
}
