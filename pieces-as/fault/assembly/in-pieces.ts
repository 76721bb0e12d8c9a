import { Frame, Outcome, UnderWay } from 'funnel-tunnel/as';

const MOST: i32 = 64;

/**
 * Frames that pass in pieces. What chance draws for the first piece is for the whole frame: it is lost, or has one bit turned, or
 * neither; all its pieces are delayed alike, in their order. It is not reordered and not duplicated.
 */
export class InPieces {
  private underWay: UnderWay = new UnderWay(MOST);
  private swings: StaticArray<u32> = new StaticArray<u32>(MOST);
  /** Pieces that are held. */
  private held: StaticArray<i32> = new StaticArray<i32>(MOST);

  /** The place of the frame that this piece is of; -1 where it is not under way, or is whole. */
  find(frame: Frame): i32 {
    return frame.isContinued || frame.hasMore ? this.underWay.find(frame.ticket) : -1;
  }

  /** A frame begins, of this swing of its delay. Where there are too many, the one of which nothing came for longest ends. */
  begin(frame: Frame, swing: u32, out: Outcome, reason: u16): i32 {
    const place = this.underWay.add(frame.ticket);
    if (this.underWay.evicted != 0) out.end(this.underWay.evicted, reason);
    this.swings[place] = swing;
    this.held[place] = 0;
    return place;
  }

  swingOf(place: i32): u32 {
    return this.swings[place];
  }

  /** Those behind a piece that is held are held as well. */
  isHeld(place: i32): bool {
    return place >= 0 && this.held[place] > 0;
  }

  hold(place: i32): void {
    if (place >= 0) this.held[place]++;
  }

  /** A held piece went on. */
  release(place: i32): void {
    this.held[place]--;
  }

  /** A piece went on: behind the last, the frame is over. */
  passed(place: i32, frame: Frame): void {
    if (place >= 0 && !frame.hasMore) this.underWay.remove(place);
  }

  /** The frame ends, with all that is held of it. */
  end(place: i32): void {
    if (place >= 0) this.underWay.remove(place);
  }
}
