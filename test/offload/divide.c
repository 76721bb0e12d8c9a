/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests: divides what a header of virtio claims to be a large segment. Each line of the input is
 * `NETWORK TRANSPORT SIZE TCP CHECKSUM HEX`; the output has a line `refused`, or the packets, and an empty
 * line. CHECKSUM is the offset of the field that is completed, or -1.
 */
#include "../../host/endpoint/addon/offload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
  char *line = NULL;
  size_t room = 0;
  while (getline(&line, &room, stdin) > 0) {
    uint32_t network, transport, size;
    int is_tcp, checksum, at;
    if (sscanf(line, "%u %u %u %d %d %n", &network, &transport, &size, &is_tcp, &checksum, &at) != 5) return 2;
    const uint32_t length = (uint32_t)(strcspn(line + at, "\n") / 2);
    /* Exactly as large, so that a sanitizer notices a step beyond. */
    uint8_t *frame = malloc(length ? length : 1);
    for (uint32_t i = 0; i < length; i++) {
      unsigned int byte;
      if (sscanf(line + at + 2 * i, "%2x", &byte) != 1) return 3;
      frame[i] = (uint8_t)byte;
    }
    struct division division;
    if (checksum >= 0) {
      puts(complete_checksum(frame, length, transport, (uint32_t)checksum) ? "completed" : "refused");
    } else if (!begin_division(&division, frame, length, network, transport, size, is_tcp)) {
      puts("refused");
    } else {
      for (uint32_t next; (next = next_length(&division));) {
        uint8_t *packet = malloc(next);
        take_packet(&division, packet);
        for (uint32_t i = 0; i < next; i++) printf("%02x", packet[i]);
        puts("");
        free(packet);
      }
    }
    puts("");
    free(frame);
  }
  free(line);
  return 0;
}
