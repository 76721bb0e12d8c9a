import type { Protocols } from '../../stack/protocols.ts';
import type { Port, Stack, Step } from '../../stack/stack.ts';

/**
 * Returns the program by which the kernel passes on the frames that these stacks want: classic BPF, two words
 * for each instruction (`code | jt << 16 | jf << 24`, then `k`).
 *
 * The program accepts each frame that a classifier of the stacks accepts, and may accept more: it looks at
 * the EtherType, the IP protocol and the ports. It also accepts the EtherTypes of links (a second VLAN tag,
 * PPPoE) and IP extension headers, because a stack may begin behind them, and all fragments but the first,
 * which have no ports. Without stacks it accepts nothing.
 *
 * @param isIp frames begin with the IP header; otherwise with that of Ethernet, without the outer VLAN tag
 * @param mark frames that a socket with this mark sent are not passed on; 0 for none
 */
export function packetFilter(
  stacks: readonly Stack[],
  protocols: Protocols,
  { isIp = false, mark = 0 }: { readonly isIp?: boolean; readonly mark?: number } = {},
): Uint32Array {
  const wants = wantsOf(stacks, protocols);
  const program = programOf(wants, protocols, isIp, mark);
  if (program.length <= MOST_INSTRUCTIONS) return program.words();
  // Stacks of very many ports: the kernel tests only the protocol.
  const wide = wants.map((want) => ({ ...want, ports: undefined }));
  const wider = programOf(wide, protocols, isIp, mark);
  return (wider.length <= MOST_INSTRUCTIONS ? wider : programOf([{}], protocols, isIp, mark)).words();
}

/** The layers that a stack wants of a frame; an absent member is not tested. */
interface Want {
  readonly etherTypes?: readonly number[];
  /** Of IPv4 and IPv6, which `etherTypes` then contains. */
  readonly ipProtocols?: readonly number[];
  readonly ports?: readonly Port[] | undefined;
}

function wantsOf(stacks: readonly Stack[], protocols: Protocols): readonly Want[] {
  const wants = new Map<string, Want>();
  for (const stack of stacks) {
    for (const want of wantsOfStack(stack, protocols)) {
      const { ports, ...layers } = want;
      const key = JSON.stringify([layers, ports === undefined]);
      const same = wants.get(key)?.ports;
      wants.set(
        key,
        same === undefined || ports === undefined ? want : { ...want, ports: [...same, ...ports] },
      );
    }
  }
  return [...wants.values()];
}

function wantsOfStack({ steps }: Stack, protocols: Protocols): readonly Want[] {
  let at = 0;
  while (isOnly(steps[at], LINKS)) at++;
  const first = steps[at];
  if (first?.kind !== 'protocols' || first.protocols.some((name) => LINKS.includes(name))) return [{}];
  const numbers = first.protocols.map((name) => protocols.numberInStack(name));
  const wants: Want[] = [];
  const etherTypes = identifiersOf(numbers, 'ethertype', protocols);
  if (etherTypes.length > 0) {
    const isCarrier = etherTypes.some((each) => each === IPV4 || each === IPV6);
    wants.push(...(isCarrier ? carried(etherTypes, steps.slice(at + 1), protocols) : [{ etherTypes }]));
  }
  // A stack that begins with a protocol that IP carries begins above one IP header.
  if (at === 0 && identifiersOf(numbers, 'ip-protocol', protocols).length > 0)
    wants.push(...carried([IPV4, IPV6], steps, protocols));
  return wants.length > 0 ? wants : [{}];
}

/** Returns the layers that are wanted of IP, by the steps behind it. */
function carried(
  etherTypes: readonly number[],
  [next, behind]: readonly Step[],
  protocols: Protocols,
): readonly Want[] {
  if (next?.kind !== 'protocols') return [{ etherTypes }];
  const numbers = next.protocols.map((name) => protocols.numberInStack(name));
  const ipProtocols = identifiersOf(numbers, 'ip-protocol', protocols);
  if (ipProtocols.length === 0) return [{ etherTypes }];
  if (behind?.kind !== 'ports' || !numbers.every((number) => hasPorts(number, protocols)))
    return [{ etherTypes, ipProtocols }];
  // An open port accepts nothing before it is filled.
  const ports = behind.ports.filter(({ port }) => port !== 'open');
  return ports.length === 0 ? [{ etherTypes: [] }] : [{ etherTypes, ipProtocols, ports }];
}

