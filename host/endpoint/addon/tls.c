/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DTLS 1.2 for pieces, up to the keys of SRTP.
 *
 * Theory of operation.  The sessions of a piece stand beside its keys, in its key store. All have one
 * certificate, which is made when the first session needs it, and whose private key never leaves OpenSSL. A
 * session has a BIO of its own: it reads the one datagram that the piece passed, and writes into the room
 * that the piece gets back, each datagram with its length in front. So nothing here touches a socket.
 *
 * OpenSSL measures the time until it repeats a flight with the clock of the day. A piece has another clock,
 * and a test has none that moves. So the time of OpenSSL is set to an hour, and `tls_expire` ends it. OpenSSL
 * up to 3.1 passes the address of its timer to the BIO, where it can be set. A later one passes a copy, so
 * there the timer is short, and ends by itself before the piece asks.
 *
 * Source: RFC 6347 (DTLS 1.2), RFC 5764 (DTLS-SRTP), RFC 8122 (fingerprints).
 */
#include "cipher.h"
#include "libssl.h"
#include "openssl.h"
#include "tls.h"
#include "values.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

/* Stages, by their numbers in the contract. */
enum { HANDSHAKE, ESTABLISHED, CLOSED, FAILED, UNTRUSTED };
enum { CLIENT, SERVER };

#define MAX_SESSIONS 1024
#define MAX_TRUSTED 8
#define MAX_DIGEST 64
#define MAX_PROFILES 8
#define MIN_DATAGRAM 256
#define MAX_DATAGRAM 1500
#define MAX_MASTER 32
#define MAX_SALT 14

/* Values of OpenSSL's headers. */
#define CTRL_SET_MTU 17
#define CTRL_SET_SESS_CACHE_MODE 44
#define CTRL_DTLS_HANDLE_TIMEOUT 74
#define CTRL_SET_MIN_PROTO_VERSION 123
#define CTRL_SET_MAX_PROTO_VERSION 124
#define DTLS1_2 0xfefd
#define OP_NO_QUERY_MTU (UINT64_C(1) << 12)
#define OP_NO_TICKET (UINT64_C(1) << 14)
#define OP_NO_COMPRESSION (UINT64_C(1) << 17)
#define OP_NO_RENEGOTIATION (UINT64_C(1) << 30)
#define VERIFY_PEER_ALWAYS 3
#define V_CERT_REJECTED 28
#define ERROR_WANT_READ 2
#define ERROR_ZERO_RETURN 6
#define BIO_SOURCE_SINK 0x0400
#define BIO_READ_AGAIN 0x09
#define BIO_CTRL_FLUSH 11
#define BIO_CTRL_QUERY_MTU 40
#define BIO_CTRL_SET_NEXT_TIMEOUT 45
#define BIO_CTRL_FALLBACK_MTU 47
#define MBSTRING_ASCII 0x1001

/* The time of OpenSSL's own timer, in microseconds. */
#define AN_HOUR 3600000000u
#define SHORT 20000u

struct digest {
  uint8_t algorithm;
  uint8_t length;
  uint8_t value[MAX_DIGEST];
};

struct session {
  SSL *ssl;
  int32_t stage;
  bool is_untrusted;
  uint32_t mtu;
  struct digest trusted[MAX_TRUSTED];
  uint32_t trusted_count;
  /* The datagram that OpenSSL reads next, and the room that it writes to; both within one call. */
  const uint8_t *in;
  size_t in_length;
  uint8_t *out;
  size_t out_room, out_length;
  /* OpenSSL's timer, where it may be set. */
  struct timeval *timer;
};

struct sessions {
  SSL_CTX *context;
  X509 *certificate;
  EVP_PKEY *key;
  struct session *at[MAX_SESSIONS];
};

