/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions of libssl, and of what it needs of libcrypto, that `tls.c` calls. They are found as those of
 * `openssl.h` are, and may be missing where those are there.
 */
#ifndef FUNNEL_LIBSSL_H
#define FUNNEL_LIBSSL_H

#include <stddef.h>
#include <stdint.h>

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;
typedef struct ssl_method_st SSL_METHOD;
typedef struct bio_st BIO;
typedef struct bio_method_st BIO_METHOD;
typedef struct x509_st X509;
typedef struct X509_name_st X509_NAME;
typedef struct x509_store_ctx_st X509_STORE_CTX;
typedef struct evp_pkey_st EVP_PKEY;
typedef struct evp_md_st EVP_MD;
typedef struct asn1_string_st ASN1_STRING;
typedef struct ossl_lib_ctx_st OSSL_LIB_CTX;

/* openssl/srtp.h, SRTP_PROTECTION_PROFILE. */
struct srtp_profile {
  const char *name;
  unsigned long id;
};

struct libssl {
  const SSL_METHOD *(*DTLS_method)(void);
  SSL_CTX *(*SSL_CTX_new)(const SSL_METHOD *);
  void (*SSL_CTX_free)(SSL_CTX *);
  long (*SSL_CTX_ctrl)(SSL_CTX *, int, long, void *);
  uint64_t (*SSL_CTX_set_options)(SSL_CTX *, uint64_t);
  int (*SSL_CTX_set_cipher_list)(SSL_CTX *, const char *);
  void (*SSL_CTX_set_verify)(SSL_CTX *, int, void *);
  void (*SSL_CTX_set_cert_verify_callback)(SSL_CTX *, int (*)(X509_STORE_CTX *, void *), void *);
  int (*SSL_CTX_use_certificate)(SSL_CTX *, X509 *);
  int (*SSL_CTX_use_PrivateKey)(SSL_CTX *, EVP_PKEY *);
  SSL *(*SSL_new)(SSL_CTX *);
  void (*SSL_free)(SSL *);
  long (*SSL_ctrl)(SSL *, int, long, void *);
  void (*SSL_set_bio)(SSL *, BIO *, BIO *);
  void (*SSL_set_accept_state)(SSL *);
  void (*SSL_set_connect_state)(SSL *);
  int (*SSL_set_ex_data)(SSL *, int, void *);
  void *(*SSL_get_ex_data)(const SSL *, int);
  int (*SSL_get_ex_data_X509_STORE_CTX_idx)(void);
  int (*SSL_set_tlsext_use_srtp)(SSL *, const char *);
  const struct srtp_profile *(*SSL_get_selected_srtp_profile)(SSL *);
  int (*SSL_export_keying_material)(SSL *, unsigned char *, size_t, const char *, size_t, const unsigned char *, size_t,
                                    int);
  int (*SSL_do_handshake)(SSL *);
  int (*SSL_read)(SSL *, void *, int);
  int (*SSL_get_error)(const SSL *, int);
  void (*DTLS_set_timer_cb)(SSL *, unsigned int (*)(SSL *, unsigned int));
  unsigned long (*OpenSSL_version_num)(void);
  void (*ERR_clear_error)(void);
  int (*BIO_get_new_index)(void);
  BIO_METHOD *(*BIO_meth_new)(int, const char *);
  int (*BIO_meth_set_write)(BIO_METHOD *, int (*)(BIO *, const char *, int));
  int (*BIO_meth_set_read)(BIO_METHOD *, int (*)(BIO *, char *, int));
  int (*BIO_meth_set_ctrl)(BIO_METHOD *, long (*)(BIO *, int, long, void *));
  BIO *(*BIO_new)(const BIO_METHOD *);
  void (*BIO_set_data)(BIO *, void *);
  void *(*BIO_get_data)(BIO *);
  void (*BIO_set_init)(BIO *, int);
  void (*BIO_set_flags)(BIO *, int);
  void (*BIO_clear_flags)(BIO *, int);
  void *(*X509_STORE_CTX_get_ex_data)(const X509_STORE_CTX *, int);
  X509 *(*X509_STORE_CTX_get0_cert)(const X509_STORE_CTX *);
  void (*X509_STORE_CTX_set_error)(X509_STORE_CTX *, int);
  X509 *(*X509_new)(void);
  void (*X509_free)(X509 *);
  int (*X509_set_version)(X509 *, long);
  ASN1_STRING *(*X509_get_serialNumber)(X509 *);
  int (*ASN1_INTEGER_set_uint64)(ASN1_STRING *, uint64_t);
  ASN1_STRING *(*X509_getm_notBefore)(const X509 *);
  ASN1_STRING *(*X509_getm_notAfter)(const X509 *);
  ASN1_STRING *(*X509_gmtime_adj)(ASN1_STRING *, long);
  int (*X509_set_pubkey)(X509 *, EVP_PKEY *);
  X509_NAME *(*X509_get_subject_name)(const X509 *);
  int (*X509_NAME_add_entry_by_txt)(X509_NAME *, const char *, int, const unsigned char *, int, int, int);
  int (*X509_set_issuer_name)(X509 *, const X509_NAME *);
  int (*X509_sign)(X509 *, EVP_PKEY *, const EVP_MD *);
  int (*X509_digest)(const X509 *, const EVP_MD *, unsigned char *, unsigned int *);
  EVP_PKEY *(*EVP_PKEY_Q_keygen)(OSSL_LIB_CTX *, const char *, const char *, ...);
  void (*EVP_PKEY_free)(EVP_PKEY *);
  const EVP_MD *(*EVP_sha1)(void);
  const EVP_MD *(*EVP_sha256)(void);
  const EVP_MD *(*EVP_sha384)(void);
  const EVP_MD *(*EVP_sha512)(void);
  int (*RAND_bytes)(unsigned char *, int);
};

/* NULL where this process has no OpenSSL with all of them. */
const struct libssl *find_libssl(void);

#endif
