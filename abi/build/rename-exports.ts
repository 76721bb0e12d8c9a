/** Renames the exports of a core module, and leaves out those for which `rename` returns undefined. */
export function renameExports(module: Uint8Array, rename: (name: string) => string | undefined): Uint8Array {
  const out: number[] = [];
  const chunks: Uint8Array[] = [module.subarray(0, 8)];
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const encoder = new TextEncoder();
  let at = 8;
  while (at < module.length) {
    const start = at;
    const id = module[at++]!;
    const size = unsigned();
    const end = at + size;
    if (id !== EXPORT_SECTION) {
      chunks.push(module.subarray(start, end));
      at = end;
      continue;
    }
    const kept: { name: Uint8Array; kind: number; index: number }[] = [];
    for (let n = unsigned(); n > 0; n--) {
      const length = unsigned();
      const name = rename(decoder.decode(module.subarray(at, at + length)));
      at += length;
      const kind = module[at++]!;
      const index = unsigned();
      if (name !== undefined) kept.push({ name: encoder.encode(name), kind, index });
    }
    out.length = 0;
    push(kept.length);
    for (const { name, kind, index } of kept) {
      push(name.length);
      out.push(...name, kind);
      push(index);
    }
    const body = Uint8Array.from(out);
    out.length = 0;
    out.push(EXPORT_SECTION);
    push(body.length);
    chunks.push(Uint8Array.from(out), body);
  }
  return concatenated(chunks);

  function unsigned(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = module[at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  function push(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      out.push((rest & 0x7f) | 0x80);
      rest = Math.floor(rest / 128);
    }
    out.push(rest);
  }
}

const EXPORT_SECTION = 7;

function concatenated(chunks: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let to = 0;
  for (const chunk of chunks) {
    all.set(chunk, to);
    to += chunk.length;
  }
  return all;
}
