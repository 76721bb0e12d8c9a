import { load32, store32, store64 } from 'funnel-tunnel/as/views/bytes';

const BLOCK: u32 = 64;
export const DIGEST_BYTES: u32 = 32;

/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4 §4.2.2). */
const K: StaticArray<u32> = [
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
  0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
  0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
  0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
  0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
  0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
  0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
  0xc67178f2,
];
const schedule: usize = memory.data(256, 8);
const state: usize = memory.data(32, 8);
const partial: usize = memory.data(64, 8);
const pad: usize = memory.data(64, 8);
const inner: usize = memory.data(32, 8);

/** HMAC with SHA-256 (RFC 2104, FIPS 180-4) of `length` bytes, by a key of 32 bytes, to 32 bytes at `to`. */
export function hmacSha256(key: usize, at: usize, length: u32, to: usize): void {
  fillPad(key, 0x36);
  begin();
  block(pad);
  finish(at, length, BLOCK + length, inner);
  fillPad(key, 0x5c);
  begin();
  block(pad);
  finish(inner, DIGEST_BYTES, BLOCK + DIGEST_BYTES, to);
}

function fillPad(key: usize, value: u8): void {
  for (let i: usize = 0; i < 32; i++) store<u8>(pad + i, load<u8>(key + i) ^ value);
  memory.fill(pad + 32, value, 32);
}

function begin(): void {
  store<u32>(state, 0x6a09e667);
  store<u32>(state, 0xbb67ae85, 4);
  store<u32>(state, 0x3c6ef372, 8);
  store<u32>(state, 0xa54ff53a, 12);
  store<u32>(state, 0x510e527f, 16);
  store<u32>(state, 0x9b05688c, 20);
  store<u32>(state, 0x1f83d9ab, 24);
  store<u32>(state, 0x5be0cd19, 28);
}

/** Processes the rest of the bytes, the padding and the total length. */
function finish(at: usize, length: u32, total: u32, to: usize): void {
  while (length >= BLOCK) {
    block(at);
    at += BLOCK;
    length -= BLOCK;
  }
  memory.fill(partial, 0, BLOCK);
  memory.copy(partial, at, length);
  store<u8>(partial + length, 0x80);
  if (length >= 56) {
    block(partial);
    memory.fill(partial, 0, BLOCK);
  }
  store64(partial + 56, (<u64>total) << 3);
  block(partial);
  for (let i: usize = 0; i < 32; i += 4) store32(to + i, load<u32>(state + i));
}

function block(at: usize): void {
  for (let i: usize = 0; i < 64; i += 4) store<u32>(schedule + i, load32(at + i));
  for (let i: usize = 64; i < 256; i += 4) {
    const before = load<u32>(schedule + i - 60);
    const late = load<u32>(schedule + i - 8);
    const small = rotr<u32>(before, 7) ^ rotr<u32>(before, 18) ^ (before >> 3);
    const large = rotr<u32>(late, 17) ^ rotr<u32>(late, 19) ^ (late >> 10);
    store<u32>(schedule + i, load<u32>(schedule + i - 64) + small + load<u32>(schedule + i - 28) + large);
  }
  let a = load<u32>(state);
  let b = load<u32>(state, 4);
  let c = load<u32>(state, 8);
  let d = load<u32>(state, 12);
  let e = load<u32>(state, 16);
  let f = load<u32>(state, 20);
  let g = load<u32>(state, 24);
  let h = load<u32>(state, 28);
  for (let i = 0; i < 64; i++) {
    const sum1 = rotr<u32>(e, 6) ^ rotr<u32>(e, 11) ^ rotr<u32>(e, 25);
    const first = h + sum1 + ((e & f) ^ (~e & g)) + unchecked(K[i]) + load<u32>(schedule + ((<usize>i) << 2));
    const sum0 = rotr<u32>(a, 2) ^ rotr<u32>(a, 13) ^ rotr<u32>(a, 22);
    const second = sum0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = d + first;
    d = c;
    c = b;
    b = a;
    a = first + second;
  }
  add(0, a);
  add(4, b);
  add(8, c);
  add(12, d);
  add(16, e);
  add(20, f);
  add(24, g);
  add(28, h);
}

// @ts-expect-error: decorator
@inline
function add(offset: usize, value: u32): void {
  store<u32>(state + offset, load<u32>(state + offset) + value);
}
