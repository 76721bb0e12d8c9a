import { describe, expect } from 'vitest';

import { hasCommand, run } from '../net/command.ts';
import { losses } from '../net/funnel-process.ts';
import { labTest } from '../net/lab-test.ts';
import { HOST4, HOST6, PROXY4, PROXY6, RTP_PACKETS, SipNetwork } from './sip-network.ts';

const phones = { phone: [`six=[${HOST6}]:5060`, `four=${HOST4}:5060`] };

describe.skipIf(!hasCommand('sipp'))('SIPproxy64 (with sipp, of Debian’s sip-tester)', () => {
  labTest('a phone of IPv4 calls one of IPv6, and each hears the other unchanged', async ({ lab }) => {
    const network = await SipNetwork.open(lab);
    const at4 = await network.record(network.host4);
    const at6 = await network.record(network.host6);
    const callee = await network.answering(network.host6, 'callee', '-m', '1');
    const caller = network.sipp(network.host4, 'caller', '-s', 'bob', '-m', '1', '-d', '1000', PROXY4);
    expect((await caller.ended).status).toBe(0);
    expect((await callee.ended).status).toBe(0);
    const snapshot = await network.funnel.snapshot();
    await Promise.all([at4.stop(), at6.stop()]);
    const sent4 = at4.media(HOST4, PROXY4);
    const sent6 = at6.media(HOST6, PROXY6);
    expect(sent4).toHaveLength(RTP_PACKETS);
    expect(sent6).toHaveLength(RTP_PACKETS);
    expect(at6.media(PROXY6, HOST6)).toEqual(sent4);
    expect(at4.media(PROXY4, HOST4)).toEqual(sent6);
    expect(losses(snapshot)).toEqual(new Map());
    // Another program finds the output well-formed.
    for (const { file } of [at4, at6]) {
      const filter = 'sip or sdp or rtp';
      const seen = await run(['tshark', '-r', file, '-Y', filter, '-T', 'fields', '-e', 'sip.CSeq.method']);
      expect(seen).toMatch(/INVITE[\s\S]*ACK[\s\S]*BYE/);
      expect(await run(['tshark', '-r', file, '-Y', '_ws.malformed or _ws.expert.severity == error'])).toBe(
        '',
      );
    }
  });

  labTest(
    'a thousand calls at fifty a second, from IPv4 and then from IPv6, none of which fails',
    async ({ lab }) => {
      const network = await SipNetwork.open(lab, { ...phones, calls: 4000 });
      const many = ['-m', '1000', '-r', '50', '-l', '1000'];
      for (const [from, to, user, proxy] of [
        [network.host4, network.host6, 'six', PROXY4],
        [network.host6, network.host4, 'four', `[${PROXY6}]:5060`],
      ] as const) {
        const [near, far] = [await network.record(from), await network.record(to)];
        const callee = await network.answering(to, 'callee', '-m', '1000');
        const caller = network.sipp(from, 'caller', '-s', user, '-d', '1000', ...many, proxy);
        expect((await caller.ended).status).toBe(0);
        expect((await callee.ended).status).toBe(0);
        await Promise.all([near.stop(), far.stop()]);
        const [here, there] = from === network.host4 ? [HOST4, HOST6] : [HOST6, HOST4];
        const [own, other] = from === network.host4 ? [PROXY4, PROXY6] : [PROXY6, PROXY4];
        expect(near.media(here, own)).toHaveLength(1000 * RTP_PACKETS);
        expect(far.media(other, there)).toEqual(near.media(here, own));
        expect(near.media(own, here)).toEqual(far.media(there, other));
      }
      expect(losses(await network.funnel.snapshot())).toEqual(new Map());
    },
  );

  labTest('a call is cancelled while it rings', async ({ lab }) => {
    const network = await SipNetwork.open(lab, phones);
    const callee = await network.answering(network.host6, 'callee-is-cancelled', '-m', '1');
    const caller = network.sipp(network.host4, 'caller-cancels', '-s', 'six', '-m', '1', PROXY4);
    expect((await caller.ended).status).toBe(0);
    expect((await callee.ended).status).toBe(0);
    expect(losses(await network.funnel.snapshot())).toEqual(new Map());
  });

  labTest(
    'a phone of IPv4 registers at a registrar of IPv6, whose digest verifies, and is then found',
    async ({ lab }) => {
      const network = await SipNetwork.open(lab, { proxy6: `[${HOST6}]:5060` });
      const registrar = await network.answering(network.host6, 'registrar', '-m', '1');
      const phone = network.sipp(network.host4, 'phone-registers', '-m', '1', PROXY4);
      expect((await phone.ended).status).toBe(0);
      expect((await registrar.ended).status).toBe(0);
      const callee = await network.answering(network.host4, 'callee', '-m', '1');
      const caller = network.sipp(
        network.host6,
        'caller',
        '-s',
        'alice',
        '-m',
        '1',
        '-d',
        '500',
        `[${PROXY6}]:5060`,
      );
      expect((await caller.ended).status).toBe(0);
      expect((await callee.ended).status).toBe(0);
      expect(losses(await network.funnel.snapshot())).toEqual(new Map());
    },
  );
});
