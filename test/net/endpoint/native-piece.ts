import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Running } from '../command.ts';
import type { Namespace } from '../namespace.ts';
import type { NetLab } from '../net-lab.ts';
import { builtHost } from './built-host.ts';

/**
 * One native piece in a process of its own in a namespace, driven from the test by lines of text: `offer`,
 * `listen`, `leave`, `replace`, `send`, `stall`, `counters`, `close`. Frames that arrive are printed in
 * hexadecimal.
 */
export class NativePieceProcess {
  readonly running: Running;
  readonly #commands: string;
  #count = 0;

  constructor(
    lab: NetLab,
    where: Namespace,
    piece: string,
    settings: readonly (readonly [string, string])[],
    prefix: readonly string[] = [],
  ) {
    const script = join(builtHost(), 'drive.js');
    writeFileSync(script, DRIVER);
    this.#commands = join(lab.folder, `commands-${where.name}-${++made}`);
    writeFileSync(this.#commands, '');
    this.running = where.start([
      ...prefix,
      process.execPath,
      script,
      piece,
      JSON.stringify(settings),
      this.#commands,
    ]);
  }

  /** Resolves with the rest of the line of the reply. */
  async ask(command: string, ...args: readonly unknown[]): Promise<string> {
    const number = ++this.#count;
    writeFileSync(this.#commands, `${JSON.stringify([number, command, ...args])}\n`, { flag: 'a' });
    const [, answer = ''] = await this.running.waitFor(new RegExp(`^answer ${number} (.*)$`, 'm'));
    return answer;
  }
}

let made = 0;

/** Plain JavaScript, for it runs where nothing compiles. */
const DRIVER = `
import { existsSync, readFileSync } from 'node:fs';
import { nativePieces } from './host/endpoint/catalogue.js';
import { RecordingContext } from './host/endpoint/testing/recording-context.js';
import { Frames } from './host/frame/frames.js';
import { Inbox } from './host/piece/inbox.js';
import { Protocols } from './host/stack/protocols.js';

const [, , name, settings, commands] = process.argv;
const context = new RecordingContext();
const frames = new Frames({ smallRows: 512, largeRows: 16 });
const protocols = new Protocols();
const inbox = new Inbox();
const isEcho = JSON.parse(settings).some(([key]) => key === 'echo');
const make = (given) => nativePieces.get(name).make(context, frames, protocols, given.filter(([key]) => key !== 'echo'));
let piece = make(JSON.parse(settings));
const hex = (row) => Buffer.from(frames.bytes.slice(frames.start[row], frames.start[row] + frames.length[row])).toString('hex');

context.onArrived = () => {
  for (const row of context.rows.splice(0)) {
    const { bytes } = frames, at = frames.start[row];
    if (isEcho) {
      // Replies to pings: an echo request with both addresses exchanged, and the type of a reply.
      const six = bytes[at] >> 4 === 6, icmp = at + (six ? 40 : 20), size = six ? 16 : 4, from = at + (six ? 8 : 12);
      if (bytes[icmp] === (six ? 128 : 8)) {
        const source = bytes.slice(from, from + size);
        bytes.copyWithin(from, from + size, from + 2 * size);
        bytes.set(source, from + size);
        bytes[icmp] = six ? 129 : 0;
        const view = new DataView(frames.memory);
        // RFC 1624: the type is the high byte of its word.
        let sum = (~view.getUint16(icmp + 2) & 0xffff) + (six ? 0x0100 : 0xf7ff);
        sum = (sum & 0xffff) + (sum >> 16);
        view.setUint16(icmp + 2, ~sum & 0xffff);
        inbox.push(row, 0, 0);
        continue;
      }
    }
    console.log('frame', hex(row));
    frames.release(row);
  }
  if (inbox.length > 0) piece.process(0, inbox, 256);
};

try {
  const problems = piece.start(0);
  if (problems.length > 0) throw Object.assign(new Error(JSON.stringify(problems)), { code: 'PROBLEMS' });
} catch (error) {
  console.log('refused', error.code, error.message, '| free', frames.freeRows === frames.rows);
  process.exitCode = 1;
  throw error;
}
const join = (properties) => {
  const joining = { edge: 0, described: 0, shape: 0, joint: 'net', properties: properties.map(([name, tag, val]) => ({ name, value: tag.startsWith('at-') ? { tag, val: BigInt(val) } : { tag, val } })) };
  const problem = piece.accepts(joining);
  if (problem) return 'problem ' + problem.message;
  piece.join(joining);
  piece.join({ ...joining, shape: 1 });
  return 'joined';
};
join([]);
console.log('ready', piece.device ?? (piece.ports ?? []).join());

const calls = {
  offer: (properties) => join(properties),
  // As a change does: the next piece starts beside this one, and takes its place.
  replace: (given, stacks = []) => {
    const next = make(given);
    next.succeed([piece]);
    try {
      const problems = next.start(performance.now());
      if (problems.length > 0) return 'problem ' + JSON.stringify(problems);
    } catch (error) {
      next.close();
      return 'refused ' + error.code + ' ' + error.message;
    }
    for (const stack of stacks) next.listening(0, stack, true);
    next.takeOver();
    const last = piece;
    piece = next;
    join([]);
    last.close();
    return 'replaced ' + (piece.device ?? (piece.ports ?? []).join());
  },
  listen: (stack, present) => piece.listening(0, stack, present)?.message ?? 'heard',
  leave: () => { piece.leave(0, 0); piece.leave(0, 1); return 'left'; },
  send: (text, parts, message = 0) => {
    const bytes = Buffer.from(text, 'hex');
    const row = frames.allocate(bytes.length);
    if (row < 0) return 'no room';
    let at = frames.start[row];
    frames.bytes.set(bytes, at);
    for (const [protocol, role, length] of parts) {
      frames.addPart(row, protocols.number(protocol) | role << 16, at, length);
      at += length;
    }
    frames.messageIds[row] = message;
    inbox.push(row, 0, 0);
    piece.process(0, inbox, 256);
    return 'sent';
  },
  // As a lane that does not come to read: nothing runs in this thread until the file is there.
  stall: (file) => {
    setImmediate(() => {
      const nothing = new Int32Array(new SharedArrayBuffer(4));
      while (!existsSync(file)) Atomics.wait(nothing, 0, 0, 5);
    });
    return 'stalls';
  },
  counters: () => JSON.stringify(Object.fromEntries(context.counters.entries())),
  deviates: () => String(piece.deviates ?? false),
  status: () => JSON.stringify(context.statuses.at(-1)),
  logs: () => JSON.stringify(context.logs),
  close: () => { clearInterval(timer); piece.close(); return 'closed ' + (frames.freeRows === frames.rows); },
};
let done = 0;
const timer = setInterval(() => {
  const lines = readFileSync(commands, 'utf8').split('\\n').slice(0, -1);
  for (const line of lines.slice(done)) {
    done++;
    const [number, call, ...args] = JSON.parse(line);
    console.log('answer', number, calls[call](...args));
  }
}, 10);
`;
