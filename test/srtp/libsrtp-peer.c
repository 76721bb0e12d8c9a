/*
 * Protects or unprotects packets of RTP and RTCP with libsrtp, as a peer of srtp.
 *
 *   libsrtp-peer protect|unprotect SUITE KEY     KEY: the key and its salt, in hexadecimal
 *
 * Each line of the standard input is a packet: `rtp HEX` or `rtcp HEX`. For each it prints the result in
 * hexadecimal, or `error` with the number of libsrtp.
 */
#include <srtp2/srtp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void (*set_policy)(srtp_crypto_policy_t *);

static const struct {
  const char *name;
  set_policy rtp;
  set_policy rtcp;
} suites[] = {
    {"AES_CM_128_HMAC_SHA1_80", srtp_crypto_policy_set_rtp_default, srtp_crypto_policy_set_rtcp_default},
    {"AES_CM_128_HMAC_SHA1_32", srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32,
     srtp_crypto_policy_set_rtcp_default},
    {"AES_192_CM_HMAC_SHA1_80", srtp_crypto_policy_set_aes_cm_192_hmac_sha1_80,
     srtp_crypto_policy_set_aes_cm_192_hmac_sha1_80},
    {"AES_192_CM_HMAC_SHA1_32", srtp_crypto_policy_set_aes_cm_192_hmac_sha1_32,
     srtp_crypto_policy_set_aes_cm_192_hmac_sha1_80},
    {"AES_256_CM_HMAC_SHA1_80", srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80,
     srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80},
    {"AES_256_CM_HMAC_SHA1_32", srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32,
     srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80},
    {"AEAD_AES_128_GCM", srtp_crypto_policy_set_aes_gcm_128_16_auth,
     srtp_crypto_policy_set_aes_gcm_128_16_auth},
    {"AEAD_AES_256_GCM", srtp_crypto_policy_set_aes_gcm_256_16_auth,
     srtp_crypto_policy_set_aes_gcm_256_16_auth},
};

static int from_hex(const char *text, unsigned char *to, int most) {
  int length = 0;
  unsigned byte;
  for (; length < most && sscanf(text + 2 * length, "%2x", &byte) == 1; length++) to[length] = byte;
  return length;
}

int main(int count, char **arguments) {
  if (count != 4) return 2;
  int protects = strcmp(arguments[1], "protect") == 0;
  unsigned char key[64];
  from_hex(arguments[3], key, sizeof key);
  srtp_policy_t policy;
  memset(&policy, 0, sizeof policy);
  int is_known = 0;
  for (size_t i = 0; i < sizeof suites / sizeof *suites; i++) {
    if (strcmp(suites[i].name, arguments[2]) != 0) continue;
    suites[i].rtp(&policy.rtp);
    suites[i].rtcp(&policy.rtcp);
    is_known = 1;
  }
  if (!is_known) return 2;
  policy.ssrc.type = protects ? ssrc_any_outbound : ssrc_any_inbound;
  policy.key = key;
  policy.window_size = 128;
  srtp_t session;
  int status = srtp_init();
  if (status == 0) status = srtp_create(&session, &policy);
  if (status != 0) {
    fprintf(stderr, "libsrtp refused: %d\n", status);
    return 1;
  }
  static char line[8192];
  /* libsrtp writes words, so the packet is aligned. */
  static unsigned char packet[4096 + SRTP_MAX_TRAILER_LEN + 4] __attribute__((aligned(16)));
  while (fgets(line, sizeof line, stdin) != NULL) {
    int is_rtcp = strncmp(line, "rtcp ", 5) == 0;
    int length = from_hex(line + (is_rtcp ? 5 : 4), packet, 4096);
    int result = protects ? (is_rtcp ? srtp_protect_rtcp(session, packet, &length)
                                     : srtp_protect(session, packet, &length))
                          : (is_rtcp ? srtp_unprotect_rtcp(session, packet, &length)
                                     : srtp_unprotect(session, packet, &length));
    if (result != 0) {
      printf("error %d\n", result);
      continue;
    }
    for (int i = 0; i < length; i++) printf("%02x", packet[i]);
    printf("\n");
  }
  return 0;
}