static BIO_METHOD *method;
static bool may_set_timer;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int bio_write(BIO *bio, const char *bytes, int length) {
  struct session *session = find_libssl()->BIO_get_data(bio);
  if (length < 0 || length > 0xffff) return -1;
  /* A datagram without room is lost, as on a network: it is repeated. */
  if (!session->out || session->out_room - session->out_length < (size_t)length + 2) return length;
  uint8_t *to = session->out + session->out_length;
  to[0] = (uint8_t)(length >> 8);
  to[1] = (uint8_t)length;
  memcpy(to + 2, bytes, (size_t)length);
  session->out_length += (size_t)length + 2;
  return length;
}

static int bio_read(BIO *bio, char *bytes, int length) {
  const struct libssl *ssl = find_libssl();
  struct session *session = ssl->BIO_get_data(bio);
  ssl->BIO_clear_flags(bio, BIO_READ_AGAIN);
  if (!session->in || length < 0) {
    ssl->BIO_set_flags(bio, BIO_READ_AGAIN);
    return -1;
  }
  const size_t taken = session->in_length < (size_t)length ? session->in_length : (size_t)length;
  memcpy(bytes, session->in, taken);
  session->in = NULL;
  return (int)taken;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer) {
  (void)number;
  struct session *session = find_libssl()->BIO_get_data(bio);
  switch (command) {
    case BIO_CTRL_FLUSH: return 1;
    case BIO_CTRL_SET_NEXT_TIMEOUT:
      if (may_set_timer) session->timer = pointer;
      return 1;
    case BIO_CTRL_QUERY_MTU:
    case BIO_CTRL_FALLBACK_MTU: return (long)session->mtu;
    default: return 0;
  }
}

static void make_method(void) {
  const struct libssl *ssl = find_libssl();
  may_set_timer = ssl->OpenSSL_version_num() < 0x30200000ul;
  method = ssl->BIO_meth_new(ssl->BIO_get_new_index() | BIO_SOURCE_SINK, "datagrams of a piece");
  if (!method) return;
  ssl->BIO_meth_set_write(method, bio_write);
  ssl->BIO_meth_set_read(method, bio_read);
  ssl->BIO_meth_set_ctrl(method, bio_ctrl);
}

static unsigned int timer_length(SSL *connection, unsigned int last) {
  (void)connection;
  (void)last;
  return may_set_timer ? AN_HOUR : SHORT;
}

static const EVP_MD *digest_of(const struct libssl *ssl, int32_t algorithm) {
  switch (algorithm) {
    case 0: return ssl->EVP_sha256();
    case 1: return ssl->EVP_sha384();
    case 2: return ssl->EVP_sha512();
    case 3: return ssl->EVP_sha1();
    default: return NULL;
  }
}

/* Whether the certificate of the peer has one of the fingerprints that the piece trusts (RFC 8122 §5). */
static int verify(X509_STORE_CTX *chain, void *unused) {
  (void)unused;
  const struct libssl *ssl = find_libssl();
  const SSL *connection = ssl->X509_STORE_CTX_get_ex_data(chain, ssl->SSL_get_ex_data_X509_STORE_CTX_idx());
  struct session *session = ssl->SSL_get_ex_data(connection, 0);
  const X509 *certificate = ssl->X509_STORE_CTX_get0_cert(chain);
  for (uint32_t i = 0; i < session->trusted_count; i++) {
    const struct digest *trusted = &session->trusted[i];
    uint8_t value[MAX_DIGEST];
    unsigned int length = 0;
    if (ssl->X509_digest(certificate, digest_of(ssl, trusted->algorithm), value, &length) == 1 &&
        length == trusted->length && memcmp(value, trusted->value, length) == 0)
      return 1;
  }
  session->is_untrusted = true;
  ssl->X509_STORE_CTX_set_error(chain, V_CERT_REJECTED);
  return 0;
}

