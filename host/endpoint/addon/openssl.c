/* SPDX-License-Identifier: Apache-2.0 */
#include "openssl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

static struct openssl found;
static bool is_complete;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void *symbol(const char *name) {
  void *address = dlsym(RTLD_DEFAULT, name);
  if (!address) is_complete = false;
  return address;
}

/* ISO C has no conversion from an object pointer to a function pointer, so the bytes are copied. */
#define FIND(name)                                       \
  do {                                                   \
    void *address = symbol(#name);                       \
    memcpy(&found.name, &address, sizeof address);       \
  } while (0)

static void find_all(void) {
  is_complete = true;
  FIND(EVP_CIPHER_CTX_new);
  FIND(EVP_CIPHER_CTX_free);
  FIND(EVP_CIPHER_CTX_ctrl);
  FIND(EVP_CipherInit_ex);
  FIND(EVP_CipherUpdate);
  FIND(EVP_CipherFinal_ex);
  FIND(EVP_aes_128_ctr);
  FIND(EVP_aes_192_ctr);
  FIND(EVP_aes_256_ctr);
  FIND(EVP_aes_128_gcm);
  FIND(EVP_aes_192_gcm);
  FIND(EVP_aes_256_gcm);
  FIND(SHA1_Init);
  FIND(SHA1_Update);
  FIND(SHA1_Final);
  FIND(OPENSSL_cleanse);
  FIND(CRYPTO_memcmp);
}

const struct openssl *find_openssl(void) {
  pthread_once(&once, find_all);
  return is_complete ? &found : NULL;
}
