import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { EndpointError, messageOf } from './endpoint-error.ts';

/**
 * The calls of the native addon (folder `addon`). Errors have `code` and `errno`, like Node's own system
 * errors.
 */
export interface FunnelIo {
  /** Registers the arrays of one endpoint; see {@link BatchArrays}. @returns the number of the batch */
  createBatch(arrays: BatchArrays): number;
  /** Releases a batch. All its channels must be closed. */
  releaseBatch(batch: number): void;
  /** Joins the two halves of a frame longer than `room` at another address. */
  gather(batch: number, slot: number, address: number, length: number): void;
  /** Reads frames from now on. */
  start(channel: number): void;
  /** Closes the descriptor before it returns. */
  close(channel: number): void;
  /** Makes the channel read and write through another batch of the same memory from now on. */
  adopt(channel: number, batch: number): void;
  /**
   * Sets the handover of this thread. When the thread is ended by force, its open channels go there. Opening
   * a channel with the key of one that was left there returns that channel. 0, the initial value, is none.
   */
  handover(number: number): void;
  /** Closes the channels that no thread inherited. @returns their number */
  dropHandover(number: number): number;
  /**
   * Returns how many packets the kernel dropped since the last call, because the queue of a socket was full.
   */
  takeDrops(channel: number): number;
  /** Sets the note for the thread that inherits the channel. At most 64 KiB. */
  note(channel: number, text: string): void;
  /** For an empty device name, or one with `%d`, the system chooses. */
  openTun(
    batch: number,
    options: {
      readonly device: string;
      readonly tap: boolean;
      readonly multiQueue: boolean;
      /**
       * Whether the system passes large segments and unfinished checksums, which the addon divides and joins,
       * and completes. In place of a length, {@link LOST_OFFLOAD} is one that it could not divide.
       */
      readonly offload: boolean;
      readonly key?: string;
    } & NamespaceSockets,
  ): TunChannel;
  /** Writes the first `count` outgoing frames. The tally counts the failures. @returns the number written */
  writeTun(channel: number, count: number): number;
  openUdp(batch: number, options: UdpOptions): { channel: number; port: number };
  /**
   * Takes a UDP socket that another program opened and bound. `dual` is 1 for an IPv6 socket that carries
   * IPv4, too.
   */
  adoptUdp(
    batch: number,
    options: { readonly descriptor: number; readonly fragment: boolean; readonly offload: boolean },
  ): { readonly channel: number; readonly port: number; readonly family: 4 | 6; readonly dual: number };
  /** Sends the first `count` outgoing datagrams. The tally counts the failures. @returns the number sent */
  sendUdp(channel: number, count: number): number;
  /** Needs CAP_NET_RAW. Packets of one protocol arrive with their IP headers, and errors as ICMP. */
  openRaw(batch: number, options: RawOptions): { channel: number };
  /** Like `sendUdp`, with the address and length of the bytes behind the IP header in `outHeaders`. */
  sendRaw(channel: number, count: number): number;
  /** The facts that the system reports of a device. Throws ENODEV. */
  packetDevice(device: string): PacketDevice;
  /**
   * Needs CAP_NET_RAW. The frames of a device, with their tags and checksums, each as on the wire. A length
   * below that of a header is one of {@link LOST_TOO_LARGE} and {@link LOST_OFFLOAD}. The socket receives
   * nothing before it has a filter.
   */
  openPacket(
    batch: number,
    options: {
      readonly index: number;
      /** The device has no link header. */
      readonly ip: boolean;
      readonly promiscuous: boolean;
      /** Whether frames come that this machine sends. */
      readonly outgoing: boolean;
      /** The mark of the frames that the socket sends; 0 for none. */
      readonly mark: number;
      readonly key?: string;
    },
  ): { channel: number };
  /**
   * Sets which frames the kernel passes on: classic BPF, two words for each instruction, `code | jt << 16 |
   * jf << 24` and `k`.
   */
  packetFilter(channel: number, program: Uint32Array): void;
  /** Writes the first `count` outgoing frames. The tally counts the failures. @returns the number written */
  writePackets(channel: number, count: number): number;
  /**
   * Opens a store of keys, of at most `limit`. Throws ENOSYS where the process has no OpenSSL that the addon
   * can call.
   */
  openKeyStore(limit: number): number;
  /** Erases and releases its keys. */
  closeKeyStore(store: number): void;
  /**
   * `algorithm` is a number of the contract's `algorithm`. @returns the number of the key, 0 if the store is
   * full, -1 for a wrong length
   */
  importKey(store: number, algorithm: number, bytes: Uint8Array, at: number, length: number): number;
  /**
   * Makes a key from the keystream of `from`, for the counter block of 16 bytes at `at`. @returns as
   * `importKey`, and -2 if `from` is not a key of AES in counter mode
   */
  deriveKey(
    store: number,
    from: number,
    bytes: Uint8Array,
    at: number,
    algorithm: number,
    length: number,
  ): number;
  /** Erases a key. @returns 0 if there was none */
  dropKey(store: number, key: number): number;
  /**
   * Does tasks as the contract lays them out in `memory`, on `size` bytes at `dataAt`, and writes one byte
   * for each at `resultsAt`, unless that is 0. @returns the fuel that they cost, or one of
   * {@link TASK_REFUSALS}, as a negative index counted from 1
   */
  runTasks(
    store: number,
    memory: Uint8Array,
    unprotects: number,
    tasksAt: number,
    count: number,
    dataAt: number,
    size: number,
    resultsAt: number,
    fuel: number,
  ): number;
  /** Writes the fingerprint of the store's certificate into 64 bytes. @returns its length; 0 without DTLS */
  tlsFingerprint(store: number, digest: number, into: Uint8Array): number;
  /**
   * Opens a session of DTLS. `trusted` has for each fingerprint its digest, its length and its value, and
   * `profiles` a byte for each profile of SRTP. @returns its number, or one of {@link SESSION_REFUSALS}, as a
   * negative index
   */
  tlsOpen(store: number, party: number, trusted: Uint8Array, profiles: Uint8Array, size: number): number;
  /**
   * Takes a datagram; an empty one begins as a client. @returns the stage, and above its three bits the bytes
   * in `out`: datagrams, each with its length in two bytes in front; -1 without such a session
   */
  tlsReceive(store: number, session: number, datagram: Uint8Array, out: Uint8Array): number;
  /** Repeats the last flight. @returns as `tlsReceive` */
  tlsExpire(store: number, session: number, out: Uint8Array): number;
  /**
   * Writes two numbers of keys and two salts of 14 bytes, those of the client first. @returns the profile of
   * SRTP; 0 for none, -1 without such a session, -2 if the store is full
   */
  tlsExportKeys(store: number, session: number, out: Uint8Array): number;
  /** Ends a session. @returns 0 if there was none */
  tlsClose(store: number, session: number): number;
  /**
   * Sets the events that a stream, or a socket of packets, waits for: {@link READABLE} | {@link WRITABLE}.
   * `onBatch` is called with these.
   */
  poll(channel: number, events: number): void;
  /**
   * Makes the messages of a UNIX socket frames from now on, each behind `header` bytes. With `peers` it is a
   * datagram socket that takes so many of them, with ports from `firstPort` on: the last 8 bytes of a header
   * begin with the port of the sender.
   * A length below that of a header is one of {@link LOST_TOO_LARGE} and {@link LOST_TOO_MANY}.
   */
  packetChannel(channel: number, header: number, peers: number, firstPort: number): void;
  /** Sends a message to the peer with this port, or to the only one. @returns 0, or a negative errno */
  sendPacket(channel: number, address: number, length: number, port: number): number;
  /** The credentials of the first message of a peer. `named` is 0 where no reply can be sent. */
  packetPeer(
    channel: number,
    port: number,
  ): { readonly pid: number; readonly uid: number; readonly gid: number; readonly named: number };
  /** The next message of this peer is that of a new one. */
  forgetPeer(channel: number, port: number): void;
  /** Forgets the peers that were silent for so long. @returns their ports */
  expirePeers(channel: number, seconds: number): readonly number[];
  listenStream(batch: number, options: StreamAddress & { readonly key?: string }): { channel: number };
  /**
   * Connects a stream, which becomes writable when it is connected or has failed: see `streamError`. @returns
   * the channel
   */
  connectStream(
    batch: number,
    options: StreamAddress & {
      readonly localAddress: string;
      readonly localPort: number;
      readonly idleSeconds: number;
    },
  ): number;
  /**
   * Takes over a descriptor, which belongs to the addon from now on. A later lane inherits it under the key,
   * unless that is empty. @returns the channel
   */
  adoptStream(batch: number, descriptor: number, key: string): number;
  /** The descriptor that an earlier lane left under this key; -1 for none. */
  inheritStream(key: string): number;
  /** A copy of a descriptor that this process was started with, or EBADF. The original stays open. */
  inheritDescriptor(number: number): InheritedDescriptor;
  /** Sends a text to the service manager, as sd_notify(3); `address` is that of NOTIFY_SOCKET. */
  notifyManager(address: string, text: string): void;
  /** Both ends of a stream, as descriptors. `theirs` blocks, as a program expects. */
  streamPair(): { ours: number; theirs: number };
  /** A descriptor of standard input (0) or output (1), in whose place is /dev/null; EBUSY the second time. */
  takeStandard(number: 0 | 1): number;
  /** Makes a named pipe. Throws EEXIST if the path exists. */
  makeFifo(path: string, mode: number): void;
  /**
   * Opens a named pipe. Throws ENXIO for writing without a reader, ENOTSUP for a file that is not a FIFO.
   * @returns a descriptor
   */
  openFifo(path: string, writes: number): number;
  openPty(): { descriptor: number; path: string };
  /**
   * Opens a serial line. Throws ENOTTY for other files, EINVAL for a speed that no line has. `flow` is 0 or
   * 1. @returns a descriptor
   */
  openSerial(path: string, baud: number, flow: number): number;
  /** Returns 1 while no program has the other side of a pseudo-terminal open. */
  hasHungUp(channel: number): number;
  /** @returns a channel of the listener's batch, or a negative errno */
  accept(listener: number, idleSeconds: number): number;
  streamNames(channel: number): StreamNames;
  /** @returns the errno that waits in the socket, or 0 */
  streamError(channel: number): number;
  /**
   * Reads into the first `slots` of `addresses`, up to the number of bytes in `lengths` each, `most` in all.
   * @returns bytes, 0 at the end of the stream, or a negative errno
   */
  readStream(channel: number, slots: number, most: number): number;
  /** Writes the first `count` of `outAddresses`. @returns bytes, or a negative errno */
  writeStream(channel: number, count: number): number;
  /** Ends the stream: the peer reads the end behind all written bytes. */
  endStream(channel: number): void;
  /** Closes it. The peer of a TCP connection gets a reset. */
  resetStream(channel: number): void;
  /** Sets whether another socket may be bound to the same port, if that one permits it too; 0 or 1. */
  shareUdp(channel: number, on: number): void;
  /** Sets SO_BROADCAST of an IPv4 socket; `on` is 0 or 1. */
  setBroadcast(channel: number, on: number): void;
  /**
   * `netlink` is a route netlink socket of the namespace in which the device is; -1 for that of this process.
   */
  linkIndex(device: string, netlink: number): number;
  /**
   * -1 leaves unchanged. `quiet`: no IPv6 link-local address, so no solicitations and no listener reports.
   */
  setLink(index: number, mtu: number, up: number, quiet: number, netlink: number): void;
  changeAddress(index: number, address: string, prefixLength: number, add: number, netlink: number): void;
  /** `change`: 0 removes the route, 1 adds it, 2 replaces a route of the same prefix to another place. */
  changeRoute(
    index: number,
    destination: string,
    prefixLength: number,
    change: number,
    netlink: number,
  ): void;
  /** Whether the further IPv4 addresses of a subnet stay when the first of them is removed; 0 or 1. */
  promoteSecondaries(index: number, on: number, netlink: number): void;
  /** The present state of an interface, whichever program set it. */
  readLink(index: number, netlink: number): LinkReading;
  /**
   * The interface into which the main table routes exactly this prefix; 0 for no route, -1 for one that goes
   * to no interface.
   */
  routeDevice(destination: string, prefixLength: number, netlink: number): number;
  /**
   * Watches the interface `index`, or with 0 the links and addresses of all interfaces. The batch's callback
   * gets the channel and the kinds of change: {@link CHANGED_OWN}, {@link CHANGED_OTHER}. `descriptor` is a
   * route netlink socket of another namespace, which the channel takes; -1 for this one.
   *
   * @returns a channel, to be started
   */
  watchLinks(batch: number, options: { descriptor: number; index: number }): number;
  /**
   * Locks an open file until it is closed: against all others (1), or against those that write (0).
   *
   * @returns 0 where another open file has a lock that forbids this one, else 1
   */
  lockFile(descriptor: number, exclusive: number): number;
  /**
   * Both ends of a control socket for a helper in another namespace. `theirs` is to be closed here once the
   * helper has it.
   */
  namespacePair(): { ours: number; theirs: number };
  /** Closes `ours`: the helper ends, with all that runs inside. The end of the thread does that too. */
  closeNamespace(control: number): void;
  /**
   * Closes a descriptor that these calls returned. Node's own close warns of those that it has not opened.
   */
  closeDescriptor(descriptor: number): void;
  /**
   * A request to a helper, and its reply. Waits for it, at most 20 s. Kinds are those of
   * `addon/namespace-protocol.h`.
   */
  askNamespace(
    control: number,
    kind: number,
    a: number,
    b: number,
    c: number,
    payload: string,
  ): NamespaceReply;
}

