import { describe, expect } from 'vitest';

import { hasCommand, run } from '../net/command.ts';
import { losses } from '../net/funnel-process.ts';
import { labTest } from '../net/lab-test.ts';
import { HOST4, HOST6, PROXY4, PROXY6, RTP_PACKETS, SipNetwork } from './sip-network.ts';
import { insistWellFormed } from './well-formed.ts';

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
    for (const each of [at4, at6]) await insistWellFormed(each, /INVITE[\s\S]*ACK[\s\S]*BYE/);
  });

  labTest('the lines of the example make a call', async ({ lab }) => {
    const network = await SipNetwork.open(lab);
    const [answers, calls, ...others] = network.exampleLines();
    expect(others).toEqual([]);
    const callee = await network.command(network.host6, answers!, true);
    const caller = await network.command(network.host4, calls!);
    expect((await caller.ended).status).toBe(0);
    await callee.stop();
    expect(losses(await network.funnel.snapshot())).toEqual(new Map());
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

  labTest(
    'a call changes: PRACK, early media, UPDATE, hold, and media that move when it is resumed',
    async ({ lab }) => {
      const network = await SipNetwork.open(lab, phones);
      const at4 = await network.record(network.host4);
      const at6 = await network.record(network.host6);
      const callee = await network.answering(network.host6, 'callee-changes', '-m', '1');
      const caller = network.sipp(network.host4, 'caller-changes', '-s', 'six', '-m', '1', PROXY4);
      expect((await caller.ended).status).toBe(0);
      expect((await callee.ended).status).toBe(0);
      const snapshot = await network.funnel.snapshot();
      await Promise.all([at4.stop(), at6.stop()]);
      // Before the answer, after it, and when the call is resumed; then to the ports that it has moved to.
      const sent4 = at4.media(HOST4, PROXY4);
      const sent6 = at6.media(HOST6, PROXY6);
      expect(sent4).toHaveLength(3 * RTP_PACKETS);
      expect(sent6).toHaveLength(3 * RTP_PACKETS);
      expect(at6.media(PROXY6, HOST6)).toEqual(sent4);
      expect(at4.media(PROXY4, HOST4)).toEqual(sent6);
      expect(at6.media(PROXY6, HOST6, 6000)).toHaveLength(2 * RTP_PACKETS);
      expect(at6.media(PROXY6, HOST6, 6002)).toHaveLength(RTP_PACKETS);
      expect(at4.media(PROXY4, HOST4, 6002)).toHaveLength(RTP_PACKETS);
      expect(losses(snapshot)).toEqual(new Map());
      for (const each of [at4, at6])
        await insistWellFormed(each, /INVITE[\s\S]*PRACK[\s\S]*UPDATE[\s\S]*BYE/);
    },
  );

  labTest('of two phones that a proxy has called, the one that is picked up is heard', async ({ lab }) => {
    const network = await SipNetwork.open(lab, phones);
    const at4 = await network.record(network.host4);
    const at6 = await network.record(network.host6);
    const callee = await network.answering(network.host6, 'callee-forks', '-m', '1');
    const caller = network.sipp(network.host4, 'caller', '-s', 'six', '-m', '1', '-d', '500', PROXY4);
    expect((await caller.ended).status).toBe(0);
    expect((await callee.ended).status).toBe(0);
    const snapshot = await network.funnel.snapshot();
    await Promise.all([at4.stop(), at6.stop()]);
    expect(at6.media(PROXY6, HOST6, 6002)).toEqual(at4.media(HOST4, PROXY4));
    expect(at4.media(PROXY4, HOST4)).toEqual(at6.media(HOST6, PROXY6));
    expect(at4.media(PROXY4, HOST4)).toHaveLength(RTP_PACKETS);
    expect(losses(snapshot)).toEqual(new Map());
    for (const each of [at4, at6]) await insistWellFormed(each, /INVITE[\s\S]*ACK[\s\S]*BYE/);
  });

  labTest('a long INVITE passes a path of 1280 bytes, by UDP and by TCP (A25)', async ({ lab }) => {
    const network = await SipNetwork.open(lab, phones, 1280);
    for (const transport of ['u1', 't1']) {
      const at6 = await network.record(network.host6);
      const callee = await network.answering(network.host6, 'callee', '-m', '1', '-t', transport);
      const options = ['-s', 'six', '-m', '1', '-d', '500', '-key', 'padding', 'x'.repeat(700)];
      const caller = network.sipp(network.host4, 'caller-long', ...options, PROXY4);
      expect((await caller.ended).status).toBe(0);
      expect((await callee.ended).status).toBe(0);
      await at6.stop();
      await insistWellFormed(at6, /INVITE[\s\S]*ACK[\s\S]*BYE/);
      // The sender has learned what the path takes: by UDP, IPv6 fragments came.
      const fragments = await run(['tshark', '-r', at6.file, '-Y', 'ipv6.fraghdr']);
      expect(fragments !== '').toBe(transport === 'u1');
    }
  });

  for (const [caller, callee, near, far] of [
    ['TCP', 'TCP', 'tn', 't1'],
    ['TCP', 'UDP', 't1', 'u1'],
    ['UDP', 'TCP', 'u1', 't1'],
  ] as const) {
    labTest(
      `a hundred calls from a phone of ${caller} to one of ${callee}, from IPv4 and then from IPv6`,
      async ({ lab }) => {
        const transport = far === 'u1' ? '' : ';transport=tcp';
        const network = await SipNetwork.open(lab, {
          phone: [`six=[${HOST6}]:5060${transport}`, `four=${HOST4}:5060${transport}`],
        });
        for (const [from, to, user, proxy] of [
          [network.host4, network.host6, 'six', PROXY4],
          [network.host6, network.host4, 'four', `[${PROXY6}]:5060`],
        ] as const) {
          const [here, there] = [await network.record(from), await network.record(to)];
          const answers = await network.answering(to, 'callee', '-m', '100', '-t', far);
          const options = ['-s', user, '-d', '1000', '-m', '100', '-r', '50', '-t', near];
          const calls = network.sipp(from, 'caller', ...options, '-max_socket', '200', proxy);
          expect((await calls.ended).status).toBe(0);
          expect((await answers.ended).status).toBe(0);
          await Promise.all([here.stop(), there.stop()]);
          for (const each of [here, there]) await insistWellFormed(each, /INVITE[\s\S]*ACK[\s\S]*BYE/);
        }
        expect(losses(await network.funnel.snapshot())).toEqual(new Map());
      },
    );
  }
});

