import { LIMITS } from '../../../abi/host/contract.ts';
import { MAX_PARTS } from '../../frame/frames.ts';
import { MOST_OWN } from '../../piece/outbound-fragments.ts';
import { PieceFault } from '../../piece/piece-fault.ts';

/* The messages about faulty outcomes. They are functions of their own, so that code for rare faults takes no
 * room in the code of the frame path. */

export function frameFault(n: number, count: number, first: number, parts: number): PieceFault {
  if (count === 0 || count > MAX_PARTS)
    return fault(`frame ${n} has ${count} parts, but a frame has 1 to ${MAX_PARTS}`);
  if (first > parts - count)
    return fault(`frame ${n} has parts ${first} to ${first + count}, but the outcome has ${parts}`);
  return fault(`frame ${n} skips more parts than it has`);
}

export function kindFault(n: number, kind: number, protocols: number): PieceFault {
  if ((kind & 0xffff) >= protocols)
    return fault(`frame ${n} has a part of the unknown protocol ${kind & 0xffff}`);
  return fault(`frame ${n} has a part of the unknown role ${(kind >>> 16) & 0xff}`);
}

export function ownMessagesFault(n: number): PieceFault {
  return fault(
    `frame ${n} starts a message of the piece's own, but ${MOST_OWN} of those are incomplete already`,
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