/** A network namespace other than that of this process, as descriptors. */
export interface NamespaceSockets {
  /** The control socket of the helper inside, which opens devices; -1 for our own namespace. */
  readonly namespace: number;
  /** A route netlink socket that was made inside, which configures them; -1 for our own namespace. */
  readonly netlink: number;
}

/** The network namespace of this process. */
export const OWN_NAMESPACE: NamespaceSockets = { namespace: -1, netlink: -1 };

export interface NamespaceReply {
  /** An errno; 0 for none. */
  readonly error: number;
  readonly value: number;
  readonly text: string;
  /** Open in this process, for the caller to close; -1 for none. */
  readonly descriptor: number;
}

/**
 * Arrays through which integers pass between the addon and an endpoint. `memory` must never be transferred.
 */
export interface BatchArrays {
  readonly memory: ArrayBuffer;
  /** The most frames in one batch. */
  readonly slots: number;
  /** Bytes behind each address in which a frame may be read. */
  readonly room: number;
  /** Incoming: the address at which each slot's frame begins, and the length of the frame. */
  readonly addresses: Int32Array;
  readonly lengths: Int32Array;
  /** Outgoing: the address of each frame and of its UDP header, and its length; for UDP the payload's. */
  readonly outAddresses: Int32Array;
  readonly outHeaders: Int32Array;
  readonly outLengths: Int32Array;
  /**
   * Counts of frames that were not written, by {@link TALLY_SIZE} kinds of error. The addon only adds to
   * them.
   */
  readonly tally: Int32Array;
  /**
   * Called with the number of frames that were read, or with a negative errno, after which nothing is read.
   */
  readonly onBatch: (channel: number, count: number) => void;
}

