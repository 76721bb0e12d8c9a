/**
 * Returns the format of a file that the reader does not know, by its first four bytes in network byte order;
 * undefined if the format is unknown here too. The text ends a message.
 */
export function foreignFormat(magic: number): string | undefined {
  const packed = COMPRESSIONS.find(({ from, to }) => magic >= from && magic <= to);
  if (packed !== undefined)
    return `this is compressed by ${packed.name}; give what ${packed.remedy} makes of it. gzip is read as it is`;
  const name = CAPTURES.get(magic);
  return name === undefined
    ? undefined
    : `this is a capture of ${name}; Wireshark's editcap turns it into pcapng`;
}

const COMPRESSIONS: readonly { from: number; to: number; name: string; remedy: string }[] = [
  { from: 0x28b52ffd, to: 0x28b52ffd, name: 'Zstandard', remedy: 'zstd -d' },
  { from: 0xfd377a58, to: 0xfd377a58, name: 'xz', remedy: 'xz -d' },
  // The fourth byte is the size of its blocks.
  { from: 0x425a6831, to: 0x425a6839, name: 'bzip2', remedy: 'bzip2 -d' },
  { from: 0x04224d18, to: 0x04224d18, name: 'LZ4', remedy: 'lz4 -d' },
  { from: 0x504b0304, to: 0x504b0304, name: 'ZIP', remedy: 'unzip' },
];

const CAPTURES: ReadonlyMap<number, string> = new Map([
  [0x736e6f6f, 'snoop (RFC 1761)'],
  [0x52545353, 'Microsoft Network Monitor 1'],
  [0x474d4255, 'Microsoft Network Monitor 2'],
  [0x54525343, 'Network General Sniffer'],
  [0x1c0001ac, "the pcap variant of IXIA's hardware (magic number 0x1c0001ac)"],
  [0xac01001c, "the pcap variant of IXIA's hardware (magic number 0x1c0001ac)"],
  [0x1c0001ab, "the pcap variant of IXIA's software (magic number 0x1c0001ab)"],
  [0xab01001c, "the pcap variant of IXIA's software (magic number 0x1c0001ab)"],
]);
