import { describe, expect, it } from 'vitest';
import { preparePuzzle } from '../../policy/check/check-configuration.ts';
import { explainPuzzle } from '../../policy/check/explain-puzzle.ts';
import { samplePiece } from '../../policy/testing/sample-pieces.ts';
import { explainText } from './explain-text.ts';
import { planText } from './plan-text.ts';

const curve = { opaque: false, keeps: [], overhead: 28 };
const pieces = {
  tun: samplePiece('tun', { edges: { ip: ['ip down'] } }),
  udp: samplePiece('udp', { edges: { udp: ['ip/udp up'] } }),
  phone: samplePiece('phone', { edges: { sip: ['ipv4/udp/5060 down'], 'spare?': ['arp peer'] } }),
  six: samplePiece('six', {
    edges: {
      ipv6: ['ipv6 up headers'],
      carrier: ['ipv4/udp/*/ipv6 down headers', 'ipv4/udp/*/ipv6/icmpv6 down'],
    },
    curves: [
      { ...curve, fromEdge: 0, fromShape: 0, toEdge: 1, toShape: 0 },
      { ...curve, fromEdge: 0, fromShape: 0, toEdge: 1, toShape: 1 },
      { ...curve, overhead: 0, fromEdge: 1, fromShape: 0, toEdge: 1, toShape: 0 },
    ],
  }),
};

const puzzle = () =>
  preparePuzzle(
    {
      pieces: {
        home: { piece: 'tun', edges: { ip: 'lan' } },
        six: { piece: 'six' },
        phone: { piece: 'phone' },
        net: { piece: 'udp' },
      },
    },
    { pieces },
  );

describe('funnel plan', () => {
  it('shows what would be joined, and why', async () => {
    expect(planText(await puzzle())).toMatchInlineSnapshot(`
      "(object): 4 pieces on 2 networks

      lan
        home.ip   by configuration
        six.ipv6  by default: it matches only home.ip
        home.ip ↓ ip ⇄ six.ipv6 ↑ ipv6  ipv6

      net.udp
        six.carrier  by default: it matches only net.udp
        phone.sip    by default: it matches only net.udp
        net.udp      by default: it matches phone.sip or six.carrier
        six.carrier ↓ ipv4/udp/*/ipv6 ⇄ net.udp ↑ ip/udp         ipv4/udp/*/ipv6
        six.carrier ↓ ipv4/udp/*/ipv6/icmpv6 ⇄ net.udp ↑ ip/udp  ipv4/udp/*/ipv6/icmpv6
        phone.sip ↓ ipv4/udp/5060 ⇄ net.udp ↑ ip/udp             ipv4/udp/5060

      Alone
        phone.spare  it is optional, and nothing matches it
      "
    `);
  });
});

describe('funnel explain', () => {
  it('shows what may be parsed, and the paths of frames', async () => {
    const prepared = await puzzle();
    expect(explainText(prepared, explainPuzzle(prepared))).toMatchInlineSnapshot(`
      "(object): what may be parsed, and where frames may go

      lan
        travelling up, parsed here:  ip
        travelling down, parsed here:  ipv6

      net.udp
        travelling up, parsed here:  ipv4/udp/*/ipv6  ipv4/udp/*/ipv6/icmpv6  ipv4/udp/5060
        travelling down, parsed here:  ip/udp

      home.ip lets in ip on lan
        lan → six.ipv6  ipv6  N 0, M 0
          six → carrier down ipv4/udp/*/ipv6  (+28 bytes)
            net.udp → net.udp  ipv4/udp/*/ipv6  N 0, M 0
          six → carrier down ipv4/udp/*/ipv6/icmpv6  (+28 bytes)
            net.udp → net.udp  ipv4/udp/*/ipv6/icmpv6  N 0, M 0

      phone.sip lets in ipv4/udp/5060 on net.udp
        net.udp → net.udp  ipv4/udp/5060  N 0, M 0

      net.udp lets in ip/udp on net.udp
        net.udp → six.carrier  ipv4/udp/*/ipv6  N 0, M 0
          six → ipv6 up ipv6  (-28 bytes)
            lan → home.ip  ipv6  N 0, M 0
          six → carrier down ipv4/udp/*/ipv6  (Hairpin)
            net.udp → net.udp  ipv4/udp/*/ipv6  N 0, M 0
        net.udp → six.carrier  ipv4/udp/*/ipv6/icmpv6  N 0, M 0
          six → ipv6 up ipv6  (-28 bytes, listed before)
        net.udp → phone.sip  ipv4/udp/5060  N 0, M 0

      N: how many headers a frame has in front of the stack that the Edge names; the piece need
      not look at them. M: how many trailers it has behind, likewise.
      "
    `);
  });
});