/** The result of `readLink`. */
export interface LinkReading {
  readonly name: string;
  readonly mtu: number;
  /** 0 or 1. */
  readonly up: number;
  /** 0 or 1. */
  readonly promotes: number;
  /** 0: this interface has no IPv6, 1: it has, 2: IPv6 is switched off on it. */
  readonly ipv6: number;
  /** 1: the system makes no link-local address. */
  readonly quiet: number;
  /** A line for each address, with its prefix length, and `link-local` behind one that the system made. */
  readonly addresses: string;
  /** A line for each unicast route of the main table: its protocol, its metric, its prefix. */
  readonly routes: string;
}

/** Kinds of change that a channel of `watchLinks` delivers, as bits: of the watched interface, of another. */
export const CHANGED_OWN = 1;
export const CHANGED_OTHER = 2;

export interface TunChannel {
  readonly channel: number;
  readonly device: string;
  readonly index: number;
  /** The last note about the device, if an earlier lane left it. */
  readonly note?: string;
}

export interface UdpOptions {
  readonly family: 4 | 6;
  /** The address to bind to; empty for any. */
  readonly address: string;
  /** For 0 the system chooses. */
  readonly port: number;
  /** Empty for none. */
  readonly device: string;
  /** A multicast group to join; empty for none. */
  readonly group: string;
  readonly reuse: boolean;
  readonly broadcast: boolean;
  /** Whether the kernel may divide an IPv6 datagram that is larger than the path. */
  readonly fragment: boolean;
  /** Whether datagrams of equal size to one destination go to the kernel as one, which divides them. */
  readonly offload: boolean;
  /** Identifies the socket in a handover: the name of the piece, and how it opened the socket. */
  readonly key?: string;
}

