/* SPDX-License-Identifier: Apache-2.0 */
#include "libssl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

static struct libssl found;
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
  FIND(DTLS_method);
  FIND(SSL_CTX_new);
  FIND(SSL_CTX_free);
  FIND(SSL_CTX_ctrl);
  FIND(SSL_CTX_set_options);
  FIND(SSL_CTX_set_cipher_list);
  FIND(SSL_CTX_set_verify);
  FIND(SSL_CTX_set_cert_verify_callback);
  FIND(SSL_CTX_use_certificate);
  FIND(SSL_CTX_use_PrivateKey);
  FIND(SSL_new);
  FIND(SSL_free);
  FIND(SSL_ctrl);
  FIND(SSL_set_bio);
  FIND(SSL_set_accept_state);
  FIND(SSL_set_connect_state);
  FIND(SSL_set_ex_data);
  FIND(SSL_get_ex_data);
  FIND(SSL_get_ex_data_X509_STORE_CTX_idx);
  FIND(SSL_set_tlsext_use_srtp);
  FIND(SSL_get_selected_srtp_profile);
  FIND(SSL_export_keying_material);
  FIND(SSL_do_handshake);
  FIND(SSL_read);
  FIND(SSL_get_error);
  FIND(DTLS_set_timer_cb);
  FIND(OpenSSL_version_num);
  FIND(ERR_clear_error);
  FIND(BIO_get_new_index);
  FIND(BIO_meth_new);
  FIND(BIO_meth_set_write);
  FIND(BIO_meth_set_read);
  FIND(BIO_meth_set_ctrl);
  FIND(BIO_new);
  FIND(BIO_set_data);
  FIND(BIO_get_data);
  FIND(BIO_set_init);
  FIND(BIO_set_flags);
  FIND(BIO_clear_flags);
  FIND(X509_STORE_CTX_get_ex_data);
  FIND(X509_STORE_CTX_get0_cert);
  FIND(X509_STORE_CTX_set_error);
  FIND(X509_new);
  FIND(X509_free);
  FIND(X509_set_version);
  FIND(X509_get_serialNumber);
  FIND(ASN1_INTEGER_set_uint64);
  FIND(X509_getm_notBefore);
  FIND(X509_getm_notAfter);
  FIND(X509_gmtime_adj);
  FIND(X509_set_pubkey);
  FIND(X509_get_subject_name);
  FIND(X509_NAME_add_entry_by_txt);
  FIND(X509_set_issuer_name);
  FIND(X509_sign);
  FIND(X509_digest);
  FIND(EVP_PKEY_Q_keygen);
  FIND(EVP_PKEY_free);
  FIND(EVP_sha1);
  FIND(EVP_sha256);
  FIND(EVP_sha384);
  FIND(EVP_sha512);
  FIND(RAND_bytes);
}

const struct libssl *find_libssl(void) {
  pthread_once(&once, find_all);
  return is_complete ? &found : NULL;
}