/* A certificate that signs itself, with a name that says nothing. */
static bool make_certificate(const struct libssl *ssl, struct sessions *all) {
  uint64_t serial = 0;
  all->key = ssl->EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
  all->certificate = ssl->X509_new();
  if (!all->key || !all->certificate || ssl->RAND_bytes((unsigned char *)&serial, sizeof serial) != 1) return false;
  X509_NAME *name = ssl->X509_get_subject_name(all->certificate);
  return ssl->X509_set_version(all->certificate, 2) == 1 &&
         ssl->ASN1_INTEGER_set_uint64(ssl->X509_get_serialNumber(all->certificate), serial >> 1 | 1) == 1 &&
         ssl->X509_gmtime_adj(ssl->X509_getm_notBefore(all->certificate), -86400L) &&
         ssl->X509_gmtime_adj(ssl->X509_getm_notAfter(all->certificate), 3650L * 86400L) &&
         ssl->X509_set_pubkey(all->certificate, all->key) == 1 &&
         ssl->X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASCII, (const unsigned char *)"media", -1, -1, 0) == 1 &&
         ssl->X509_set_issuer_name(all->certificate, name) == 1 &&
         ssl->X509_sign(all->certificate, all->key, ssl->EVP_sha256()) > 0;
}

static bool make_context(const struct libssl *ssl, struct sessions *all) {
  all->context = ssl->SSL_CTX_new(ssl->DTLS_method());
  if (!all->context) return false;
  ssl->SSL_CTX_set_options(all->context, OP_NO_QUERY_MTU | OP_NO_TICKET | OP_NO_COMPRESSION | OP_NO_RENEGOTIATION);
  ssl->SSL_CTX_ctrl(all->context, CTRL_SET_SESS_CACHE_MODE, 0, NULL);
  ssl->SSL_CTX_set_verify(all->context, VERIFY_PEER_ALWAYS, NULL);
  ssl->SSL_CTX_set_cert_verify_callback(all->context, verify, NULL);
  return ssl->SSL_CTX_ctrl(all->context, CTRL_SET_MIN_PROTO_VERSION, DTLS1_2, NULL) == 1 &&
         ssl->SSL_CTX_ctrl(all->context, CTRL_SET_MAX_PROTO_VERSION, DTLS1_2, NULL) == 1 &&
         ssl->SSL_CTX_set_cipher_list(all->context, "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!aNULL:!eNULL") == 1 &&
         ssl->SSL_CTX_use_certificate(all->context, all->certificate) == 1 &&
         ssl->SSL_CTX_use_PrivateKey(all->context, all->key) == 1;
}

static void drop_session(const struct libssl *ssl, struct session *session) {
  if (session->ssl) ssl->SSL_free(session->ssl);
  free(session);
}

static void drop_all(void *pointer) {
  const struct libssl *ssl = find_libssl();
  struct sessions *all = pointer;
  for (uint32_t i = 0; i < MAX_SESSIONS; i++)
    if (all->at[i]) drop_session(ssl, all->at[i]);
  if (all->context) ssl->SSL_CTX_free(all->context);
  if (all->certificate) ssl->X509_free(all->certificate);
  if (all->key) ssl->EVP_PKEY_free(all->key);
  free(all);
}

/* The sessions of a store, with their certificate; NULL where this process cannot have any. */
static struct sessions *sessions_in(struct key_store *store) {
  const struct libssl *ssl = find_libssl();
  if (!ssl) return NULL;
  struct sessions *all = sessions_of(store);
  if (all) return all;
  pthread_once(&once, make_method);
  if (!method) return NULL;
  all = calloc(1, sizeof *all);
  if (!all) return NULL;
  ssl->ERR_clear_error();
  const bool is_made = make_certificate(ssl, all) && make_context(ssl, all);
  ssl->ERR_clear_error();
  if (is_made) {
    set_sessions(store, all, drop_all);
    return all;
  }
  drop_all(all);
  return NULL;
}

static bool inside(int32_t at, int32_t length, size_t size) {
  return at >= 0 && length >= 0 && (size_t)at + (size_t)length <= size;
}

