/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Symmetric cryptography for pieces.
 *
 * Theory of operation.  A *key store* belongs to one instance of one piece, and holds its keys by number. A
 * key is an OpenSSL context that has the key schedule, or for HMAC the two states of SHA-1 behind the padded
 * key, so that a task computes neither. A *task* names keys, and ranges of the data that the piece passed.
 * The call copies the tasks first, because the data may overlap them in the memory of the piece, and checks
 * all of them before it changes a byte. It allocates nothing.
 *
 * Source: RFC 3711 §4.1.1 and §4.2.1 for how SRTP uses AES-CM and HMAC-SHA1; RFC 2104 for HMAC.
 */
#include "cipher.h"
#include "instance.h"
#include "openssl.h"
#include "values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Algorithms, by their numbers in the contract. */
enum { AES_CTR, AES_GCM, HMAC_SHA1 };

#define SHA1_BLOCK 64
#define SHA1_BYTES 20
#define CTR_NONCE 16
#define GCM_NONCE 12
#define MAX_SECRET 64
#define MAX_TASKS 1024

/* Results of run_tasks below zero; see `runTasks` in addon.ts. */
enum { BAD_KEY = -1, BAD_RANGE = -2, BAD_TAG = -3, TOO_COSTLY = -4, CIPHER_FAILED = -5 };

/* Units of fuel: some 2 ns each. A byte costs one, whether it is encrypted or authenticated. */
#define PRICE_OF_TASK 150

struct key {
  int32_t algorithm;
  EVP_CIPHER_CTX *cipher;
  struct sha1 inner, outer;
};

struct slot {
  struct key *key;
  /* Without a key: the next number without one, or 0. */
  uint32_t next_free;
};

struct key_store {
  /* Key n stands in slot n - 1. */
  struct slot *slots;
  uint32_t used, room, limit;
  /* The first number whose key was dropped, or 0. */
  uint32_t first_free;
  /* The sessions whose keys come here (tls.c), and how they end; NULL for none. */
  void *sessions;
  void (*drop_sessions)(void *);
};

/* The record `task` of the contract. */
struct task {
  uint32_t cipher, mac;
  uint32_t nonce;
  uint32_t signed_at, signed_length;
  uint32_t suffix_at, suffix_length;
  uint32_t text_at, text_length;
  uint32_t tag_at, tag_length;
};

static void drop(const struct openssl *ssl, struct key *key) {
  if (!key) return;
  if (key->cipher) ssl->EVP_CIPHER_CTX_free(key->cipher);
  ssl->OPENSSL_cleanse(key, sizeof *key);
  free(key);
}

static void drop_store(struct key_store *store) {
  const struct openssl *ssl = find_openssl();
  if (store->sessions) store->drop_sessions(store->sessions);
  for (uint32_t i = 0; i < store->used; i++) drop(ssl, store->slots[i].key);
  free(store->slots);
  free(store);
}

static const EVP_CIPHER *cipher_of(const struct openssl *ssl, int32_t algorithm, size_t bytes) {
  const bool is_ctr = algorithm == AES_CTR;
  if (!is_ctr && algorithm != AES_GCM) return NULL;
  switch (bytes) {
    case 16: return is_ctr ? ssl->EVP_aes_128_ctr() : ssl->EVP_aes_128_gcm();
    case 24: return is_ctr ? ssl->EVP_aes_192_ctr() : ssl->EVP_aes_192_gcm();
    case 32: return is_ctr ? ssl->EVP_aes_256_ctr() : ssl->EVP_aes_256_gcm();
    default: return NULL;
  }
}

