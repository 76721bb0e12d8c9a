import { describe, expect, it } from 'vitest';
import { preparePuzzle } from '../../policy/check/check-configuration.ts';
import { samplePiece, sampleSetting } from '../../policy/testing/sample-pieces.ts';
import { graphDot, graphSvg } from './graph-dot.ts';
import { graphText } from './graph-text.ts';
import { manualPage } from './manual-page.ts';

const curve = { opaque: false, keeps: [], overhead: 28 };
const pieces = {
  tun: samplePiece('tun', { edges: { ip: ['ip down'] } }),
  udp: samplePiece('udp', { edges: { udp: ['ip/udp up', 'ip/{icmp,icmpv6} up'] } }),
  hub: samplePiece('hub', { edges: { 'net*': ['ip up headers', 'ip down headers', 'ip peer headers'] } }),
  six: samplePiece('six', {
    edges: {
      ipv6: ['ipv6 up headers', 'ipv6/icmpv6 up'],
      carrier: ['ipv4/udp/* down', 'ipv4/udp/*/ipv6 down headers'],
      'spare?': ['ip peer'],
    },
    curves: [
      { ...curve, fromEdge: 0, fromShape: 0, toEdge: 1, toShape: 1 },
      { ...curve, overhead: 0, fromEdge: 1, fromShape: 1, toEdge: 1, toShape: 1 },
      { ...curve, opaque: true, keeps: ['ordered'], fromEdge: 0, fromShape: 1, toEdge: 2, toShape: 0 },
    ],
    settings: [
      sampleSetting('router address!'),
      sampleSetting('port number 1..65535 = 25790'),
      sampleSetting('prefix address …'),
      sampleSetting('key secret'),
    ],
    reasons: [
      { name: 'spoofed-source', loss: true, summary: 'The source belongs to another endpoint.' },
      { name: 'hop-limit', loss: true, summary: 'The hop limit of the packet ends here.' },
      { name: 'answered', loss: false, summary: 'The piece answered the packet.' },
    ],
  }),
};

async function puzzle() {
  return preparePuzzle(
    {
      pieces: {
        'tun-a': { piece: 'tun', edges: { ip: 'left' } },
        'tun-b': { piece: 'tun', edges: { ip: 'lan' } },
        hub: { piece: 'hub', edges: { net: ['left', 'lan', 'right'] } },
        six: { piece: 'six', settings: { router: '192.0.2.1' }, edges: { ipv6: 'right', carrier: 'wan' } },
        udp: { piece: 'udp', edges: { udp: 'wan' } },
      },
      networks: { wan: { copies: true } },
    },
    { pieces },
  );
}

