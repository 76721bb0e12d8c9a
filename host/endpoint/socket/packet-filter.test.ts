import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Classifier } from '../../frame/classifier.ts';
import { hex, put, releaseAll, smallLane } from '../../frame/testing/frame-fixture.ts';
import { type Packet, packetArbitrary } from '../../frame/testing/packet-arbitrary.ts';
import { parseStack } from '../../stack/parse-stack.ts';
import { Protocols, standardProtocols } from '../../stack/protocols.ts';
import { stackArbitrary } from '../../stack/testing/stack-arbitrary.ts';
import { packetFilter } from './packet-filter.ts';

interface SeenFrame {
  readonly bytes: Uint8Array;
  /** The facts that the kernel knows beside the bytes. */
  readonly etherType?: number;
  readonly mark?: number;
}

/** The kernel's machine for classic BPF, as far as the filter uses it. Returns the bytes to keep. */
function run(words: Uint32Array, { bytes, etherType = 0, mark = 0 }: SeenFrame): number {
  const load = (at: number, size: number): number => {
    if (at === 0xffff_f000) return etherType;
    if (at === 0xffff_f014) return mark;
    if (at + size > bytes.length) return Number.NaN;
    let value = 0;
    for (let n = 0; n < size; n++) value = value * 256 + bytes[at + n]!;
    return value;
  };
  let [a, x] = [0, 0];
  for (let at = 0; at < words.length / 2; at++) {
    const [code, k] = [words[2 * at]! & 0xffff, words[2 * at + 1]!];
    const [yes, no] = [(words[2 * at]! >>> 16) & 0xff, words[2 * at]! >>> 24];
    if (code === 0x06) return k;
    if (code === 0x05) at += k;
    else if (code === 0x15) at += a === k ? yes : no;
    else if (code === 0x45) at += (a & k) === 0 ? no : yes;
    else if (code === 0x01) x = k;
    else if (code === 0xb1) x = 4 * (load(k, 1) & 15);
    else if (code === 0x20) a = load(k, 4);
    else if (code === 0x28) a = load(k, 2);
    else if (code === 0x30) a = load(k, 1);
    else if (code === 0x48) a = load(x + k, 2);
    else throw new Error(`no instruction ${code} at ${at}`);
    // A load beyond the frame ends the program: the frame is not passed on.
    if (Number.isNaN(a) || Number.isNaN(x)) return 0;
  }
  throw new Error('the program has no end');
}

/** A packet as the kernel shows it: a frame of Ethernet without its outer tag, or a packet of IP. */
function seen({ bytes, headers }: Packet): (SeenFrame & { readonly isIp: boolean }) | undefined {
  const [first, second] = headers;
  if (first?.protocol === 'ipv4' || first?.protocol === 'ipv6')
    return { bytes, isIp: true, etherType: first.protocol === 'ipv4' ? 0x0800 : 0x86dd };
  if (first?.protocol !== 'ethernet') return undefined;
  if (second?.protocol !== 'vlan') return { bytes, isIp: false };
  return { bytes: Uint8Array.from([...bytes.slice(0, 12), ...bytes.slice(16)]), isIp: false };
}

