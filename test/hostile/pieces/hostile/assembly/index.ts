// A piece of many deeds, for tests of the host: the setting `deed` says which. It does it with the first
// frame that comes.
import {
  Batch,
  Description,
  Direction,
  edgeOf,
  Joining,
  Kind,
  Level,
  listen,
  log,
  Outcome,
  offerText,
  PartMarks,
  Piece,
  protocolNumber,
  Reach,
  Role,
  Settings,
  State,
  Text,
  unlisten,
} from 'funnel-tunnel/as';

class Hostile extends Piece {
  deed: string = '';
  ipv6: u16 = 0;
  calls: i32 = 0;
  kept: u32 = 0;
  fills: bool = false;
  body: u32 = 0;
  bodyLength: u32 = 0;

  describe(d: Description, settings: Settings): void {
    this.calls++;
    const deed = settings.text('deed');
    if (deed == 'trap in describe') unreachable();
    if (deed == 'call the host in describe') log(Level.Info, 'here');
    d.piece(
      this.calls == 1 ? 'hostile' : 'another',
      deed == 'escapes in its names' ? '\x1b[2J6' : '6.6.6',
      deed == 'escapes in its names'
        ? 'Does\x07 \x1b]0;owned\x07 what\r\nit must not.'
        : 'Does what it must not.',
    );
    d.protocol('ipv6');
    d.setting('deed', Kind.Text, 'Which.', 'nothing');
    d.setting('fill', Kind.Boolean, 'Whether it sends a hundred frames with each that comes.', 'false');
    const reach = settings.text('deed').startsWith('withheld') ? Reach.Headers : Reach.WholeFrame;
    d.edge('a').shape('ipv6', Direction.Up, reach);
    d.edge('b').shape('ipv6', Direction.Down, reach);
    d.curve(0, 0, 1, 0);
    d.reason('lost', true, 'It is lost.');
    d.reason('done', false, 'It is done.');
  }

  start(now: f64, settings: Settings): void {
    this.deed = settings.text('deed');
    this.fills = settings.boolean('fill');
    this.ipv6 = protocolNumber('ipv6');
    this.may('start');
    if (this.deed == 'escapes in its problem') settings.problem('deed', '\x1b[31mno\x1b[0m\n\u202e');
  }

  /** Does in a call of this name what the deed says. */
  may(call: string): void {
    if (this.deed == 'trap in ' + call) unreachable();
    if (this.deed == 'loop in ' + call) while (true) this.calls++;
    if (this.deed == 'call the host in ' + call) listen(0, 0, 'ipv6');
  }

  accepts(joining: Joining): string | null {
    this.may('accepts');
    return null;
  }

  join(joining: Joining): void {
    this.may('join');
  }

  leave(edge: u16, shape: u16): void {
    this.may('leave');
  }

  listening(edge: u16, stack: Text, present: bool): string | null {
    if (stack.length == 14) this.may('listening');
    return null;
  }

  ready(edge: u16, ready: bool): void {
    this.may('ready');
  }

  state(state: State): void {
    // Reads and writes what lies around the state.
    if (this.deed == 'state beyond memory') state.bytes(0xfffffff0, 64);
    if (state.isRestoring) this.may('restore');
    else this.may('save');
    this.calls = state.u32(this.calls);
  }