export interface PacketDevice {
  readonly index: number;
  /** ARPHRD_… of if_arp.h. */
  readonly type: number;
  readonly mtu: number;
  /** 0 or 1. */
  readonly up: number;
  /** 0 or 1. */
  readonly loopback: number;
  /** The address of a device of Ethernet: six bytes in hexadecimal, with colons. */
  readonly address: string;
}

/**
 * In place of the length of a message of `packetChannel` or `openPacket`: it is larger than a packet of IP.
 */
export const LOST_TOO_LARGE = 0;
/**
 * For `openPacket` and `openTun`: it was merged, or its checksum unfinished, in a way that could not be
 * undone.
 */
export const LOST_OFFLOAD = -1;
/** It is of a new peer, and there are too many. */
export const LOST_TOO_MANY = 1;

/** The reasons for which `runTasks` does nothing. */
export const TASK_REFUSALS = ['key', 'range', 'tag', 'fuel', 'failed'] as const;

/** The reasons for no session, by the negative result of `tlsOpen`. */
export const SESSION_REFUSALS = ['full', 'argument', 'absent'] as const;

/** Events of a stream, as bits. */
export const READABLE = 1;
export const WRITABLE = 2;

export interface StreamAddress {
  /**
   * UNIX is 1 for a stream, 2 for datagrams, 3 for sequenced packets: then `address` is a path, or an
   * abstract name behind `@`.
   */
  readonly family: 4 | 6 | 1 | 2 | 3;
  /** Empty for any. */
  readonly address: string;
  readonly port: number;
  /** Empty for none. */
  readonly device: string;
}

