// Numbers in network byte order, on raw addresses. Every view stands on these.

@inline
export function load16(at: usize): u32 {
  return <u32>bswap<u16>(load<u16>(at));
}

@inline
export function store16(at: usize, value: u32): void {
  store<u16>(at, bswap<u16>(<u16>value));
}

@inline
export function load32(at: usize): u32 {
  return bswap<u32>(load<u32>(at));
}

@inline
export function store32(at: usize, value: u32): void {
  store<u32>(at, bswap<u32>(value));
}

@inline
export function load64(at: usize): u64 {
  return bswap<u64>(load<u64>(at));
}

@inline
export function store64(at: usize, value: u64): void {
  store<u64>(at, bswap<u64>(value));
}