/* tlsFingerprint(store, algorithm, bytes) → the length of the fingerprint; 0 without DTLS. */
napi_value tls_fingerprint(napi_env env, napi_callback_info info) {
  napi_value values[3];
  int32_t algorithm;
  uint8_t *bytes;
  size_t size;
  if (!arguments(env, info, 3, values)) return NULL;
  struct key_store *store = key_store_of(env, values[0]);
  if (!store || !get_int(env, values[1], &algorithm) || !get_bytes(env, values[2], &bytes, &size)) return NULL;
  if (size < MAX_DIGEST) return throw_argument(env, "there is no room for a fingerprint");
  const struct sessions *all = sessions_in(store);
  if (!all) return make_int(env, 0);
  const struct libssl *ssl = find_libssl();
  unsigned int length = 0;
  const EVP_MD *digest = digest_of(ssl, algorithm);
  if (!digest || ssl->X509_digest(all->certificate, digest, bytes, &length) != 1) length = 0;
  return make_int(env, (int32_t)length);
}

/* Fingerprints: for each its algorithm, its length and its value. */
static bool read_trusted(struct session *session, const uint8_t *bytes, size_t size) {
  const struct libssl *ssl = find_libssl();
  for (size_t at = 0; at < size;) {
    if (session->trusted_count == MAX_TRUSTED || size - at < 2) return false;
    struct digest *digest = &session->trusted[session->trusted_count++];
    digest->algorithm = bytes[at];
    digest->length = bytes[at + 1];
    if (!digest_of(ssl, digest->algorithm) || digest->length > MAX_DIGEST || digest->length > size - at - 2) return false;
    memcpy(digest->value, bytes + at + 2, digest->length);
    at += 2u + digest->length;
  }
  return true;
}

/* openSSL's names of the profiles of SRTP (RFC 5764 §4.1.2, RFC 7714 §14.2). */
static const char *profile_name(int32_t number) {
  switch (number) {
    case 1: return "SRTP_AES128_CM_SHA1_80";
    case 2: return "SRTP_AES128_CM_SHA1_32";
    case 7: return "SRTP_AEAD_AES_128_GCM";
    case 8: return "SRTP_AEAD_AES_256_GCM";
    default: return NULL;
  }
}

static bool write_profiles(char *names, size_t room, const uint8_t *numbers, size_t count) {
  names[0] = 0;
  for (size_t i = 0; i < count; i++) {
    const char *name = profile_name(numbers[i]);
    if (!name || strlen(names) + strlen(name) + 2 > room) return false;
    if (i > 0) strcat(names, ":");
    strcat(names, name);
  }
  return true;
}

/*
 * tlsOpen(store, party, trusted, profiles, size) → number; 0 if there are too many, -1 for an argument that
 * is out of range, -2 without DTLS. `trusted` has fingerprints, and `profiles` a byte for each.
 */
napi_value tls_open(napi_env env, napi_callback_info info) {
  napi_value values[5];
  int32_t party, datagram;
  uint8_t *trusted, *profiles;
  size_t trusted_size, profile_count;
  if (!arguments(env, info, 5, values)) return NULL;
  struct key_store *store = key_store_of(env, values[0]);
  if (!store || !get_int(env, values[1], &party) || !get_bytes(env, values[2], &trusted, &trusted_size) ||
      !get_bytes(env, values[3], &profiles, &profile_count) || !get_int(env, values[4], &datagram))
    return NULL;
  char names[MAX_PROFILES * 32];
  if ((party != CLIENT && party != SERVER) || datagram < MIN_DATAGRAM || datagram > MAX_DATAGRAM ||
      profile_count > MAX_PROFILES || !write_profiles(names, sizeof names, profiles, profile_count))
    return make_int(env, -1);
  struct sessions *all = sessions_in(store);
  if (!all) return make_int(env, -2);
  uint32_t free_at = 0;
  while (free_at < MAX_SESSIONS && all->at[free_at]) free_at++;
  struct session *session = free_at < MAX_SESSIONS ? calloc(1, sizeof *session) : NULL;
  if (!session) return make_int(env, 0);
  const struct libssl *ssl = find_libssl();
  session->mtu = (uint32_t)datagram;
  if (!read_trusted(session, trusted, trusted_size)) {
    free(session);
    return make_int(env, -1);
  }
  ssl->ERR_clear_error();
  session->ssl = ssl->SSL_new(all->context);
  /* SSL_set_tlsext_use_srtp returns 0 for success. The BIO comes last, because a session owns it later. */
  BIO *bio = NULL;
  if (!session->ssl || (profile_count > 0 && ssl->SSL_set_tlsext_use_srtp(session->ssl, names) != 0) ||
      ssl->SSL_set_ex_data(session->ssl, 0, session) != 1 || !(bio = ssl->BIO_new(method))) {
    drop_session(ssl, session);
    ssl->ERR_clear_error();
    return make_int(env, 0);
  }
  ssl->BIO_set_data(bio, session);
  ssl->BIO_set_init(bio, 1);
  ssl->SSL_set_bio(session->ssl, bio, bio);
  ssl->SSL_ctrl(session->ssl, CTRL_SET_MTU, datagram, NULL);
  ssl->DTLS_set_timer_cb(session->ssl, timer_length);
  if (party == SERVER) ssl->SSL_set_accept_state(session->ssl);
  else ssl->SSL_set_connect_state(session->ssl);
  all->at[free_at] = session;
  return make_int(env, (int32_t)free_at + 1);
}

