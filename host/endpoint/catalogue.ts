import type { Piece as Description, Problem } from '../../abi/host/contract.ts';
import type { Frames } from '../frame/frames.ts';
import type { Piece, PieceContext } from '../piece/piece.ts';
import { type Protocols, standardProtocols } from '../stack/protocols.ts';
import { PcapReaderPiece } from './capture/pcap-reader.ts';
import { pcapReaderDescription, readPcapReaderSettings } from './capture/pcap-reader-description.ts';
import { PcapWriterPiece } from './capture/pcap-writer.ts';
import { pcapWriterDescription, readPcapWriterSettings } from './capture/pcap-writer-description.ts';
import { TunPiece } from './device/tun.ts';
import { tunDescription } from './device/tun-description.ts';
import { readTunSettings } from './device/tun-settings.ts';
import { makeProcess } from './process/process.ts';
import { PacketPiece } from './socket/packet.ts';
import { packetDescription } from './socket/packet-description.ts';
import { readPacketSettings } from './socket/packet-settings.ts';
import { RawPiece } from './socket/raw.ts';
import { rawDescription } from './socket/raw-description.ts';
import { readRawSettings } from './socket/raw-settings.ts';
import { UdpPiece } from './socket/udp.ts';
import { udpDescription } from './socket/udp-description.ts';
import { readUdpSettings } from './socket/udp-settings.ts';
import { UnixDatagramPiece } from './socket/unix-datagram.ts';
import { readUnixDatagramSettings, UNIX_DATAGRAMS } from './socket/unix-datagram-description.ts';
import { Socks5Piece } from './socks/socks5.ts';
import { SOCKS5 } from './socks/socks5-description.ts';
import { readSocks5Settings } from './socks/socks5-settings.ts';
import { localStreams } from './stream/local-catalogue.ts';
import { LocalStreamPiece } from './stream/local-stream.ts';
import { TcpPiece } from './stream/tcp.ts';
import { tcpDescription } from './stream/tcp-description.ts';
import { readTcpSettings } from './stream/tcp-settings.ts';
import { readUplinkSettings, UplinkPiece } from './uplink/uplink.ts';
import { uplinkDescription } from './uplink/uplink-description.ts';

/** Settings in the contract's form: names and texts. */
export type GivenSettings = readonly (readonly [string, string])[];

/** A piece that is part of the host. */
export interface NativePiece {
  /**
   * Returns the description with these settings (without any, the default one), or all mistakes in the
   * settings. Pure.
   */
  describe(settings: GivenSettings): Description | readonly Problem[];
  /** The files that the piece opens with these settings. */
  files?(settings: GivenSettings): readonly FileUse[];
  /**
   * Whether the piece takes standard input or output with these settings, so that the command line must not
   * print there.
   */
  usesStandardStreams?(settings: GivenSettings): boolean;
  /** Makes the piece and opens nothing. `start` opens, and throws an EndpointError if the system refuses. */
  make(context: PieceContext, frames: Frames, protocols: Protocols, settings: GivenSettings): Piece;
}

/** A file that a piece opens. */
export interface FileUse {
  /** The setting that names it. */
  readonly setting: string;
  readonly path: string;
  readonly isWritten: boolean;
}

/** The native pieces by name. */
export const nativePieces: ReadonlyMap<string, NativePiece> = new Map<string, NativePiece>([
  [
    'tun',
    {
      describe: (settings) =>
        described(settings, readTunSettings(settings), ({ mtu, mode }) => tunDescription(mtu, mode)),
      make: (context, frames, protocols, settings) => new TunPiece(context, frames, protocols, settings),
    },
  ],
  [
    'udp',
    {
      describe: (settings) =>
        described(settings, readUdpSettings(settings), ({ families }) => udpDescription(families)),
      usesStandardStreams: (settings) => readUdpSettings(settings).settings.inherit?.by === 'inetd',
      make: (context, frames, protocols, settings) => new UdpPiece(context, frames, protocols, settings),
    },
  ],
  [
    'raw',
    {
      describe: (settings) =>
        described(settings, readRawSettings(settings, standardProtocols), rawDescription),
      make: (context, frames, protocols, settings) => new RawPiece(context, frames, protocols, settings),
    },
  ],
  [
    'packet',
    {
      describe: (settings) => described(settings, readPacketSettings(settings), packetDescription),
      make: (context, frames, protocols, settings) => new PacketPiece(context, frames, protocols, settings),
    },
  ],
  [
    'unix-datagram',
    {
      describe: (settings) => described(settings, readUnixDatagramSettings(settings), () => UNIX_DATAGRAMS),
      make: (context, frames, protocols, settings) =>
        new UnixDatagramPiece(context, frames, protocols, settings),
    },
  ],
  [
    'tcp',
    {
      describe: (settings) =>
        described(settings, readTcpSettings(settings), ({ families }) => tcpDescription(families)),
      make: (context, frames, protocols, settings) => new TcpPiece(context, frames, protocols, settings),
    },
  ],
  ...[...localStreams, ['process', makeProcess] as const].map(([name, read]): [string, NativePiece] => [
    name,
    {
      describe: (settings) => {
        const { description, problems } = read(settings);
        return settings.length > 0 && problems.length > 0 ? problems : description;
      },
      usesStandardStreams: () => name === 'stdio' || name === 'inherited',
      make: (context, frames, protocols, settings) =>
        new LocalStreamPiece(context, frames, protocols, read(settings)),
    },
  ]),
  [
    'socks5',
    {
      describe: (settings) => described(settings, readSocks5Settings(settings), () => SOCKS5),
      make: (context, frames, protocols, settings) => new Socks5Piece(context, frames, protocols, settings),
    },
  ],
  [
    'uplink',
    {
      describe: (settings) =>
        described(settings, readUplinkSettings(settings), ({ mtu }) => uplinkDescription(mtu)),
      make: (context, frames, protocols, settings) => new UplinkPiece(context, frames, protocols, settings),
    },
  ],
  [
    'pcap-writer',
    {
      describe: (settings) =>
        described(settings, readPcapWriterSettings(settings, standardProtocols), pcapWriterDescription),
      files: (settings) => captureOf(readPcapWriterSettings(settings, standardProtocols).settings, true),
      make: (context, frames, protocols, settings) =>
        new PcapWriterPiece(context, frames, protocols, settings),
    },
  ],
  [
    'pcap-reader',
    {
      describe: (settings) =>
        described(settings, readPcapReaderSettings(settings, standardProtocols), pcapReaderDescription),
      files: (settings) => captureOf(readPcapReaderSettings(settings, standardProtocols).settings, false),
      make: (context, frames, protocols, settings) =>
        new PcapReaderPiece(context, frames, protocols, settings),
    },
  ],
]);

function captureOf({ file }: { readonly file: string }, isWritten: boolean): readonly FileUse[] {
  return file === '' ? [] : [{ setting: 'file', path: file, isWritten }];
}

/** A piece describes itself without settings, even if it needs some to start. */
function described<T>(
  given: GivenSettings,
  read: { readonly settings: T; readonly problems: readonly Problem[] },
  describe: (settings: T) => Description,
): Description | readonly Problem[] {
  return given.length > 0 && read.problems.length > 0 ? read.problems : describe(read.settings);
}