describe.skipIf(!hasCommand('sipp') || !hasCommand('kamailio'))('SIPproxy64 in front of kamailio', () => {
  labTest(
    'a phone of IPv4 registers at a registrar of IPv6, and is called through it from both families',
    async ({ lab }) => {
      const network = await SipNetwork.open(lab, { proxy6: `[${HOST6}]:5060` });
      const kamailio = await network.kamailio();
      const at6 = await network.record(network.host6);
      const phone = network.sipp(network.host4, 'phone-registers', '-m', '1', PROXY4);
      expect((await phone.ended).status).toBe(0);
      for (const [host, proxy] of [
        [network.host6, `[${HOST6}]:5060`],
        [network.host4, PROXY4],
      ] as const) {
        const at4 = await network.record(network.host4);
        const callee = await network.answering(network.host4, 'callee', '-m', '1');
        const caller = network.sippAt(host, 5070, 'caller', '-s', 'alice', '-m', '1', '-d', '1000', proxy);
        expect((await caller.ended).status).toBe(0);
        expect((await callee.ended).status).toBe(0);
        await at4.stop();
        await insistWellFormed(at4, /INVITE[\s\S]*ACK[\s\S]*BYE/);
      }
      await at6.stop();
      await insistWellFormed(at6, /REGISTER[\s\S]*INVITE[\s\S]*BYE/);
      expect(losses(await network.funnel.snapshot())).toEqual(new Map());
      await kamailio.stop();
    },
  );
});
