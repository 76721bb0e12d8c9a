import { Frame, Outcome } from 'funnel-tunnel/as';

/** The bytes behind the headers of a frame, as one range of memory. */
export abstract class Body {
  static at: usize = 0;
  static length: u32 = 0;

  /** Gathers the parts from one index up to another. False if the outcome has no room for a copy. */
  static gather(frame: Frame, from: i32, to: i32, out: Outcome): bool {
    Body.at = 0;
    Body.length = 0;
    let isApart = false;
    for (let i = from; i < to; i++) {
      const part = frame.part(i);
      if (part.length == 0) continue;
      if (Body.length == 0) Body.at = part.bytes;
      else if (part.bytes != Body.at + Body.length) isApart = true;
      Body.length += part.length;
    }
    if (!isApart) return true;
    let at = out.room(<i32>Body.length);
    if (at == 0) return false;
    Body.at = at;
    for (let i = from; i < to; i++) {
      const part = frame.part(i);
      memory.copy(at, part.bytes, part.length);
      at += part.length;
    }
    return true;
  }
}