static struct key *make_key(const struct openssl *ssl, int32_t algorithm, const uint8_t *secret, size_t bytes) {
  struct key *key = calloc(1, sizeof *key);
  if (!key) return NULL;
  key->algorithm = algorithm;
  if (algorithm == HMAC_SHA1) {
    uint8_t pad[SHA1_BLOCK];
    memset(pad, 0x36, sizeof pad);
    for (size_t i = 0; i < bytes; i++) pad[i] ^= secret[i];
    ssl->SHA1_Init(&key->inner);
    ssl->SHA1_Update(&key->inner, pad, sizeof pad);
    for (size_t i = 0; i < sizeof pad; i++) pad[i] ^= 0x36 ^ 0x5c;
    ssl->SHA1_Init(&key->outer);
    ssl->SHA1_Update(&key->outer, pad, sizeof pad);
    ssl->OPENSSL_cleanse(pad, sizeof pad);
    return key;
  }
  key->cipher = ssl->EVP_CIPHER_CTX_new();
  if (key->cipher &&
      ssl->EVP_CipherInit_ex(key->cipher, cipher_of(ssl, algorithm, bytes), NULL, secret, NULL, 1) == 1)
    return key;
  drop(ssl, key);
  return NULL;
}

static bool has_room(struct key_store *store) {
  if (store->first_free || store->used < store->room) return true;
  if (store->used == store->limit) return false;
  uint32_t room = store->room ? store->room * 2 : 16;
  if (room > store->limit) room = store->limit;
  struct slot *slots = realloc(store->slots, room * sizeof *slots);
  if (!slots) return false;
  store->slots = slots;
  store->room = room;
  return true;
}

/* Makes a key, and returns its number; 0 if the store is full or there is no memory. */
static uint32_t add_key(struct key_store *store, int32_t algorithm, const uint8_t *secret, size_t bytes) {
  const struct openssl *ssl = find_openssl();
  if (!has_room(store)) return 0;
  struct key *key = make_key(ssl, algorithm, secret, bytes);
  if (!key) return 0;
  uint32_t number = store->first_free;
  if (number) store->first_free = store->slots[number - 1].next_free;
  else number = ++store->used;
  store->slots[number - 1].key = key;
  return number;
}

uint32_t add_master_key(struct key_store *store, const uint8_t *secret, size_t bytes) {
  return add_key(store, AES_CTR, secret, bytes);
}

void *sessions_of(const struct key_store *store) {
  return store->sessions;
}

void set_sessions(struct key_store *store, void *sessions, void (*drop_all)(void *)) {
  store->sessions = sessions;
  store->drop_sessions = drop_all;
}

static struct key *key_of(const struct key_store *store, uint32_t number) {
  return number - 1 < store->used ? store->slots[number - 1].key : NULL;
}

struct key_store *key_store_of(napi_env env, napi_value value) {
  struct funnel_instance *instance = instance_of(env);
  int32_t number;
  if (!get_int(env, value, &number)) return NULL;
  if (number < 0 || (uint32_t)number >= instance->key_store_count || !instance->key_stores[number]) {
    throw_argument(env, "there is no such key store");
    return NULL;
  }
  return instance->key_stores[number];
}

bool get_bytes(napi_env env, napi_value value, uint8_t **bytes, size_t *length) {
  napi_typedarray_type type;
  void *data;
  if (napi_get_typedarray_info(env, value, &type, length, &data, NULL, NULL) == napi_ok &&
      type == napi_uint8_array) {
    *bytes = data;
    return true;
  }
  throw_argument(env, "the bytes must be a Uint8Array");
  return false;
}

/* openKeyStore(limit) → number. Throws ENOSYS where this process has no OpenSSL that the addon can call. */
napi_value open_key_store(napi_env env, napi_callback_info info) {
  struct funnel_instance *instance = instance_of(env);
  napi_value values[1];
  int32_t limit;
  if (!arguments(env, info, 1, values) || !get_int(env, values[0], &limit)) return NULL;
  if (limit < 1) return throw_argument(env, "the limit is below one");
  if (!find_openssl()) return throw_errno(env, ENOSYS, "dlsym");
  uint32_t number = 0;
  while (number < instance->key_store_count && instance->key_stores[number]) number++;
  if (number == instance->key_store_count) {
    struct key_store **stores = realloc(instance->key_stores, (number + 1) * sizeof *stores);
    if (!stores) return throw_errno(env, ENOMEM, "realloc");
    instance->key_stores = stores;
    stores[number] = NULL;
    instance->key_store_count++;
  }
  struct key_store *store = calloc(1, sizeof *store);
  if (!store) return throw_errno(env, ENOMEM, "calloc");
  store->limit = (uint32_t)limit;
  instance->key_stores[number] = store;
  return make_int(env, (int32_t)number);
}

