import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';

import type { LaneSnapshot } from '../../host/puzzle/runtime/snapshot.ts';
import { hasCommand, type Running, run } from '../net/command.ts';
import { losses } from '../net/funnel-process.ts';
import { labTest } from '../net/lab-test.ts';
import { HOST4, HOST6, PROXY4, PROXY6, type Recording, SipNetwork } from './sip-network.ts';
import { startBaresip } from './software-phone.ts';
import { insistWellFormed } from './well-formed.ts';

const AT6 = `[${HOST6}]`;

describe.skipIf(!hasCommand('baresip'))('SIPproxy64 between software phones (baresip)', () => {
  labTest(
    'a phone of each family calls the other, by UDP and by TCP, and both are heard',
    async ({ lab }) => {
      const network = await SipNetwork.open(lab, {
        phone: [
          `bob=${AT6}:5060`,
          `carol=${AT6}:5060;transport=tcp`,
          `alice=${HOST4}:5060`,
          `dave=${HOST4}:5060;transport=tcp`,
        ],
      });
      for (const [is4, user, transport, hasUdp, hasTcp] of [
        [true, 'bob', 'udp', true, false],
        [false, 'alice', 'udp', true, false],
        [true, 'carol', 'tcp', false, true],
        [false, 'dave', 'udp', true, true],
      ] as const) {
        const [near, far] = is4 ? [network.host4, network.host6] : [network.host6, network.host4];
        const [own, other, proxy] = is4 ? [HOST4, AT6, PROXY4] : [AT6, HOST4, `[${PROXY6}]`];
        const recordings = [
          await network.record(network.host4),
          await network.record(network.host6),
        ] as const;
        const folder = join(lab.folder, user);
        const callee = await startBaresip(far, folder, { address: other, user });
        const command = `/dial sip:${user}@${proxy};transport=${transport}`;
        const caller = await startBaresip(near, `${folder}-caller`, { address: own, user: 'x', command });
        await bothHear(caller, callee, ...recordings);
        await hangUp(caller, callee, recordings);
        expect(await transportsOf(recordings)).toEqual({ udp: hasUdp, tcp: hasTcp });
      }
      expect(lossesOf(await network.funnel.snapshot())).toEqual([]);
    },
  );
});

describe.skipIf(!hasCommand('baresip') || !hasCommand('kamailio'))(
  'SIPproxy64 between software phones and kamailio',
  () => {
    labTest(
      'phones register at kamailio through it, by digest, and call each other through both',
      async ({ lab }) => {
        const network = await SipNetwork.open(lab, { proxy6: `${AT6}:5060` });
        const kamailio = await network.kamailio();
        const register = ';auth_pass=secret;regint=60';
        const alice = { address: HOST4, user: 'alice', domain: 'example.com' };
        const bob = { address: AT6, port: 5070, user: 'bob', domain: 'example.com' };
        const by4 = `${register};outbound="sip:${PROXY4}"`;
        const by6 = `${register};outbound="sip:${AT6}"`;
        for (const [caller, callee, near, far] of [
          [{ ...alice, account: by4 }, { ...bob, account: by6 }, network.host4, network.host6],
          [{ ...bob, account: by6 }, { ...alice, account: by4 }, network.host6, network.host4],
        ] as const) {
          const recordings = [
            await network.record(network.host4),
            await network.record(network.host6),
          ] as const;
          const folder = join(lab.folder, callee.user);
          const answers = await startBaresip(far, folder, callee);
          await answers.waitFor(/200 OK/);
          const command = `/dial sip:${callee.user}@example.com`;
          const calls = await startBaresip(near, `${folder}-caller`, { ...caller, command });
          await bothHear(calls, answers, ...recordings);
          await hangUp(calls, answers, recordings);
        }
        expect(lossesOf(await network.funnel.snapshot())).toEqual([]);
        await kamailio.stop();
      },
    );
  },
);

/**
 * The losses, except for media that a callee sends before the proxy has its answer: by then, no SDP has named
 * it.
 */
function lossesOf(snapshot: LaneSnapshot): string[] {
  return [...losses(snapshot).keys()].filter((reason) => reason !== 'sip foreign-source');
}

/** Resolves when each side has got half a second of audio that the other has sent. */
async function bothHear(caller: Running, callee: Running, at4: Recording, at6: Recording): Promise<void> {
  for (const phone of [caller, callee]) await phone.waitFor(/Call established/);
  const isHeard = (): boolean => at6.media(PROXY6, HOST6).length > 25 && at4.media(PROXY4, HOST4).length > 25;
  for (let tries = 0; !isHeard(); tries++) {
    if (tries === 300) throw new Error(`nothing was heard:\n${caller.stdout}\n${callee.stdout}`);
    await sleep(200);
  }
}

/** The caller ends the call when it is stopped, and the callee gets that. All that passed is well-formed. */
async function hangUp(caller: Running, callee: Running, recordings: readonly Recording[]): Promise<void> {
  await caller.stop();
  await callee.waitFor(/session closed/);
  await callee.stop();
  for (const each of recordings) {
    await each.stop();
    await insistWellFormed(each, /INVITE[\s\S]*ACK[\s\S]*BYE/);
  }
}

/** The transports by which SIP went. */
async function transportsOf(recordings: readonly Recording[]): Promise<{ udp: boolean; tcp: boolean }> {
  const found = { udp: false, tcp: false };
  for (const { file } of recordings) {
    for (const transport of ['udp', 'tcp'] as const) {
      const seen = await run(['tshark', '-r', file, '-Y', `sip and ${transport}`]);
      found[transport] ||= seen !== '';
    }
  }
  return found;
}
