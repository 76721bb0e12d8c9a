import { FunnelError } from '../stack/funnel-error.ts';
import type { ParseFunction } from './parse-function.ts';
import { gre } from './parse-gre.ts';
import { mimePart, multipart } from './parse-mime.ts';
import { ppp } from './parse-ppp.ts';
import { rtcp, rtp } from './parse-rtp.ts';
import { sdp } from './parse-sdp.ts';
import { sip } from './parse-sip.ts';
import { snmp } from './parse-snmp.ts';

/** The parse function of a name in a definition. **To add one, add it here.** */
export function parseFunction(name: string): ParseFunction {
  const found = functions.get(name);
  if (found !== undefined) return found;
  throw new FunnelError(
    'FT_PROTOCOL_INVALID',
    `there is no parse function ${name}; write one of ${[...functions.keys()].join(', ')}`,
  );
}

const functions: ReadonlyMap<string, ParseFunction> = new Map([
  ['gre', gre],
  ['mime-part', mimePart],
  ['multipart', multipart],
  ['ppp', ppp],
  ['rtcp', rtcp],
  ['rtp', rtp],
  ['sdp', sdp],
  ['sip', sip],
  ['snmp', snmp],
]);