/* closeKeyStore(store): erases its keys. */
napi_value close_key_store(napi_env env, napi_callback_info info) {
  struct funnel_instance *instance = instance_of(env);
  napi_value values[1];
  int32_t number;
  if (!arguments(env, info, 1, values) || !key_store_of(env, values[0]) || !get_int(env, values[0], &number)) return NULL;
  drop_store(instance->key_stores[number]);
  instance->key_stores[number] = NULL;
  return NULL;
}

void drop_key_stores(struct funnel_instance *instance) {
  for (uint32_t i = 0; i < instance->key_store_count; i++)
    if (instance->key_stores[i]) drop_store(instance->key_stores[i]);
  free(instance->key_stores);
  instance->key_stores = NULL;
  instance->key_store_count = 0;
}

/* A key for HMAC has 1 to 64 bytes; one of AES has 16, 24 or 32. */
static bool fits(int32_t algorithm, int64_t bytes) {
  if (algorithm == HMAC_SHA1) return bytes >= 1 && bytes <= MAX_SECRET;
  return (algorithm == AES_CTR || algorithm == AES_GCM) && (bytes == 16 || bytes == 24 || bytes == 32);
}

/* importKey(store, algorithm, bytes, at, length) → number; 0 if the store is full, -1 for a wrong length. */
napi_value import_key(napi_env env, napi_callback_info info) {
  napi_value values[5];
  int32_t algorithm, at, length;
  uint8_t *bytes;
  size_t size;
  if (!arguments(env, info, 5, values)) return NULL;
  struct key_store *store = key_store_of(env, values[0]);
  if (!store || !get_int(env, values[1], &algorithm) || !get_bytes(env, values[2], &bytes, &size) ||
      !get_int(env, values[3], &at) || !get_int(env, values[4], &length))
    return NULL;
  if (!fits(algorithm, length)) return make_int(env, -1);
  if (at < 0 || (size_t)at + (size_t)length > size) return throw_argument(env, "the key is not inside the bytes");
  return make_int(env, (int32_t)add_key(store, algorithm, bytes + at, (size_t)length));
}

/*
 * deriveKey(store, from, bytes, at, algorithm, length) → number, as importKey; -2 if `from` is not AES-CTR.
 * The secret is the keystream of `from` for the counter block of 16 bytes at `at` (RFC 3711 §4.3.3).
 */
napi_value derive_key(napi_env env, napi_callback_info info) {
  const struct openssl *ssl = find_openssl();
  napi_value values[6];
  int32_t from, at, algorithm, length;
  uint8_t *bytes;
  size_t size;
  if (!arguments(env, info, 6, values)) return NULL;
  struct key_store *store = key_store_of(env, values[0]);
  if (!store || !get_int(env, values[1], &from) || !get_bytes(env, values[2], &bytes, &size) ||
      !get_int(env, values[3], &at) || !get_int(env, values[4], &algorithm) || !get_int(env, values[5], &length))
    return NULL;
  if (!fits(algorithm, length)) return make_int(env, -1);
  if (at < 0 || (size_t)at + CTR_NONCE > size) return throw_argument(env, "the counter is not inside the bytes");
  struct key *key = key_of(store, (uint32_t)from);
  if (!key || key->algorithm != AES_CTR) return make_int(env, -2);
  uint8_t secret[MAX_SECRET] = {0};
  int done;
  uint32_t number = 0;
  if (ssl->EVP_CipherInit_ex(key->cipher, NULL, NULL, NULL, bytes + at, 1) == 1 &&
      ssl->EVP_CipherUpdate(key->cipher, secret, &done, secret, length) == 1)
    number = add_key(store, algorithm, secret, (size_t)length);
  ssl->OPENSSL_cleanse(secret, sizeof secret);
  return make_int(env, (int32_t)number);
}

