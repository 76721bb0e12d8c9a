import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { getSystemErrorName } from 'node:util';
import { type FunnelIo, loadAddon, type NamespaceReply, type NamespaceSockets } from '../addon.ts';
import { EndpointError } from '../endpoint-error.ts';
import { namespaceError } from './namespace-error.ts';
import { endProcessesIn } from './processes-in.ts';

/**
 * A network namespace of its own, with a helper process inside (`helper/helper.h`) that opens devices and
 * sockets there, and runs one command. It needs no privilege if the system permits user namespaces to users.
 *
 * It ends with {@link close}, and when this process ends in any way.
 */
export class NetworkNamespace {
  /** For endpoints that make their devices here. */
  readonly sockets: NamespaceSockets;
  /**
   * How the command ended. Rejects with `FT_NAMESPACE_ENDED` if the helper was killed; all processes inside
   * have ended then.
   */
  readonly ended: Promise<CommandEnd>;
  /** The helper's process number: /proc/PID/net shows the network inside. */
  readonly pid: number;
  readonly #io: FunnelIo;
  readonly #exit: Promise<void>;
  readonly #inode: bigint;
  #isClosed = false;

  private constructor(io: FunnelIo, child: ChildProcess, control: number) {
    this.#io = io;
    this.pid = child.pid ?? 0;
    this.#exit = new Promise((resolve) => child.once('exit', () => resolve()));
    const status = statusOf(child);
    try {
      this.sockets = { namespace: control, netlink: -1 };
      const hello = io.askNamespace(control, 0, 0, 0, 0, '');
      if (hello.error !== 0)
        throw namespaceError({ step: hello.text, code: nameOf(hello.error), helper: helperPath(), variable });
      this.sockets = { namespace: control, netlink: this.socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) };
      this.#inode = statSync(`/proc/${this.pid}/ns/net`, { bigint: true }).ino;
    } catch (error) {
      io.closeNamespace(control);
      throw error;
    }
    this.ended = this.#end(status);
    // A caller that runs no command never uses this promise.
    this.ended.catch(() => {});
  }

  /**
   * Makes a namespace. Returns when it is ready.
   *
   * @param command the program and its arguments, which {@link run} starts; its standard streams are those of
   * this process, unless `output` names others
   * @throws EndpointError `FT_ADDON_ABSENT`, `FT_NAMESPACE_FORBIDDEN`, `FT_NAMESPACE`
   */
  static open({ command = [], mapRoot = false, output }: NamespaceOptions = {}): NetworkNamespace {
    const io = loadAddon();
    const { ours, theirs } = io.namespacePair();
    let child: ChildProcess;
    try {
      child = spawn(
        helperPath(),
        [...(mapRoot ? ['--map-root'] : []), ...(command.length === 0 ? [] : ['--', ...command])],
        { stdio: [...standardStreams(output), theirs, 'pipe'] },
      );
    } finally {
      io.closeDescriptor(theirs);
    }
    child.on('error', () => {}); // no process exists then, and the control socket is closed
    return new NetworkNamespace(io, child, ours);
  }

  /** Makes a socket inside: it stays in the namespace, wherever it is used. The caller closes it. */
  socket(family: number, type: number, protocol = 0): number {
    return this.#ask('socket', REQUEST.socket, '', family, type, protocol).descriptor;
  }

  /**
   * Makes a TCP or UDP socket inside, bound to an address and port there, or connecting to one (without
   * waiting).
   */
  internetSocket(
    kind: 'tcp' | 'udp',
    use: 'bind' | 'connect',
    address: string,
    port: number,
    options: InnerSocketOptions = {},
  ): number {
    const family = address.includes(':') ? AF_INET6 : AF_INET;
    const what = `${use} ${address} port ${port}`;
    const payload = [use, address, port, ...wordsOf(options)].map((each) => `${each}\0`).join('');
    return this.#ask(what, REQUEST.socket, payload, family, typeOf(kind)).descriptor;
  }

  /** Makes a TCP or UDP socket inside that is neither bound nor connected. */
  openSocket(kind: 'tcp' | 'udp', family: 4 | 6, options: InnerSocketOptions = {}): number {
    const payload = ['open', '', 0, ...wordsOf(options)].map((each) => `${each}\0`).join('');
    const domain = family === 6 ? AF_INET6 : AF_INET;
    return this.#ask('socket', REQUEST.socket, payload, domain, typeOf(kind)).descriptor;
  }

  /**
   * Replaces a file by a read-only one, for the command alone. A second call with the same path changes its
   * content.
   */
  replaceFile(path: string, content: string): void {
    this.#ask(path, REQUEST.file, `${path}\0${content}`);
  }

  /** Replaces a folder by an empty one, for the command alone. */
  hideFolder(path: string): void {
    this.#ask(path, REQUEST.hide, path);
  }

  /** Sets a variable of the network inside. @param name under /proc/sys, such as `net/ipv4/ip_forward` */
  setVariable(name: string, value: string): void {
    this.#ask(name, REQUEST.variable, `${name}\0${value}`);
  }

  /** Runs a program to its end, inside. The first argument is its name. */
  runTool(argv: readonly string[], input = ''): ToolResult {
    const payload = argv.map((each) => `${each}\0`).join('') + input;
    const { value, text } = this.#ask(argv[0] ?? '', REQUEST.tool, payload, argv.length);
    return { status: (value & 0x7f) === 0 ? (value >> 8) & 0xff : 128 + (value & 0x7f), output: text };
  }

  /** Starts the command. @returns its process number. @throws EndpointError `FT_COMMAND` */
  run(leftovers: Leftovers = 'end'): number {
    const reply = this.#io.askNamespace(
      this.sockets.namespace,
      REQUEST.run,
      leftovers === 'end' ? 0 : 1,
      0,
      0,
      '',
    );
    if (reply.error === 0) return reply.value;
    throw new CommandError(nameOf(reply.error));
  }

  /** Sends a signal to the command. It is not an error if the command has ended. */
  signal(number: number): void {
    if (!this.#isClosed) this.#io.askNamespace(this.sockets.namespace, REQUEST.signal, number, 0, 0, '');
  }

  /** Fulfilled when the command, the processes that outlive it, and the helper have ended. */
  get gone(): Promise<void> {
    return this.#exit;
  }

  /** Ends all processes inside. Fulfilled when they have ended. */
  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#io.closeDescriptor(this.sockets.netlink);
      this.#io.closeNamespace(this.sockets.namespace);
    }
    await this.#exit;
  }

  #ask(what: string, kind: number, payload: string, a = 0, b = 0, c = 0): NamespaceReply {
    // The number of the control socket may be that of another descriptor by now.
    if (this.#isClosed) throw Object.assign(new Error(`${what}: EBADF`), { code: 'EBADF', errno: EBADF });
    const reply = this.#io.askNamespace(this.sockets.namespace, kind, a, b, c, payload);
    if (reply.error === 0) return reply;
    const code = nameOf(reply.error);
    throw Object.assign(new Error(`${what}: ${code}`), { code, errno: reply.error });
  }

  async #end(status: Promise<string>): Promise<CommandEnd> {
    const end = commandEnd(await status);
    if (end !== undefined) return end;
    // The helper was killed. No parent keeps track of its descendants any more.
    await endProcessesIn(this.#inode);
    throw new EndpointError(
      'FT_NAMESPACE_ENDED',
      `the helper process ${this.pid} of the network namespace was killed, so all processes inside were ended`,
    );
  }
}

