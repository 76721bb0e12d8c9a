/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions of OpenSSL that the addon calls. Node contains OpenSSL, or loads it, and its symbols are in
 * the global scope of the process. They are looked up at run time, so that the addon loads in a Node whose
 * OpenSSL is hidden or lacks one of them.
 */
#ifndef FUNNEL_OPENSSL_H
#define FUNNEL_OPENSSL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct evp_cipher_ctx_st EVP_CIPHER_CTX;
typedef struct evp_cipher_st EVP_CIPHER;
typedef struct engine_st ENGINE;

/* The state of SHA-1 (openssl/sha.h, SHA_CTX). It is plain data: HMAC copies it. */
struct sha1 {
  uint32_t state[5];
  uint32_t bits[2];
  uint32_t block[16];
  uint32_t used;
};

struct openssl {
  EVP_CIPHER_CTX *(*EVP_CIPHER_CTX_new)(void);
  void (*EVP_CIPHER_CTX_free)(EVP_CIPHER_CTX *);
  int (*EVP_CIPHER_CTX_ctrl)(EVP_CIPHER_CTX *, int, int, void *);
  int (*EVP_CipherInit_ex)(EVP_CIPHER_CTX *, const EVP_CIPHER *, ENGINE *, const unsigned char *,
                           const unsigned char *, int);
  int (*EVP_CipherUpdate)(EVP_CIPHER_CTX *, unsigned char *, int *, const unsigned char *, int);
  int (*EVP_CipherFinal_ex)(EVP_CIPHER_CTX *, unsigned char *, int *);
  const EVP_CIPHER *(*EVP_aes_128_ctr)(void);
  const EVP_CIPHER *(*EVP_aes_192_ctr)(void);
  const EVP_CIPHER *(*EVP_aes_256_ctr)(void);
  const EVP_CIPHER *(*EVP_aes_128_gcm)(void);
  const EVP_CIPHER *(*EVP_aes_192_gcm)(void);
  const EVP_CIPHER *(*EVP_aes_256_gcm)(void);
  int (*SHA1_Init)(struct sha1 *);
  int (*SHA1_Update)(struct sha1 *, const void *, size_t);
  int (*SHA1_Final)(unsigned char *, struct sha1 *);
  void (*OPENSSL_cleanse)(void *, size_t);
  int (*CRYPTO_memcmp)(const void *, const void *, size_t);
};

/* Values of openssl/evp.h for EVP_CIPHER_CTX_ctrl. */
#define GCM_GET_TAG 0x10
#define GCM_SET_TAG 0x11

/* NULL where this process has no OpenSSL with all of them. */
const struct openssl *find_openssl(void);

#endif