  process(now: f64, batch: Batch, out: Outcome): void {
    if (batch.length == 0) return;
    const b = <u16>edgeOf(1);
    const deed = this.deed;
    const frame = batch.frame(0);
    // So that it comes back: see the test.
    if (now >= 7000 && now < 8000) unreachable();
    if (deed == 'edge out of range') {
      out.forward(frame, 9, 0);
    } else if (deed == 'the largest edge') {
      out.forward(frame, 0xffff, 0);
    } else if (deed == 'shape out of range') {
      out.forward(frame, b, 3);
    } else if (deed == 'protocol out of range') {
      out.begin(b, 0, frame.ticket);
      out.header(0xffff, 40);
    } else if (deed == 'another protocol') {
      out.begin(b, 0, frame.ticket);
      out.header(1, 40);
    } else if (deed == 'role out of range') {
      out.begin(b, 0, frame.ticket);
      out.part(this.ipv6, 3, 0, 0, 40);
    } else if (deed == 'offset out of range') {
      out.begin(b, 0, frame.ticket);
      out.part(this.ipv6, Role.Header, 0, 0x7fffffff, 40);
    } else if (deed == 'offset below the arena') {
      out.begin(b, 0, frame.ticket);
      out.part(this.ipv6, Role.Header, 0, <u32>-40, 40);
    } else if (deed == 'length out of range') {
      out.begin(b, 0, frame.ticket);
      out.part(this.ipv6, Role.Header, 0, 0, 0xffffffff);
    } else if (deed == 'offset and length that wrap') {
      out.begin(b, 0, frame.ticket);
      out.part(this.ipv6, Role.Header, 0, 0xfffffff0, 40);
    } else if (deed == 'no parts') {
      out.begin(b, 0, frame.ticket);
    } else if (deed == 'skips more than there is') {
      out.forward(frame, b, 0);
      out.skips(200, 200);
    } else if (deed == 'reason out of range') {
      out.end(frame.ticket, 2);
    } else if (deed == 'ticket that goes on and ends') {
      out.forward(frame, b, 0);
      out.end(frame.ticket, 0);
    } else if (deed == 'withheld of nobody' || deed == 'not withheld, as withheld') {
      out.begin(b, 0, frame.ticket);
      out.header(this.ipv6, 40);
      const part = frame.part(frame.partCount - 1);
      out.part(
        0,
        Role.Payload,
        PartMarks.Withheld,
        deed == 'withheld of nobody' ? 0xfffffff0 : part.offset,
        8,
      );
    } else if (deed == 'withheld of an earlier call') {
      const part = frame.part(frame.partCount - 1);
      if (this.body != 0) {
        out.begin(b, 0, frame.ticket);
        out.header(this.ipv6, 40);
        out.part(0, Role.Payload, PartMarks.Withheld, this.body, this.bodyLength);
      } else {
        out.end(frame.ticket, 0);
      }
      this.body = part.offset;
      this.bodyLength = part.length;
    } else if (deed == 'wake up in the past') {
      out.wakeAt(now - 1000);
      out.wakeAt(NaN);
      for (let i = 0; i < batch.length; i++) out.forward(batch.frame(i), b, 0);
    } else if (deed == 'as many frames as there can be') {
      while (out.begin(b, 0, 0)) if (out.header(this.ipv6, 40) == 0) break;
      out.cancel();
    } else if (deed == 'frames that overlap') {
      out.begin(b, 0, frame.ticket);
      const at = out.header(this.ipv6, 40);
      memory.fill(at, 0x60, 40);
      for (let n = 1; n < 8; n++) {
        out.begin(b, 0, 0);
        out.bytes(this.ipv6, Role.Header, 0, at, 40);
        out.bytes(0, Role.Payload, 0, at + n, 40 - n);
      }
    } else if (deed == 'memory that grows') {
      memory.grow(1);
      memory.grow(0);
      log(Level.Info, 'grown');
      for (let i = 0; i < batch.length; i++) out.forward(batch.frame(i), b, 0);
    } else if (deed == 'pause what is not there') {
      for (let n = 0; n < 300; n++) out.pause(<u16>(2 + n * 251));
      for (let i = 0; i < batch.length; i++) out.forward(batch.frame(i), b, 0);
    } else if (this.fills) {
      for (let n = 0; n < 100; n++) {
        out.begin(b, 0, 0);
        const at = out.header(this.ipv6, 40);
        if (at == 0) break;
        memory.fill(at, 0, 40);
        store<u8>(at, 0x60);
      }
    } else if (deed == 'forward all') {
      for (let i = 0; i < batch.length; i++) out.forward(batch.frame(i), b, 0);
    } else if (deed == 'abort') {
      throw new Error('on purpose');
    } else if (deed == 'recursion') {
      this.deep(1);
    } else if (deed == 'loop') {
      while (true) this.calls++;
    } else if (deed == 'allocate for ever') {
      while (true) store<u8>(heap.alloc(65536), 1);
    } else if (deed == 'write over the tables of the call') {
      // The host then reads the tables of the SDK: every word of memory becomes another.
      for (let i = 0; i < batch.length; i++) out.forward(batch.frame(i), b, 0);
      memory.fill(64, 0xa5, ((<usize>memory.size()) << 16) - 64);
    } else if (deed == 'ticket twice') {
      out.end(frame.ticket, 0);
      out.end(frame.ticket, 0);
    } else if (deed == 'ticket of an earlier call') {
      if (this.kept != 0) out.end(this.kept, 0);
      this.kept = frame.ticket;
      out.end(frame.ticket, 0);
    } else if (deed == 'guess tickets') {
      for (let i = 0; i < 4096; i++) out.end(<u32>i * 4096 + 7, 0);
    } else if (deed == 'listen and forget') {
      for (let i = 0; i < 5; i++) {
        const shape = listen(b, 0, 'ipv6');
        if (shape >= 0) unlisten(b, <u16>shape);
      }
      for (let i = 0; i < batch.length; i++) out.forward(batch.frame(i), b, 0);
    } else if (deed == 'offer') {
      for (let i = 0; i < 100; i++) offerText(b, 'name-' + i.toString(), 'text', true);
      for (let i = 0; i < batch.length; i++) out.forward(batch.frame(i), b, 0);
    } else if (deed == 'log') {
      for (let i = 0; i < 100; i++) log(Level.Error, '\x1b[2J' + i.toString());
      for (let i = 0; i < batch.length; i++) out.forward(batch.frame(i), b, 0);
    } else if (deed == 'send what it found in memory') {
      // All of its own memory, in frames that say they are IPv6: only what the host put there for it.
      for (let n = 0; n < 64; n++) {
        out.begin(b, 0, 0);
        const at = out.header(this.ipv6, 40);
        store<u8>(at, 0x60);
        store<u8>(at + 6, 59);
        store<u16>(at + 4, bswap<u16>(1024));
        const room = out.room(1024);
        if (room == 0) break;
        memory.copy(room, n * 1024, 1024);
        out.bytes(0, Role.Payload, 0, room, 1024);
      }
      for (let i = 0; i < batch.length; i++) out.end(batch.frame(i).ticket, 1);
    } else if (deed == 'withheld of others') {
      // The body of the first frame, with another frame's ticket, and a body that is not its own.
      const parts = frame.partCount;
      const part = frame.part(parts - 1);
      store<u32>(changetype<usize>(part) + 4, load<u32>(changetype<usize>(part) + 4) + 2048 * 1000);
      out.forward(frame, b, 0);
    } else {
      for (let i = 0; i < batch.length; i++) out.end(batch.frame(i).ticket, 0);
    }
  }

  deep(n: i32): i32 {
    return n == 0 ? 0 : this.deep(n + 1) + this.deep(n + 2);
  }
}

export function create(): Piece {
  return new Hostile();
}
