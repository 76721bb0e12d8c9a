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
 * A network namespace of its own, with a helper process inside (`helper/helper.h`) that opens devices and sockets there,
 * and runs one command. It needs no privilege where the system lets users have user namespaces.
 *
 * It ends with {@link close}, and when this process ends in any way.
 */
export class NetworkNamespace {
  /** For endpoints that are to make their devices here. */
  readonly sockets: NamespaceSockets;
  /** How the command ended. Rejects with `FT_NAMESPACE_ENDED` when the helper was killed; by then nothing is left of it. */
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
    // A caller that runs no command never looks at this promise.
    this.ended.catch(() => {});
  }

  /**
   * Makes one. Returns when it is there.
   *
   * @param command the program and its arguments, which {@link run} starts; its standard streams are those of this process unless `output` says otherwise
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
    child.on('error', () => {}); // it has no process then, and the control socket is closed
    return new NetworkNamespace(io, child, ours);
  }

  /** A socket made inside: it stays there, wherever it is used. For the caller to close. */
  socket(family: number, type: number, protocol = 0): number {
    return this.#ask('socket', REQUEST.socket, '', family, type, protocol).descriptor;
  }

  /** A TCP or UDP socket inside, bound to an address and port there, or connected to one, which is not waited for.
   * A transparent one also takes what is led to it with another destination. */
  internetSocket(
    kind: 'tcp' | 'udp',
    use: 'bind' | 'bind-transparent' | 'connect',
    address: string,
    port: number,
  ): number {
    const family = address.includes(':') ? AF_INET6 : AF_INET;
    const payload = `${use}\0${address}\0${port}\0`;
    const what = `${use} ${address} port ${port}`;
    return this.#ask(what, REQUEST.socket, payload, family, kind === 'tcp' ? SOCK_STREAM : SOCK_DGRAM)
      .descriptor;
  }

  /** Puts a read-only file in place of another, for the command alone. Again with the same path: another content. */
  replaceFile(path: string, content: string): void {
    this.#ask(path, REQUEST.file, `${path}\0${content}`);
  }

  /** Puts an empty folder in place of another, for the command alone. */
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

  /** Sends a signal to the command. One that has ended is no error. */
  signal(number: number): void {
    if (!this.#isClosed) this.#io.askNamespace(this.sockets.namespace, REQUEST.signal, number, 0, 0, '');
  }

  /** Fulfilled when the command has ended, and what it left, and the helper. */
  get gone(): Promise<void> {
    return this.#exit;
  }

  /** Ends all that runs inside. Fulfilled when it has ended. */
  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#io.closeDescriptor(this.sockets.netlink);
      this.#io.closeNamespace(this.sockets.namespace);
    }
    await this.#exit;
  }

  #ask(what: string, kind: number, payload: string, a = 0, b = 0, c = 0): NamespaceReply {
    const reply = this.#io.askNamespace(this.sockets.namespace, kind, a, b, c, payload);
    if (reply.error === 0) return reply;
    const code = nameOf(reply.error);
    throw Object.assign(new Error(`${what}: ${code}`), { code, errno: reply.error });
  }

  async #end(status: Promise<string>): Promise<CommandEnd> {
    const end = commandEnd(await status);
    if (end !== undefined) return end;
    // The helper was killed. Its descendants have no parent any more that knows them.
    await endProcessesIn(this.#inode);
    throw new EndpointError(
      'FT_NAMESPACE_ENDED',
      `the helper process ${this.pid} of the network namespace was killed, and all that ran inside is ended`,
    );
  }
}

export interface NamespaceOptions {
  readonly command?: readonly string[];
  /** The user is root inside, with all rights over the namespace; else himself. */
  readonly mapRoot?: boolean;
  /** Where what is run writes: the streams of this process, nowhere, or a file that is open here. */
  readonly output?: 'inherit' | 'ignore' | number;
}

/** What becomes of processes that outlive the command: ended with it, or waited for. */
export type Leftovers = 'end' | 'wait';

/** How a command ended: by itself, with a status, or by a signal. */
export type CommandEnd = { readonly status: number } | { readonly signal: number };

export interface ToolResult {
  /** Its exit status; 127 when there is no such program, 128 and more for a signal. */
  readonly status: number;
  /** What it wrote to its standard output and error. */
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

/** What `spawn` takes for a stream. */
export type Stdio = 'inherit' | 'ignore' | number;

/** The standard input, output and error of what is run. */
export function standardStreams(output: NamespaceOptions['output'] = 'inherit'): Stdio[] {
  return output === 'inherit' ? ['inherit', 'inherit', 'inherit'] : ['ignore', output, output];
}

/** As namespace-protocol.h numbers them. */
const REQUEST = { socket: 2, file: 3, hide: 4, variable: 5, tool: 6, run: 7, signal: 8 } as const;
const AF_INET = 2;
const AF_INET6 = 10;
const AF_NETLINK = 16;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const NETLINK_ROUTE = 0;

/** How a command ended, as the helper writes it; undefined where the helper was killed. */
export function commandEnd(status: string): CommandEnd | undefined {
  const [, kind, number] = /^(exit|signal) (\d+)$/.exec(status.trim()) ?? [];
  if (kind === undefined) return undefined;
  return kind === 'exit' ? { status: Number(number) } : { signal: Number(number) };
}

/** All that the helper writes to its status pipe, when it has ended or the command has. */
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
    return undefined; // this kernel has none of that name
  }
}

function nameOf(errno: number): string {
  return getSystemErrorName(-errno);
}

/** Built, this file is dist/host/endpoint/namespace/network-namespace.js; in a checkout it is one folder higher. */
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