describe('funnel graph', () => {
  it('prints text', async () => {
    expect(graphText(await puzzle())).toMatchInlineSnapshot(`
      "(object): 5 pieces on 4 networks

      left
      ├─ tun-a.ip  tun  ↓ ip  whole frames
      └─ hub.net   hub  ↑ ip  headers
         tun-a.ip ⇄ hub.net  ip

      lan
      ├─ tun-b.ip  tun  ↓ ip  whole frames
      └─ hub.net   hub  ↑ ip  headers
         tun-b.ip ⇄ hub.net  ip

      right
      ├─ hub.net   hub  ↓ ip           headers
      └─ six.ipv6  six  ↑ ipv6         headers
                        ↑ ipv6/icmpv6  whole frames
         hub.net ⇄ six.ipv6  ipv6, ipv6/icmpv6

      wan  (copies)
      ├─ six.carrier  six  ↓ ipv4/udp/*       whole frames
      │                    ↓ ipv4/udp/*/ipv6  headers
      └─ udp.udp      udp  ↑ ip/udp           whole frames
         six.carrier ⇄ udp.udp  ipv4/udp/*, ipv4/udp/*/ipv6

      Through the pieces
        six: ipv6 ⇄ carrier  ↑ ipv6 ⇄ ↓ ipv4/udp/*/ipv6  +28 bytes
        six: carrier ↩       ↓ ipv4/udp/*/ipv6 and back
      "
    `);
  });

  it('prints DOT', async () => {
    expect(graphDot(await puzzle())).toMatchInlineSnapshot(`
      "graph puzzle {
        graph [label="(object)", labelloc=t, rankdir=LR, nodesep=0.4, ranksep=1.2, fontname="sans-serif"];
        node [fontname="sans-serif", fontsize=12];
        edge [fontname="monospace", fontsize=10];
        "piece tun-a" [label="tun-a\\ntun", shape=box, style="rounded,filled", fillcolor="#e8eef7"];
        "piece tun-b" [label="tun-b\\ntun", shape=box, style="rounded,filled", fillcolor="#e8eef7"];
        "piece hub" [label="hub\\nhub", shape=box, style="rounded,filled", fillcolor="#e8eef7"];
        "piece six" [label="six\\nsix", shape=box, style="rounded,filled", fillcolor="#e8eef7"];
        "piece udp" [label="udp\\nudp", shape=box, style="rounded,filled", fillcolor="#e8eef7"];
        "network left" [label="left", shape=ellipse];
        "network lan" [label="lan", shape=ellipse];
        "network right" [label="right", shape=ellipse];
        "network wan" [label="wan\\n(copies)", shape=ellipse];
        "piece tun-a" -- "network left" [label="ip\\n↓ ip"];
        "piece hub" -- "network left" [label="net\\n↑ ip"];
        "piece tun-b" -- "network lan" [label="ip\\n↓ ip"];
        "piece hub" -- "network lan" [label="net\\n↑ ip"];
        "piece hub" -- "network right" [label="net\\n↓ ip"];
        "piece six" -- "network right" [label="ipv6\\n↑ ipv6\\n↑ ipv6/icmpv6"];
        "piece six" -- "network wan" [label="carrier\\n↓ ipv4/udp/*\\n↓ ipv4/udp/*/ipv6"];
        "piece udp" -- "network wan" [label="udp\\n↑ ip/udp"];
      }
      "
    `);
  });

  it('prints SVG, which is well formed', async () => {
    const svg = await graphSvg(await puzzle());
    expect(svg).toMatch(/^<\?xml[\s\S]*<svg [\s\S]*<\/svg>\n$/);
    expect(svg).toContain('>tun&#45;a<');
    expect(openElements(svg)).toEqual([]);
  });
});

describe('funnel piece doc', () => {
  it('is a manual page', () => {
    const description = pieces.six.describe([]);
    if (!('edges' in description)) throw new Error('a description is expected');
    expect(manualPage(description, { reference: '6bed4', columns: 80 })).toMatchInlineSnapshot(`
      "NAME
          six 1.2.3 - A six for tests

      EDGES
          ipv6
              ↑ ipv6         headers
              ↑ ipv6/icmpv6  whole frames
          carrier
              ↓ ipv4/udp/*       whole frames
              ↓ ipv4/udp/*/ipv6  headers
          spare  optional
              ↔ ip  whole frames

      PATHS OF TRAFFIC
          ipv6 (↑ ipv6) ⇄ carrier (↓ ipv4/udp/*/ipv6): +28 bytes
          carrier (↓ ipv4/udp/*/ipv6) and back
          ipv6 (↑ ipv6/icmpv6) ⇄ spare (↔ ip): +28 bytes; opaque; keeps ordered

      SETTINGS
          router  (IP address; required)
              The router of it
          port  (number from 1 to 65535; default 25790)
              The port of it
          prefix …  (IP address; may be a list)
              The prefix of it
          key  (secret; or { env: NAME }, or { file: PATH })
              The key of it

      FRAMES LOST
          spoofed-source
              The source belongs to another endpoint.
          hop-limit
              The hop limit of the packet ends here.

      FRAMES DONE
          answered
              The piece answered the packet.

      CONFIGURATION
          pieces:
            my-six:
              piece: 6bed4
              settings:
                router: 192.0.2.1
              edges: { ipv6: lan, carrier: wan, spare: lan }
      "
    `);
  });
});

/** The elements that are opened and not closed, or closed in another order. */
function openElements(xml: string): string[] {
  const open: string[] = [];
  for (const [, end, name, self] of xml
    .replace(/<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<!DOCTYPE[\s\S]*?>/g, '')
    .matchAll(/<(\/?)([\w:]+)[^<>]*?(\/?)>/g)) {
    if (end === '/') {
      if (open.at(-1) !== name) return [...open, `/${name}`];
      open.pop();
    } else if (self !== '/') {
      open.push(name!);
    }
  }
  return open;
}
