/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests: joins the frames of each batch, and divides the segments again. Each line of the input is a
 * frame in hex, an empty line ends a batch. The output has a line `run COUNT` and then the frames of each
 * run.
 *
 *   join-and-divide NETWORK UDP
 */
#include "../../host/endpoint/addon/joining.h"
#include "../../host/endpoint/addon/offload.h"

#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GAP = 64, MOST_BYTES = 8 << 20 };

static uint8_t *memory;
static uint32_t addresses[MAX_SLOTS], lengths[MAX_SLOTS], count, used;
static struct runs runs;

static void print_frame(const uint8_t *frame, uint32_t length) {
  for (uint32_t i = 0; i < length; i++) printf("%02x", frame[i]);
  putchar('\n');
}

/* The segment as the system gets it, divided as the system does it. */
static void print_divided(const struct run *run, uint32_t network) {
  uint8_t *segment = malloc(run->payload + run->total), *packet = malloc(run->payload + run->size);
  write_run_header(run, memory + addresses[run->first], memory + addresses[run->last], network, segment);
  uint8_t *at = segment + run->payload;
  for (uint16_t i = run->first; i != NO_FRAME; i = runs.next[i]) {
    memcpy(at, memory + addresses[i] + run->payload, lengths[i] - run->payload);
    at += lengths[i] - run->payload;
  }
  struct division division;
  if (at != segment + run->payload + run->total ||
      !begin_division(&division, segment, run->payload + run->total, network, run->transport, run->size, run->is_tcp)) {
    puts("no segment");
  } else {
    for (uint32_t length; (length = next_length(&division));) {
      take_packet(&division, packet);
      print_frame(packet, length);
    }
  }
  free(segment);
  free(packet);
}

static void end_batch(uint32_t network, bool with_udp) {
  plan_runs(&runs, memory, addresses, lengths, count, network, with_udp);
  for (uint32_t r = 0; r < runs.count; r++) {
    const struct run *run = &runs.runs[r];
    printf("run %u\n", run->count);
    if (run->count == 1) print_frame(memory + addresses[run->first], lengths[run->first]);
    else print_divided(run, network);
  }
  puts("");
  ASAN_UNPOISON_MEMORY_REGION(memory, MOST_BYTES);
  count = used = 0;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  const uint32_t network = (uint32_t)atoi(argv[1]);
  char *line = NULL;
  size_t size = 0;
  memory = malloc(MOST_BYTES);
  for (ssize_t got; (got = getline(&line, &size, stdin)) > 0;) {
    const uint32_t length = (uint32_t)(got - 1) / 2;
    if (!length) {
      end_batch(network, atoi(argv[2]));
      continue;
    }
    if (count == MAX_SLOTS || used + length + GAP > MOST_BYTES) return 3;
    addresses[count] = used;
    lengths[count] = length;
    for (uint32_t i = 0; i < length; i++) {
      unsigned int byte;
      if (sscanf(line + 2 * i, "%2x", &byte) != 1) return 4;
      memory[used + i] = (uint8_t)byte;
    }
    used += length;
    ASAN_POISON_MEMORY_REGION(memory + used, GAP);
    used += GAP + (8 - (length + GAP) % 8) % 8;
    count++;
  }
  free(line);
  free(memory);
  return 0;
}