bool drop_numbered_key(struct key_store *store, uint32_t number) {
  struct key *key = key_of(store, number);
  if (!key) return false;
  drop(find_openssl(), key);
  store->slots[number - 1] = (struct slot){.next_free = store->first_free};
  store->first_free = number;
  return true;
}

/* dropKey(store, key) → whether there was one. */
napi_value drop_key(napi_env env, napi_callback_info info) {
  napi_value values[2];
  int32_t number;
  if (!arguments(env, info, 2, values)) return NULL;
  struct key_store *store = key_store_of(env, values[0]);
  if (!store || !get_int(env, values[1], &number)) return NULL;
  return make_int(env, drop_numbered_key(store, (uint32_t)number));
}

static bool inside(uint32_t at, uint32_t length, uint32_t size) {
  return at <= size && length <= size - at;
}

/* Returns 0, or the reason why this task cannot be done. */
static int check_task(const struct key_store *store, const struct task *task, uint32_t size) {
  const struct key *cipher = key_of(store, task->cipher), *mac = key_of(store, task->mac);
  if ((task->cipher && (!cipher || cipher->algorithm == HMAC_SHA1)) ||
      (task->mac && (!mac || mac->algorithm != HMAC_SHA1)))
    return BAD_KEY;
  const bool is_gcm = cipher && cipher->algorithm == AES_GCM;
  if (is_gcm && mac) return BAD_KEY;
  const uint32_t nonce = !cipher ? 0 : is_gcm ? GCM_NONCE : CTR_NONCE;
  if (!inside(task->nonce, nonce, size) || !inside(task->signed_at, task->signed_length, size) ||
      !inside(task->suffix_at, task->suffix_length, size) || !inside(task->text_at, task->text_length, size) ||
      !inside(task->tag_at, task->tag_length, size))
    return BAD_RANGE;
  if (is_gcm && (task->tag_length < 12 || task->tag_length > 16)) return BAD_TAG;
  if (mac && (task->tag_length < 4 || task->tag_length > SHA1_BYTES)) return BAD_TAG;
  if (!is_gcm && !mac && task->tag_length) return BAD_TAG;
  return 0;
}

static void authenticate(const struct openssl *ssl, const struct key *key, const struct task *task,
                         const uint8_t *data, uint8_t digest[SHA1_BYTES]) {
  struct sha1 state = key->inner;
  ssl->SHA1_Update(&state, data + task->signed_at, task->signed_length);
  ssl->SHA1_Update(&state, data + task->suffix_at, task->suffix_length);
  ssl->SHA1_Final(digest, &state);
  state = key->outer;
  ssl->SHA1_Update(&state, digest, SHA1_BYTES);
  ssl->SHA1_Final(digest, &state);
}

static bool counter_mode(const struct openssl *ssl, const struct key *key, const struct task *task, uint8_t *data) {
  int done;
  return ssl->EVP_CipherInit_ex(key->cipher, NULL, NULL, NULL, data + task->nonce, 1) == 1 &&
         ssl->EVP_CipherUpdate(key->cipher, data + task->text_at, &done, data + task->text_at,
                               (int)task->text_length) == 1;
}

/*
 * Returns 1, or 0 for a tag that does not fit, or CIPHER_FAILED. GCM decrypts before it knows the tag, so the
 * text of a wrong tag is erased: a piece must not see it (NIST SP 800-38D §5.2.2).
 */