static struct session *session_of(const struct key_store *store, int32_t number) {
  const struct sessions *all = sessions_of(store);
  return all && number >= 1 && number <= MAX_SESSIONS ? all->at[number - 1] : NULL;
}

static int32_t stage_after(const struct libssl *ssl, struct session *session, int result) {
  switch (ssl->SSL_get_error(session->ssl, result)) {
    case ERROR_WANT_READ: return session->stage;
    case ERROR_ZERO_RETURN: return CLOSED;
    default: return session->is_untrusted ? UNTRUSTED : FAILED;
  }
}

/* Does what can be done now. Data of the peer is read and left out: the media is beside the session. */
static void advance(const struct libssl *ssl, struct session *session) {
  if (session->stage == HANDSHAKE) {
    const int result = ssl->SSL_do_handshake(session->ssl);
    session->stage = result == 1 ? ESTABLISHED : stage_after(ssl, session, result);
  }
  while (session->stage == ESTABLISHED) {
    uint8_t scratch[2048];
    const int result = ssl->SSL_read(session->ssl, scratch, sizeof scratch);
    find_openssl()->OPENSSL_cleanse(scratch, sizeof scratch);
    if (result > 0) continue;
    session->stage = stage_after(ssl, session, result);
    return;
  }
}

/* Runs a session with a datagram, or at the end of its time. Returns as tls_receive. */
static napi_value run(napi_env env, struct session *session, const uint8_t *in, size_t length, bool expires,
                      uint8_t *out, size_t room) {
  const struct libssl *ssl = find_libssl();
  if (session->stage > ESTABLISHED) return make_int(env, session->stage);
  session->in = in;
  session->in_length = length;
  session->out = out;
  session->out_room = room;
  session->out_length = 0;
  ssl->ERR_clear_error();
  if (expires) {
    if (session->timer && (session->timer->tv_sec || session->timer->tv_usec))
      *session->timer = (struct timeval){.tv_usec = 1};
    if (ssl->SSL_ctrl(session->ssl, CTRL_DTLS_HANDLE_TIMEOUT, 0, NULL) < 0) session->stage = FAILED;
  }
  if (session->stage <= ESTABLISHED) advance(ssl, session);
  ssl->ERR_clear_error();
  session->in = NULL;
  session->out = NULL;
  return make_int(env, session->stage | (int32_t)session->out_length << 3);
}

/*
 * tlsReceive(store, session, datagram, out) → the stage, and above its three bits the number of bytes in
 * `out`; -1 without such a session. An empty datagram begins the handshake of a client.
 */
napi_value tls_receive(napi_env env, napi_callback_info info) {
  napi_value values[4];
  int32_t number;
  uint8_t *in, *out;
  size_t in_size, room;
  if (!arguments(env, info, 4, values)) return NULL;
  struct key_store *store = key_store_of(env, values[0]);
  if (!store || !get_int(env, values[1], &number) || !get_bytes(env, values[2], &in, &in_size) ||
      !get_bytes(env, values[3], &out, &room))
    return NULL;
  struct session *session = session_of(store, number);
  if (!session) return make_int(env, -1);
  return run(env, session, in_size > 0 ? in : NULL, in_size, false, out, room);
}