export interface InheritedDescriptor {
  readonly descriptor: number;
  readonly kind: 'stream' | 'datagram' | 'seqpacket' | 'pipe' | 'other';
  /** 1 for UNIX; 0 for another, or no socket. */
  readonly family: 4 | 6 | 1 | 0;
  /** 0 or 1. */
  readonly isListening: number;
}

export interface StreamNames {
  readonly localAddress: string;
  readonly localPort: number;
  readonly address: string;
  readonly port: number;
  /** The peer of a UNIX socket; -1 for others. */
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

export interface RawOptions {
  readonly family: 4 | 6;
  /** The number in the IP header, 1 to 254. */
  readonly protocol: number;
  /** The address to bind to; empty for any. */
  readonly address: string;
  /** Empty for none. */
  readonly device: string;
  readonly broadcast: boolean;
  /** Identifies the socket in a handover. */
  readonly key?: string;
}

/**
 * The kinds of error in a tally, by index: would-block, too-large, unreachable, refused, not-permitted,
 * invalid, device-down, other.
 */
export const TALLY_SIZE = 8;

/**
 * The addon, loaded once for each thread.
 *
 * @throws EndpointError FT_ADDON_ABSENT, with the remedy
 */
export function loadAddon(): FunnelIo {
  loaded ??= load();
  return loaded;
}

let loaded: FunnelIo | undefined;

/** Built, this file is dist/host/endpoint/addon.js; in a checkout, host/endpoint/addon.ts. */
const FOLDERS = ['../../addon/', '../../dist/addon/'].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
);

function load(): FunnelIo {
  const folder = FOLDERS.find((each) => existsSync(`${each}funnel-io.node`));
  if (folder === undefined)
    throw new EndpointError('FT_ADDON_ABSENT', `the native addon is not built. ${whyAbsent()}`);
  try {
    return createRequire(import.meta.url)(`${folder}funnel-io.node`) as FunnelIo;
  } catch (error) {
    throw new EndpointError(
      'FT_ADDON_ABSENT',
      `the native addon ${folder}funnel-io.node cannot be loaded (${messageOf(error)}). Build it again for this Node: node ${builder()} --force`,
      { cause: error },
    );
  }
}

/** Returns the reason that the build left, in one line; without one, the remedy. */
function whyAbsent(): string {
  for (const folder of FOLDERS) {
    try {
      return readFileSync(`${folder}absent.txt`, 'utf8')
        .trim()
        .replaceAll(/\s*\n\s*/g, ' ');
    } catch {
      // The build left no reason there: try the next folder.
    }
  }
  return `Install a C compiler (on Debian: apt-get install gcc libc6-dev) and build it: node ${builder()}`;
}

/** The path of the builder, also from a project that has this package installed. */
function builder(): string {
  const places = ['../../../tools/build-addon.mjs', '../../tools/build-addon.mjs'].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
  return places.find((place) => existsSync(place)) ?? 'tools/build-addon.mjs';
}
