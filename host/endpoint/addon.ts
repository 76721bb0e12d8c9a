import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { EndpointError, messageOf } from './endpoint-error.ts';

/** What the native addon (folder `addon`) does. Errors have `code` and `errno` as Node's own system errors. */
export interface FunnelIo {
  /** The arrays of one endpoint; see {@link BatchArrays}. Answers a number for it. */
  createBatch(arrays: BatchArrays): number;
  /** After all channels of the batch are closed. */
  releaseBatch(batch: number): void;
  /** A frame longer than `room` was read in two halves: makes it whole at another address. */
  gather(batch: number, slot: number, address: number, length: number): void;
  /** Frames are read from now on. */
  start(channel: number): void;
  /** Its descriptor is closed when this returns. */
  close(channel: number): void;
  /** What it reads and writes goes through another batch of the same memory from now on. */
  adopt(channel: number, batch: number): void;
  /**
   * Where the channels go that this thread still has open when it is ended by force, and whence those come that are opened
   * here with the key of one that was left there. 0 is nowhere, and is so until something else is said.
   */
  handover(number: number): void;
  /** Closes what nobody asked for. Answers how much there was. */
  dropHandover(number: number): number;
  /** What whoever opens the channel after this thread was ended is told of it. At most 64 KiB. */
  note(channel: number, text: string): void;
  /** An empty device name, or one with `%d`, lets the system choose. */
  openTun(
    batch: number,
    options: { device: string; tap: boolean; multiQueue: boolean; key?: string } & NamespaceSockets,
  ): TunChannel;
  /** Writes the first `count` outgoing frames; answers how many went, the others are in the tally. */
  writeTun(channel: number, count: number): number;
  openUdp(batch: number, options: UdpOptions): { channel: number; port: number };
  /** Sends the first `count` outgoing datagrams; answers how many went, the others are in the tally. */
  sendUdp(channel: number, count: number): number;
  /** Of an IPv4 socket; 0 or 1. */
  setBroadcast(channel: number, on: number): void;
  /** `netlink` is a route netlink socket of the namespace in which the device is; -1 for that of this process. */
  linkIndex(device: string, netlink: number): number;
  /** -1 leaves unchanged. `quiet`: no IPv6 link-local address, so no solicitations and no listener reports. */
  setLink(index: number, mtu: number, up: number, quiet: number, netlink: number): void;
  changeAddress(index: number, address: string, prefixLength: number, add: number, netlink: number): void;
  changeRoute(index: number, destination: string, prefixLength: number, add: number, netlink: number): void;
  /** Both ends of a control socket for a helper in another namespace. `theirs` is to be closed here once the helper has it. */
  namespacePair(): { ours: number; theirs: number };
  /** Closes `ours`: the helper ends, with all that runs inside. The end of the thread does that too. */
  closeNamespace(control: number): void;
  /** Closes a descriptor that these calls returned. Node's own close warns of those that it has not opened. */
  closeDescriptor(descriptor: number): void;
  /** A request to a helper, and its reply. Waits for it, at most 20 s. Kinds are those of `addon/namespace-protocol.h`. */
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

/** Through these, integers pass between the addon and an endpoint. `memory` must never be transferred. */
export interface BatchArrays {
  readonly memory: ArrayBuffer;
  /** The most frames in one batch. */
  readonly slots: number;
  /** Bytes behind each address in which a frame may be read. */
  readonly room: number;
  /** Incoming: where each slot's frame is to begin, and how long it came out. */
  readonly addresses: Int32Array;
  readonly lengths: Int32Array;
  /** Outgoing: where each frame begins, where its UDP header is, and its length; for UDP that of the payload. */
  readonly outAddresses: Int32Array;
  readonly outHeaders: Int32Array;
  readonly outLengths: Int32Array;
  /** Frames that could not be written, by {@link TALLY_SIZE} kinds of error. Only added to. */
  readonly tally: Int32Array;
  /** `count` frames were read, or a negative errno and nothing will be read any more. */
  readonly onBatch: (channel: number, count: number) => void;
}

export interface TunChannel {
  readonly channel: number;
  readonly device: string;
  readonly index: number;
  /** Of a device that was left by a lane before, the last that was noted of it. */
  readonly note?: string;
}

export interface UdpOptions {
  readonly family: 4 | 6;
  /** To bind to; empty for any. */
  readonly address: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Empty for none. */
  readonly device: string;
  /** A multicast group to join; empty for none. */
  readonly group: string;
  readonly reuse: boolean;
  readonly broadcast: boolean;
  /** Who opens it, and how: what an handover knows it by. */
  readonly key?: string;
}

/** The kinds of error in a tally, by index: would-block, too-large, unreachable, refused, not-permitted, invalid, device-down, other. */
export const TALLY_SIZE = 8;

/**
 * The addon, loaded once for each thread.
 *
 * @throws EndpointError FT_ADDON_ABSENT with what to do
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

/** What the build left as the reason, in one line; else what to do. */
function whyAbsent(): string {
  for (const folder of FOLDERS) {
    try {
      return readFileSync(`${folder}absent.txt`, 'utf8')
        .trim()
        .replaceAll(/\s*\n\s*/g, ' ');
    } catch {
      // No reason was left there: look on.
    }
  }
  return `Install a C compiler (on Debian: apt-get install gcc libc6-dev) and build it: node ${builder()}`;
}

/** Where it is, also from the folder of a project that has this package installed. */
function builder(): string {
  const places = ['../../../tools/build-addon.mjs', '../../tools/build-addon.mjs'].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
  return places.find((place) => existsSync(place)) ?? 'tools/build-addon.mjs';
}