/* tlsExpire(store, session, out) → as tlsReceive: repeats the last flight, if the peer has to answer it. */
napi_value tls_expire(napi_env env, napi_callback_info info) {
  napi_value values[3];
  int32_t number;
  uint8_t *out;
  size_t room;
  if (!arguments(env, info, 3, values)) return NULL;
  struct key_store *store = key_store_of(env, values[0]);
  if (!store || !get_int(env, values[1], &number) || !get_bytes(env, values[2], &out, &room)) return NULL;
  struct session *session = session_of(store, number);
  if (!session) return make_int(env, -1);
  return run(env, session, NULL, 0, true, out, room);
}

static void profile_lengths(unsigned long profile, size_t *key, size_t *salt) {
  *key = profile == 8 ? 32 : 16;
  *salt = profile >= 7 ? 12 : 14;
}

/*
 * tlsExportKeys(store, session, out) → the profile; 0 if none was agreed, -1 without such a session, -2 if
 * the store is full. Writes into `out` the numbers of the two keys, as little-endian words, and the two
 * salts, of 14 bytes each: first those of the client (RFC 5764 §4.2).
 */
napi_value tls_export_keys(napi_env env, napi_callback_info info) {
  napi_value values[3];
  int32_t number;
  uint8_t *out;
  size_t room;
  if (!arguments(env, info, 3, values)) return NULL;
  struct key_store *store = key_store_of(env, values[0]);
  if (!store || !get_int(env, values[1], &number) || !get_bytes(env, values[2], &out, &room)) return NULL;
  if (!inside(0, 8 + 2 * MAX_SALT, room)) return throw_argument(env, "there is no room for the keys");
  struct session *session = session_of(store, number);
  if (!session) return make_int(env, -1);
  const struct libssl *ssl = find_libssl();
  const struct srtp_profile *profile =
      session->stage == ESTABLISHED ? ssl->SSL_get_selected_srtp_profile(session->ssl) : NULL;
  if (!profile || !profile_name((int32_t)profile->id)) return make_int(env, 0);
  size_t key, salt;
  profile_lengths(profile->id, &key, &salt);
  uint8_t material[2 * (MAX_MASTER + MAX_SALT)];
  static const char label[] = "EXTRACTOR-dtls_srtp";
  uint32_t keys[2] = {0, 0};
  if (ssl->SSL_export_keying_material(session->ssl, material, 2 * (key + salt), label, sizeof label - 1, NULL, 0, 0) ==
      1)
    for (int i = 0; i < 2; i++) keys[i] = add_master_key(store, material + (size_t)i * key, key);
  if (keys[0] && keys[1]) {
    memset(out, 0, 8 + 2 * MAX_SALT);
    memcpy(out, keys, sizeof keys);
    for (int i = 0; i < 2; i++) memcpy(out + 8 + i * MAX_SALT, material + 2 * key + (size_t)i * salt, salt);
  } else {
    for (int i = 0; i < 2; i++) drop_numbered_key(store, keys[i]);
  }
  find_openssl()->OPENSSL_cleanse(material, sizeof material);
  ssl->ERR_clear_error();
  return make_int(env, keys[0] && keys[1] ? (int32_t)profile->id : -2);
}

/* tlsClose(store, session) → whether there was one. */
napi_value tls_close(napi_env env, napi_callback_info info) {
  napi_value values[2];
  int32_t number;
  if (!arguments(env, info, 2, values)) return NULL;
  struct key_store *store = key_store_of(env, values[0]);
  if (!store || !get_int(env, values[1], &number)) return NULL;
  struct session *session = session_of(store, number);
  if (!session) return make_int(env, 0);
  struct sessions *all = sessions_of(store);
  all->at[number - 1] = NULL;
  drop_session(find_libssl(), session);
  return make_int(env, 1);
}
