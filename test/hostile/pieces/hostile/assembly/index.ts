// A piece of many deeds, for tests of the host: the setting `deed` says which. It does it with the first frame that comes.
import {
  Batch, Description, Direction, Kind, Level, Outcome, Piece, Reach, Role, Settings, State, edgeOf, listen, log, offerText, protocolNumber, unlisten,
} from 'funnel-tunnel/as';

class Hostile extends Piece {
  deed: string = '';
  ipv6: u16 = 0;
  calls: i32 = 0;
  kept: u32 = 0;

  describe(d: Description, settings: Settings): void {
    this.calls++;
    d.piece(this.calls == 1 ? 'hostile' : 'another', '6.6.6', 'Does what it must not.');
    d.protocol('ipv6');
    d.setting('deed', Kind.Text, 'Which.', 'nothing');
    const reach = settings.text('deed').startsWith('withheld') ? Reach.Headers : Reach.WholeFrame;
    d.edge('a').shape('ipv6', Direction.Up, reach);
    d.edge('b').shape('ipv6', Direction.Down, reach);
    d.curve(0, 0, 1, 0);
    d.reason('lost', true);
    d.reason('done', false);
  }

  start(now: f64, settings: Settings): void {
    this.deed = settings.text('deed');
    this.ipv6 = protocolNumber('ipv6');
  }

  state(state: State): void {
    // Reads and writes what lies around the state.
    if (this.deed == 'state beyond memory') state.bytes(0xfffffff0, 64);
    this.calls = state.u32(this.calls);
  }

  process(now: f64, batch: Batch, out: Outcome): void {
    if (batch.length == 0) return;
    const b = <u16>edgeOf(1);
    const deed = this.deed;
    const frame = batch.frame(0);
    if (deed == 'forward all') {
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
      // What the host reads next are the tables that the SDK has made: every word of memory becomes another.
      for (let i = 0; i < batch.length; i++) out.forward(batch.frame(i), b, 0);
      memory.fill(64, 0xa5, (<usize>memory.size() << 16) - 64);
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
