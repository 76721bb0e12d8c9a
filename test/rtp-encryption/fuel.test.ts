import { beforeAll, expect, test } from 'vitest';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { request, response } from '../sipproxy64/phones.ts';
import { SUITES } from '../srtp/srtp-model.ts';
import { cryptoLine, described, master, Path, PEER, rtp, rtpEncryption } from './phones.ts';

// Time is counted in fuel, and not by a clock: a machine that is busy changes nothing of it.

/** The costs by which the piece plans (`pieces-as/sipproxy64/assembly/load.ts`). */
const A_MESSAGE = 60_000;
const A_BYTE = 340;
const LONGEST = 10_240;
/** And those of `pieces-as/rtp-encryption/assembly/index.ts`. */
const A_LINE = 300_000;
const A_KEY = 20_000;
/** A message that costs more than a call has by the plan is the only one in its call. */
const A_CALL = 4_500_000;

let make: BoundComponent;
let used = 0;
beforeAll(async () => {
  make = await rtpEncryption((units) => {
    used = units;
  });
}, 300_000);

const SUITE = 'AES_CM_128_HMAC_SHA1_80';
const KEY = master(30, 1);
const repeated = (text: string, bytes: number): string =>
  text.repeat(Math.max(1, Math.floor(bytes / text.length)));
const inline = `inline:${KEY.toString('base64')}`;
const media = (protocol: string): string => `m=audio 7000 ${protocol} 0\r\n`;
const line = (text: string): string => `${text}\r\n`;
const numbers = Array.from({ length: 40 }, (_, i) => i + 1).join('|');

/** Each is of any length, and of the kind that keeps a reader of keys busy. */
const WORST: Record<string, (bytes: number) => string> = {
  'short attributes': (n) => media('RTP/AVP') + repeated(line('a=x'), n),
  'keys with one tag': (n) => media('RTP/SAVP') + repeated(line(cryptoLine(1, SUITE, KEY)), n),
  'empty keys': (n) => media('RTP/SAVP') + repeated(line('a=crypto:1'), n),
  'tags alone': (n) => media('RTP/SAVP') + repeated(line('a=crypto:1 x'), n),
  'parameters of a key': (n) =>
    media('RTP/SAVP') + line(`a=crypto:1 ${SUITE} ${inline}${repeated(' -a', n)}`),
  'parts of a key': (n) => media('RTP/SAVP') + line(`a=crypto:1 ${SUITE} ${inline}${repeated('|', n)}`),
  'many lines with keys': (n) =>
    repeated(`m=a${n} 7000 RTP/SAVP 0\r\n${line(cryptoLine(1, SUITE, KEY))}`, Math.min(n, 16 * 110)),
  'many lines with keys of one tag': (n) =>
    repeated(`m=audio 7000 RTP/SAVP 0\r\n${line(cryptoLine(1, SUITE, KEY)).repeat(6)}`, n).slice(0, 16 * 570),
  configurations: (n) =>
    media('RTP/AVP') + line('a=tcap:1 RTP/SAVP') + repeated(line(`a=pcfg:1 t=${numbers} a=${numbers}`), n),
  'configurations and keys': (n) =>
    media('RTP/AVP') +
    line('a=tcap:1 RTP/SAVP') +
    repeated(line('a=pcfg:1 t=4|3|2|1 a=4|3|2|1') + line(`a=acap:1 crypto:1 ${SUITE} ${inline}`), n),
  'many lines with configurations': (n) =>
    repeated(media('RTP/AVP') + line('a=pcfg:1 t=4|3|2 a=4|3|2').repeat(20), n),
  protocols: (n) => media('RTP/AVP') + line('a=pcfg:1 t=1|2|3|4 a=1') + line(`a=tcap:1${repeated(' x', n)}`),
  'no SDP': (n) => repeated('\r\n', n),
};

test.each(Object.entries(WORST))('%s cost no more than the piece plans', (_name, body) => {
  for (const policy of ['require', 'prefer']) {
    for (const bytes of [100, 1000, 3000, 9500]) {
      const text = request('INVITE', { body: described(PEER, body(bytes).trimEnd()) });
      if (text.length > LONGEST) continue;
      new Path(make, { policy, calls: '10' }).send('protected', text);
      expect(used).toBeLessThan(A_MESSAGE + text.length * A_BYTE);
    }
  }
});

test.each([[SUITE], Object.keys(SUITES)])(
  'eight lines are offered and answered within the plan, and nine are refused',
  (...suites) => {
    const path = new Path(make, { calls: '20' }, [], 1n, suites);
    const lines = (profile: string, more: string, length = 8) =>
      Array.from({ length }, (_, i) => `m=audio ${5000 + 2 * i} ${profile} 0${more}`);
    const offer = request('INVITE', { body: described('192.0.2.4', ...lines('RTP/AVP', '')) });
    const invite = path.send('plain', offer).passed;
    const costs = [used];
    const key = cryptoLine(suites.indexOf(SUITE) + 1, SUITE, KEY);
    const body = described(PEER, ...lines('RTP/SAVP', `\r\n${key}`));
    const answer = response(invite, '200 OK', { body });
    expect(path.send('protected', answer).ends).toEqual([]);
    costs.push(used);
    expect(path.media('plain', [rtp(1)]).passed).toHaveLength(1);
    for (const [i, text] of [offer, answer].entries()) {
      const plan = A_MESSAGE + text.length * A_BYTE + 8 * (A_LINE + suites.length * A_KEY);
      expect(costs[i]).toBeLessThan(Math.min(plan, A_CALL));
    }
    const nine = described('192.0.2.4', ...lines('RTP/AVP', '', 9));
    expect(path.send('plain', request('INVITE', { callId: 'other', body: nine })).ends).toEqual(['refused']);
  },
);
