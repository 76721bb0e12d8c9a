import { FunnelError } from '../stack/funnel-error.ts';
import type { ParseFunction } from './parse-function.ts';
import { mimePart, multipart } from './parse-mime.ts';
import { rtp } from './parse-rtp.ts';
import { sdp } from './parse-sdp.ts';
import { sip } from './parse-sip.ts';
import { snmp } from './parse-snmp.ts';

/** The parse function of a name in a definition. **To add one, add it here.** */
export function parseFunction(name: string): ParseFunction {
  const found = functions.get(name);
  if (found !== undefined) return found;
  throw new FunnelError(
    'FT_PROTOCOL_INVALID',
    `there is no parse function ${name}; there are ${[...functions.keys()].join(', ')}`,
  );
}

const functions: ReadonlyMap<string, ParseFunction> = new Map([
  ['mime-part', mimePart],
  ['multipart', multipart],
  ['rtp', rtp],
  ['sdp', sdp],
  ['sip', sip],
  ['snmp', snmp],
]);