export interface NamespaceOptions {
  readonly command?: readonly string[];
  /**
   * Whether the user is root inside, with all rights over the namespace; otherwise the user keeps its
   * identity.
   */
  readonly mapRoot?: boolean;
  /** The output of the programs that run inside: the streams of this process, nowhere, or an open file. */
  readonly output?: 'inherit' | 'ignore' | number;
}

export interface InnerSocketOptions {
  /** Also takes packets to other destinations that are routed to it. */
  readonly transparent?: boolean;
  /** Lets several UDP sockets have one port. */
  readonly reuse?: boolean;
  /** Whether a socket of IPv6 takes no IPv4. */
  readonly sixOnly?: boolean;
  /** The device inside to which it is bound. */
  readonly device?: string;
}

/** Whether processes that outlive the command are ended with it, or the end waits for them. */
export type Leftovers = 'end' | 'wait';

/** How a command ended: by itself, with a status, or by a signal. */
export type CommandEnd = { readonly status: number } | { readonly signal: number };

export interface ToolResult {
  /** Its exit status; 127 if there is no such program, 128 and more for a signal. */
  readonly status: number;
  /** Its standard output and error. */
  readonly output: string;
}

/** A command that cannot be run, with the status that a shell would have. */
export class CommandError extends Error {
  readonly status: number;