describe('the filter in the kernel', () => {
  test('passes on each frame that a classifier of the stacks accepts', () => {
    const frames = smallLane();
    let accepted = 0;
    let refused = 0;
    fc.assert(
      fc.property(
        packetArbitrary,
        fc.array(stackArbitrary, { minLength: 1, maxLength: 3 }),
        (packet, stacks) => {
          const frame = seen(packet);
          if (frame === undefined) return;
          const words = packetFilter(stacks, standardProtocols, { isIp: frame.isIp });
          const isPassed = run(words, frame) > 0;
          if (!isPassed) refused++;
          releaseAll(frames);
          const classifier = new Classifier(
            standardProtocols,
            stacks.map((stack, tag) => ({ stack, tag })),
          );
          const row = put(frames, packet.bytes, packet.headers[0]!.protocol);
          if (classifier.walk(frames, row, true) < 0) return;
          accepted++;
          expect(isPassed).toBe(true);
        },
      ),
      { numRuns: 5000 },
    );
    // The test means something only where both occur.
    expect([accepted > 100, refused > 100]).toEqual([true, true]);
  });

  const passes = (stacks: readonly string[], frame: string, options = {}, facts = {}) => {
    const words = packetFilter(
      stacks.map((stack) => parseStack(stack)),
      standardProtocols,
      options,
    );
    return run(words, { bytes: hex(frame), ...facts }) > 0;
  };
  const addresses = '020000000002 020000000001';
  /** From port 1000 to port 53. */
  const inUdp = '03e8 0035 000c0000 00000000';
  const ofIpv4 = (fragment: string) => `4500 0020 0000 ${fragment} 4011 0000 c0000201 c0000202 ${inUdp}`;
  const udp = `${addresses} 0800 ${ofIpv4('0000')}`;
  const ofIpv6 = (next: string) =>
    `${addresses} 86dd 60000000 000c ${next} 40 ${'20010db8'.repeat(8)} ${inUdp}`;
  const six = ofIpv6('11');

  test.each([
    [[], udp, false],
    [['ethernet'], udp, true],
    [['ip'], udp, true],
    [['ip'], six, true],
    [['ipv6'], udp, false],
    [['arp'], udp, false],
    [['ethernet/arp', 'ethernet/ipv4'], udp, true],
    [['ip/tcp'], udp, false],
    [['ip/{tcp,udp}'], six, true],
    [['ip/udp/local:53'], udp, true],
    [['ip/udp/local:53'], six, true],
    [['ip/udp/remote:53'], udp, false],
    [['ip/udp/remote:1000'], six, true],
    [['ip/udp/1000'], udp, true],
    [['ip/udp/5060', 'ip/tcp/53'], udp, false],
    [['udp/local:53'], udp, true],
    [['udp/local:54'], six, false],
    [['ip/udp/local:*'], udp, false],
    // A first and a later fragment: only the first has ports.
    [['ip/udp/local:54'], `${addresses} 0800 ${ofIpv4('2000')}`, false],
    [['ip/udp/local:54'], `${addresses} 0800 ${ofIpv4('0001')}`, true],
    // An IPv6 extension header, and a second tag of a VLAN.
    [['ip/udp/local:54'], ofIpv6('00'), true],
    [['ip/udp/local:54'], `${addresses} 8100 0005 0800 4500`, true],
    [['ethernet/lldp'], `${addresses} 88cc 0000`, true],
    [['ethernet/lldp'], udp, false],
  ])('of %j is right about frame %s: %s', (stacks, frame, expected) => {
    expect(passes(stacks, frame)).toBe(expected);
  });

  test('of a device without link header looks at the IP header at once', () => {
    const packet = ofIpv4('0000');
    expect(passes(['ip/udp/local:53'], packet, { isIp: true }, { etherType: 0x0800 })).toBe(true);
    expect(passes(['ip/udp/local:54'], packet, { isIp: true }, { etherType: 0x0800 })).toBe(false);
    expect(passes(['ip/udp/local:53'], packet, { isIp: true }, { etherType: 0x0806 })).toBe(false);
  });

  test('refuses what the own socket sent', () => {
    expect(passes(['ethernet'], udp, { mark: 7 }, { mark: 7 })).toBe(false);
    expect(passes(['ethernet'], udp, { mark: 7 }, { mark: 0 })).toBe(true);
  });

  test('of thousands of ports fits the kernel, and passes all of them', () => {
    const ports = (from: number, count: number) => Array.from({ length: count }, (_, n) => from + n).join();
    const some = packetFilter([parseStack(`ip/udp/local:{${ports(2000, 60)}}`)], standardProtocols);
    expect(run(some, { bytes: hex(udp) })).toBe(0);
    const stacks = Array.from({ length: 100 }, (_, n) =>
      parseStack(`ip/udp/local:{${ports(2000 + n * 60, 60)}}`),
    );
    const many = packetFilter(stacks, standardProtocols);
    expect(many.length / 2).toBeLessThanOrEqual(4096);
    expect(run(many, { bytes: hex(udp.replace(' 0035 ', ' 07d1 ')) })).toBeGreaterThan(0);
  });

  test('knows the identifiers of a protocol that a piece brought', () => {
    const protocols = new Protocols();
    protocols.defineFromText('toy', 'in ethertype 0x88b5\nheader 4');
    const words = packetFilter([parseStack('ethernet/toy', protocols)], protocols);
    expect(run(words, { bytes: hex(`${addresses} 88b5 00000000`) })).toBeGreaterThan(0);
    expect(run(words, { bytes: hex(udp) })).toBe(0);
  });
});
