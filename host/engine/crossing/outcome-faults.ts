import { LIMITS } from '../../../abi/host/contract.ts';
import { MAX_PARTS } from '../../frame/frames.ts';
import { MOST_OWN } from '../../piece/outbound-fragments.ts';
import { PieceFault } from '../../piece/piece-fault.ts';

/* What is wrong with an outcome, in words. Functions of their own, so that what never happens takes no room in the code of what always does. */

export function frameFault(n: number, count: number, first: number, parts: number): PieceFault {
  if (count === 0 || count > MAX_PARTS)
    return fault(`frame ${n} has ${count} parts: at least 1 and at most ${MAX_PARTS} can be`);
  if (first > parts - count)
    return fault(`frame ${n} has parts ${first} to ${first + count}, and there are ${parts}`);
  return fault(`frame ${n} skips more parts than it has`);
}

export function kindFault(n: number, kind: number, protocols: number): PieceFault {
  if ((kind & 0xffff) >= protocols)
    return fault(`frame ${n} has a part of protocol ${kind & 0xffff}, which is no protocol`);
  return fault(`frame ${n} has a part of role ${(kind >>> 16) & 0xff}, which is no role`);
}

export function ownMessagesFault(n: number): PieceFault {
  return fault(
    `frame ${n} is a piece of a frame of the piece's own, and ${MOST_OWN} of those are under way already`,
  );
}

export function bytesFault(): PieceFault {
  return fault(`its frames have more than ${LIMITS.maxBytesOut} bytes together`);
}

export function shapeFault(n: number, edgeShape: number): PieceFault {
  return fault(
    `frame ${n} leaves by Edge ${edgeShape & 0xffff}, Shape ${edgeShape >>> 16}, and does not begin with that Shape's protocols`,
  );
}

export function fault(message: string): PieceFault {
  return new PieceFault('FT_FAULT_OUTCOME', `outcome: ${message}`);
}