  constructor(readonly code: string) {
    super(code);
    this.status = code === 'ENOENT' ? 127 : 126;
  }
}

/** The type of a stream for `spawn`. */
export type Stdio = 'inherit' | 'ignore' | number;

/** The standard input, output and error of the program that runs. */
export function standardStreams(output: NamespaceOptions['output'] = 'inherit'): Stdio[] {
  return output === 'inherit' ? ['inherit', 'inherit', 'inherit'] : ['ignore', output, output];
}

/** The numbers in namespace-protocol.h. */
const REQUEST = { socket: 2, file: 3, hide: 4, variable: 5, tool: 6, run: 7, signal: 8 } as const;
const EBADF = 9;
const AF_INET = 2;
const AF_INET6 = 10;
const AF_NETLINK = 16;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const NETLINK_ROUTE = 0;

function typeOf(kind: 'tcp' | 'udp'): number {
  return kind === 'tcp' ? SOCK_STREAM : SOCK_DGRAM;
}

/** The options in the words of namespace-protocol.h. */
function wordsOf({ transparent, reuse, sixOnly, device }: InnerSocketOptions): readonly string[] {
  return [
    ...(transparent === true ? ['transparent'] : []),
    ...(reuse === true ? ['reuse'] : []),
    ...(sixOnly === true ? ['six-only'] : []),
    ...(device === undefined ? [] : [`device=${device}`]),
  ];
}

/** How a command ended, as the helper writes it; undefined where the helper was killed. */
export function commandEnd(status: string): CommandEnd | undefined {
  const [, kind, number] = /^(exit|signal) (\d+)$/.exec(status.trim()) ?? [];
  if (kind === undefined) return undefined;
  return kind === 'exit' ? { status: Number(number) } : { signal: Number(number) };
}

/** Reads everything that the helper writes to its status pipe, until it or the command has ended. */
export function statusOf(child: ChildProcess): Promise<string> {
  const stream = child.stdio[4] as Readable | null | undefined;
  if (stream == null) return Promise.resolve('');
  return new Promise((resolve) => {
    let text = '';
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (text.endsWith('\n')) resolve(text);
    });
    stream.on('error', () => resolve(text)).on('close', () => resolve(text));
  });
}

function variable(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${name}`, 'utf8').trim();
  } catch {
    return undefined; // this kernel has no such variable
  }
}

function nameOf(errno: number): string {
  return getSystemErrorName(-errno);
}

/**
 * Built, this file is dist/host/endpoint/namespace/network-namespace.js; in a checkout it is one folder
 * higher.
 */
export function helperPath(): string {
  const places = ['../../../addon/', '../../../dist/addon/'].map((folder) =>
    fileURLToPath(new URL(`${folder}funnel-namespace`, import.meta.url)),
  );
  const found = places.find((place) => existsSync(place));
  if (found !== undefined) return found;
  throw new EndpointError(
    'FT_ADDON_ABSENT',
    'the helper for network namespaces is not built. Install a C compiler (on Debian: apt-get install gcc libc6-dev) and build it: node tools/build-addon.mjs',
  );
}
