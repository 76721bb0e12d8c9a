import { Line } from 'funnel-tunnel/as';
import { load64, store64 } from 'funnel-tunnel/as/views/bytes';

const addressAt: usize = memory.data(16, 8);

/** An address of either IP version, and a port. */
export class Endpoint {
  isIpv6: bool = false;
  /** An IPv6 address in two halves; an IPv4 address in `low` alone. */
  high: u64 = 0;
  low: u64 = 0;
  port: u32 = 0;

  setIpv4(address: u32, port: u32): void {
    this.isIpv6 = false;
    this.high = 0;
    this.low = address;
    this.port = port;
  }

  /** Reads the 16 bytes at an address in memory. */
  readIpv6(at: usize, port: u32): void {
    this.isIpv6 = true;
    this.high = load64(at);
    this.low = load64(at + 8);
    this.port = port;
  }

  writeIpv6(at: usize): void {
    store64(at, this.high);
    store64(at + 8, this.low);
  }

  /** Writes the address and the port for a person. */
  write(line: Line): void {
    this.writeAddress(line);
    line.text(':').unsigned(this.port);
  }

  /** Writes the address for a person, that of IPv6 in brackets. */
  writeAddress(line: Line): void {
    if (!this.isIpv6) {
      line.ipv4(<u32>this.low);
      return;
    }
    this.writeIpv6(addressAt);
    line.text('[').ipv6(addressAt).text(']');
  }

  copy(other: Endpoint): void {
    this.isIpv6 = other.isIpv6;
    this.high = other.high;
    this.low = other.low;
    this.port = other.port;
  }

  equals(other: Endpoint): bool {
    return (
      this.low == other.low &&
      this.high == other.high &&
      this.port == other.port &&
      this.isIpv6 == other.isIpv6
    );
  }
}