static int galois(const struct openssl *ssl, const struct key *key, const struct task *task, uint8_t *data, bool opens) {
  int done;
  uint8_t *text = data + task->text_at, *tag = data + task->tag_at;
  uint8_t expected[16];
  if (opens) memcpy(expected, tag, task->tag_length);
  if (ssl->EVP_CipherInit_ex(key->cipher, NULL, NULL, NULL, data + task->nonce, !opens) != 1) return CIPHER_FAILED;
  if (opens && ssl->EVP_CIPHER_CTX_ctrl(key->cipher, GCM_SET_TAG, (int)task->tag_length, expected) != 1)
    return CIPHER_FAILED;
  if ((task->signed_length &&
       ssl->EVP_CipherUpdate(key->cipher, NULL, &done, data + task->signed_at, (int)task->signed_length) != 1) ||
      (task->suffix_length &&
       ssl->EVP_CipherUpdate(key->cipher, NULL, &done, data + task->suffix_at, (int)task->suffix_length) != 1) ||
      (task->text_length && ssl->EVP_CipherUpdate(key->cipher, text, &done, text, (int)task->text_length) != 1))
    return CIPHER_FAILED;
  const int ended = ssl->EVP_CipherFinal_ex(key->cipher, expected, &done);
  if (opens) {
    if (ended != 1) memset(text, 0, task->text_length);
    return ended == 1;
  }
  if (ended != 1) return CIPHER_FAILED;
  return ssl->EVP_CIPHER_CTX_ctrl(key->cipher, GCM_GET_TAG, (int)task->tag_length, tag) == 1 ? 1 : CIPHER_FAILED;
}

/* Returns as galois. */
static int run_task(const struct openssl *ssl, const struct key_store *store, const struct task *task, uint8_t *data,
                    bool opens) {
  const struct key *cipher = key_of(store, task->cipher), *mac = key_of(store, task->mac);
  if (cipher && cipher->algorithm == AES_GCM) return galois(ssl, cipher, task, data, opens);
  uint8_t digest[SHA1_BYTES];
  if (opens && mac) {
    authenticate(ssl, mac, task, data, digest);
    if (ssl->CRYPTO_memcmp(digest, data + task->tag_at, task->tag_length) != 0) return 0;
  }
  if (cipher && !counter_mode(ssl, cipher, task, data)) return CIPHER_FAILED;
  if (!opens && mac) {
    authenticate(ssl, mac, task, data, digest);
    memcpy(data + task->tag_at, digest, task->tag_length);
  }
  return 1;
}

/*
 * runTasks(store, bytes, opens, tasksAt, count, dataAt, size, resultsAt, fuel) → the fuel that it took, or a
 * negative reason; see addon.ts. Writes one byte for each task at `resultsAt`, if that is not 0.
 */
napi_value run_tasks(napi_env env, napi_callback_info info) {
  static _Thread_local struct task tasks[MAX_TASKS];
  napi_value values[9];
  int32_t numbers[7];
  uint8_t *bytes;
  size_t length;
  if (!arguments(env, info, 9, values)) return NULL;
  const struct key_store *store = key_store_of(env, values[0]);
  if (!store || !get_bytes(env, values[1], &bytes, &length)) return NULL;
  for (int i = 0; i < 7; i++)
    if (!get_int(env, values[2 + i], &numbers[i])) return NULL;
  const bool opens = numbers[0] != 0;
  const uint32_t tasks_at = (uint32_t)numbers[1], count = (uint32_t)numbers[2], data_at = (uint32_t)numbers[3],
                 size = (uint32_t)numbers[4], results_at = (uint32_t)numbers[5];
  if (length > UINT32_MAX || count > MAX_TASKS || size > INT32_MAX ||
      !inside(tasks_at, count * (uint32_t)sizeof(struct task), (uint32_t)length) ||
      !inside(data_at, size, (uint32_t)length) || !inside(results_at, results_at ? count : 0, (uint32_t)length))
    return make_int(env, BAD_RANGE);
  memcpy(tasks, bytes + tasks_at, count * sizeof(struct task));
  int64_t fuel = 0;
  for (uint32_t i = 0; i < count; i++) {
    const int wrong = check_task(store, &tasks[i], size);
    if (wrong) return make_int(env, wrong);
    fuel += PRICE_OF_TASK + (int64_t)tasks[i].signed_length + tasks[i].suffix_length + tasks[i].text_length;
  }
  if (fuel > numbers[6]) return make_int(env, TOO_COSTLY);
  const struct openssl *ssl = find_openssl();
  for (uint32_t i = 0; i < count; i++) {
    const int result = run_task(ssl, store, &tasks[i], bytes + data_at, opens);
    if (result < 0) return make_int(env, result);
    if (results_at) bytes[results_at + i] = (uint8_t)result;
  }
  return make_int(env, (int32_t)fuel);
}
