import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { hasCommand, type Running } from '../net/command.ts';
import { losses } from '../net/funnel-process.ts';
import { labTest } from '../net/lab-test.ts';
import { HOST4, HOST6, PROXY4, PROXY6, type Recording, type Settings, SipNetwork } from './sip-network.ts';
import { startBaresip } from './software-phone.ts';

const AT6 = `[${HOST6}]`;

/**
 * A phone of IPv4 that cannot encrypt, and one of IPv6 that insists on it, with rtp-encryption on either
 * side of SIPproxy64.
 */
const ORDERS: Record<string, (proxy: Settings, encryption: Settings) => object> = {
  'between SIPproxy64 and IPv6': (proxy, encryption) => ({
    net4: { piece: 'udp', settings: { family: 'ipv4' }, edges: { udp: 'wan4' } },
    net6: { piece: 'udp', settings: { family: 'ipv6' }, edges: { udp: 'wan6' } },
    sip: { piece: 'sipproxy64', settings: proxy, edges: { ipv4: 'wan4', ipv6: 'inner' } },
    protect: { piece: 'rtp-encryption', settings: encryption, edges: { plain: 'inner', protected: 'wan6' } },
  }),
  'between IPv4 and SIPproxy64': (proxy, encryption) => ({
    net4: { piece: 'udp', settings: { family: 'ipv4' }, edges: { udp: 'wan4' } },
    net6: { piece: 'udp', settings: { family: 'ipv6' }, edges: { udp: 'wan6' } },
    sip: { piece: 'sipproxy64', settings: proxy, edges: { ipv4: 'inner', ipv6: 'wan6' } },
    protect: {
      piece: 'rtp-encryption',
      settings: { ...encryption, turned: true },
      edges: { plain: 'wan4', protected: 'inner' },
    },
  }),
};

describe.skipIf(!hasCommand('baresip'))('rtp-encryption with a software phone (baresip)', () => {
  for (const [order, pieces] of Object.entries(ORDERS)) {
    labTest(
      `${order}, a phone that cannot encrypt calls one that insists on it, and the other way round`,
      async ({ lab }) => {
        const phones = { phone: [`bob=${AT6}:5060`, `alice=${HOST4}:5060`] };
        const settings = { 'keys-in-clear': true, suite: ['AES_CM_128_HMAC_SHA1_80'] };
        const network = await SipNetwork.open(lab, phones, undefined, (proxy) => pieces(proxy, settings));
        const insists = { modules: ['srtp'], account: ';regint=0;mediaenc=srtp-mand' };
        for (const is4 of [true, false]) {
          const user = is4 ? 'bob' : 'alice';
          const [near, far] = is4 ? [network.host4, network.host6] : [network.host6, network.host4];
          const [own, other, proxy] = is4 ? [HOST4, AT6, PROXY4] : [AT6, HOST4, `[${PROXY6}]`];
          const [nearIs, farIs] = is4 ? [{}, insists] : [insists, {}];
          const at4 = await network.record(network.host4);
          const at6 = await network.record(network.host6);
          const folder = join(lab.folder, user);
          const callee = await startBaresip(far, folder, { address: other, user, ...farIs });
          const command = `/dial sip:${user}@${proxy}`;
          const caller = await startBaresip(near, `${folder}-c`, {
            address: own,
            user: 'x',
            command,
            ...nearIs,
          });
          await bothHear(caller, callee, at4, at6);
          await caller.stop();
          await callee.waitFor(/session closed/);
          await callee.stop();
          await at4.stop();
          await at6.stop();
          // The tone is there on the side of IPv4, in both directions, and nowhere on that of IPv6.
          for (const [from, to] of [
            [HOST4, PROXY4],
            [PROXY4, HOST4],
          ] as const)
            expect(toneIn(at4, from, to)).toBeGreaterThan(0.8);
          for (const [from, to] of [
            [HOST6, PROXY6],
            [PROXY6, HOST6],
          ] as const)
            expect(toneIn(at6, from, to)).toBeLessThan(0.2);
        }
        const lost = [...losses(await network.funnel.snapshot()).keys()];
        // Media that a callee sends before the proxy has its answer; and reports that baresip sends in the
        // clear at the start and at the end of each call, which must not pass.
        const expected = /^(sip foreign-source|protect (no-key|malformed|forged))$/;
        expect(lost.filter((reason) => !expected.test(reason))).toEqual([]);
      },
    );
  }
});

/** Resolves when each side has got half a second of audio that the other has sent. */
async function bothHear(caller: Running, callee: Running, at4: Recording, at6: Recording): Promise<void> {
  for (const phone of [caller, callee]) await phone.waitFor(/Call established/);
  const isHeard = (): boolean => at6.media(PROXY6, HOST6).length > 25 && at4.media(PROXY4, HOST4).length > 25;
  for (let tries = 0; !isHeard(); tries++) {
    if (tries === 300) throw new Error(`nothing was heard:\n${caller.stdout}\n${callee.stdout}`);
    await sleep(200);
  }
}

/**
 * The part of the power in all packets of PCMU that a tone of 440 Hz has: near 1 for the tone of the
 * phones, near 0 for what is encrypted.
 */
function toneIn(recording: Recording, from: string, to: string): number {
  const packets = recording
    .media(from, to)
    .map((text) => Buffer.from(text, 'hex'))
    .filter((packet) => packet.length >= 172 && (packet[1]! & 0x7f) === 0);
  expect(packets.length).toBeGreaterThan(20);
  let tone = 0;
  let all = 0;
  for (const packet of packets) {
    let [sine, cosine] = [0, 0];
    for (const [i, byte] of packet.subarray(12, 172).entries()) {
      const sample = linear(byte);
      const phase = (2 * Math.PI * 440 * i) / 8000;
      sine += sample * Math.sin(phase);
      cosine += sample * Math.cos(phase);
      all += sample * sample;
    }
    tone += (2 / 160) * (sine * sine + cosine * cosine);
  }
  return tone / all;
}

/** A sample of PCMU (ITU-T G.711). */
function linear(byte: number): number {
  const bits = ~byte & 0xff;
  const magnitude = (((bits & 15) << 3) + 0x84) << ((bits >> 4) & 7);
  return (bits & 0x80) !== 0 ? 0x84 - magnitude : magnitude - 0x84;
}
