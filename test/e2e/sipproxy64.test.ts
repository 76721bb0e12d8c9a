import { expect } from 'vitest';
import { losses } from '../net/funnel-process.ts';
import { labTest } from '../net/lab-test.ts';
import { HOST4, HOST6, PROXY4, PROXY6, RTP_PACKETS, SipNetwork } from './sip-network.ts';

labTest('a phone of IPv4 calls one of IPv6, and each hears the other unchanged', async ({ lab }) => {
  const network = await SipNetwork.open(lab, { phone: [`callee=[${HOST6}]:5060`] });
  const at4 = await network.record(network.host4);
  const at6 = await network.record(network.host6);
  const callee = network.sipp(network.host6, 'callee', '-m', '1');
  const caller = network.sipp(
    network.host4,
    'caller',
    '-s',
    'callee',
    '-m',
    '1',
    '-d',
    '1000',
    `${PROXY4}:5060`,
  );
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
});