function isOnly(step: Step | undefined, names: readonly string[]): boolean {
  return step?.kind === 'protocols' && step.protocols.every((name) => names.includes(name));
}

function hasPorts(number: number, protocols: Protocols): boolean {
  const next = protocols.definition(number)?.header?.next;
  return next !== undefined && 'source' in next && next.source === 0 && next.destination === 2;
}

/** The identifiers of up to 16 bits under which protocols, also those that pieces brought, are carried. */
function identifiersOf(numbers: readonly number[], nameSpace: string, protocols: Protocols): number[] {
  const wanted = new Set(numbers.flatMap((number) => [number, ...protocols.identities(number)]));
  wanted.delete(0);
  const found: number[] = [];
  const { direct } = protocols.table(protocols.nameSpaceNumber(nameSpace));
  for (let id = 0; id < direct.length; id++) if (wanted.has(direct[id]!)) found.push(id);
  return found;
}

/** The identifiers of headers that a classifier may pass over. */
function passedOver(nameSpace: string, protocols: Protocols): number[] {
  const numbers: number[] = [];
  for (let number = 1; number < protocols.count; number++) {
    const definition = protocols.definition(number);
    if (definition?.layer === 'link' || definition?.transparent === true) numbers.push(number);
  }
  return identifiersOf(numbers, nameSpace, protocols);
}

function programOf(wants: readonly Want[], protocols: Protocols, isIp: boolean, mark: number): Program {
  const program = new Program();
  if (mark !== 0) {
    program.load(LOAD_WORD, MARK_AT);
    program.jumpIf(EQUALS, mark, REFUSE);
  }
  if (wants.some(({ etherTypes }) => etherTypes === undefined)) {
    program.jump(ACCEPT);
    return program.end();
  }
  const wanted = wants.filter(({ etherTypes }) => etherTypes!.length > 0);
  if (wanted.length === 0) return program.end();
  const loadEtherType = () => (isIp ? program.load(LOAD_WORD, PROTOCOL_AT) : program.load(LOAD_HALF, 12));
  loadEtherType();
  const atOnce = new Set(passedOver('ethertype', protocols));
  for (const { etherTypes, ipProtocols } of wanted)
    for (const each of etherTypes!)
      if (ipProtocols === undefined || (each !== IPV4 && each !== IPV6)) atOnce.add(each);
  for (const each of atOnce) program.jumpIf(EQUALS, each, ACCEPT);
  const extensions = passedOver('ip-protocol', protocols);
  for (const version of [IPV4, IPV6]) {
    const inside = wanted.filter(
      (each) => each.ipProtocols !== undefined && each.etherTypes!.includes(version),
    );
    if (inside.length === 0 || atOnce.has(version)) continue;
    const next = program.label();
    loadEtherType();
    program.jumpUnless(EQUALS, version, next);
    ofIp(program, inside, { version, at: isIp ? 0 : 14, extensions });
    program.place(next);
  }
  return program.end();
}

