/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes that several files of the addon share. */
#ifndef FUNNEL_LIMITS_H
#define FUNNEL_LIMITS_H

enum {
  /* The most frames in one batch, and the most that one wake-up reads, so that no channel starves another. */
  MAX_SLOTS = 256,
  /* A small room and the spill together hold the largest datagram. Ordinary traffic never touches the spill,
     so the system never backs its pages. */
  SPILL_BYTES = 65536 + 256,
  /*
   * Ancillary data of one datagram: packet info, hop limit, traffic class, and an extended error with its
   * address.
   */
  CONTROL_BYTES = 256,
  /* The key of a channel: the name of the piece and how it opened the channel. */
  MAX_KEY_BYTES = 1024,
  /* The note of a channel: some hundred addresses and routes. */
  MAX_NOTE_BYTES = 65536,
};

#endif