/** Accepts packets of one IP version, or goes on behind these instructions. */
function ofIp(
  program: Program,
  wants: readonly Want[],
  {
    version,
    at,
    extensions,
  }: { readonly version: number; readonly at: number; readonly extensions: readonly number[] },
): void {
  const protocolAt = at + (version === IPV4 ? 9 : 6);
  program.load(LOAD_BYTE, protocolAt);
  const atOnce = new Set(extensions);
  for (const { ipProtocols, ports } of wants)
    if (ports === undefined) for (const each of ipProtocols!) atOnce.add(each);
  for (const each of atOnce) program.jumpIf(EQUALS, each, ACCEPT);
  for (const { ipProtocols, ports } of wants) {
    if (ports === undefined) continue;
    const [matches, next] = [program.label(), program.label()];
    program.load(LOAD_BYTE, protocolAt);
    for (const each of ipProtocols!) program.jumpIf(EQUALS, each, matches);
    program.jump(next);
    program.place(matches);
    if (version === IPV4) {
      program.load(LOAD_HALF, at + 6);
      program.jumpIf(HAS_BITS, FRAGMENT_OFFSET, ACCEPT);
      program.load(LOAD_IPV4_LENGTH, at);
    } else {
      program.load(LOAD_INDEX, 40);
    }
    // A frame travels up, so its destination is the local end.
    for (const [offset, other] of [
      [2, 'remote'],
      [0, 'local'],
    ] as const) {
      const numbers = new Set(
        ports.flatMap(({ end, port }) => (end === other || port === 'open' ? [] : port)),
      );
      if (numbers.size === 0) continue;
      program.load(LOAD_HALF_AT_INDEX, at + offset);
      for (const each of numbers) program.jumpIf(EQUALS, each, ACCEPT);
    }
    program.place(next);
  }
}

/**
 * Instructions with jumps forward to labels. Jumps are long, because a short one reaches 255 instructions.
 */
class Program {
  readonly #instructions: { code: number; yes: number; no: number; value: number; to?: number }[] = [];
  /** The instruction at each label. */
  readonly #places: number[] = [-1, -1];

  get length(): number {
    return this.#instructions.length;
  }

  label(): number {
    return this.#places.push(-1) - 1;
  }

  place(label: number): void {
    this.#places[label] = this.#instructions.length;
  }

  load(code: number, value: number): void {
    this.#instructions.push({ code, yes: 0, no: 0, value: value >>> 0 });
  }

  jump(to: number): void {
    this.#instructions.push({ code: JUMP, yes: 0, no: 0, value: 0, to });
  }

  jumpIf(code: number, value: number, to: number): void {
    this.#instructions.push({ code, yes: 0, no: 1, value });
    this.jump(to);
  }

  jumpUnless(code: number, value: number, to: number): void {
    this.#instructions.push({ code, yes: 1, no: 0, value });
    this.jump(to);
  }

  /** Refuses what comes here. */
  end(): this {
    this.place(REFUSE);
    this.load(RETURN, 0);
    this.place(ACCEPT);
    this.load(RETURN, WHOLE_FRAME);
    return this;
  }

  words(): Uint32Array {
    return Uint32Array.from(
      this.#instructions.flatMap(({ code, yes, no, value, to }, at) => [
        (code | (yes << 16) | (no << 24)) >>> 0,
        to === undefined ? value : this.#places[to]! - at - 1,
      ]),
    );
  }
}

/** Labels that each program has. */
const REFUSE = 0;
const ACCEPT = 1;

// linux/bpf_common.h, linux/filter.h.
const MOST_INSTRUCTIONS = 4096;
const LOAD_WORD = 0x20;
const LOAD_HALF = 0x28;
const LOAD_BYTE = 0x30;
const LOAD_HALF_AT_INDEX = 0x48;
const LOAD_INDEX = 0x01;
/** The length of the IPv4 header at an offset, into the index. */
const LOAD_IPV4_LENGTH = 0xb1;
const JUMP = 0x05;
const EQUALS = 0x15;
const HAS_BITS = 0x45;
const RETURN = 0x06;
/** Offsets of facts that are not in the frame: the protocol that the kernel determined, and the mark. */
const PROTOCOL_AT = 0xffff_f000;
const MARK_AT = 0xffff_f014;
const WHOLE_FRAME = 0xffff_ffff;

/** Headers in front of a network protocol that the kernel takes off, or that begin each frame. */
const LINKS: readonly string[] = ['ethernet', 'vlan'];
const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const FRAGMENT_OFFSET = 0x1fff;
