import { describe, expect, it } from 'vitest';
import { matchStacks } from '../../policy/pieces/match-stacks.ts';
import { ownPieces } from '../../policy/pieces/own-pieces.ts';
import { PieceRegistry } from '../../policy/pieces/piece-registry.ts';
import { samplePiece } from '../../policy/testing/sample-pieces.ts';
import { matchText } from './match-text.ts';

const toy = 'space toy-kind 8 bits; in ip-protocol 253; header 4; next toy-kind u8[0]';
const registry = new PieceRegistry(
  await ownPieces({
    pieces: {
      toymaker: samplePiece('toymaker', { protocols: [['toy', toy]] }),
      forger: samplePiece('forger', { protocols: [['toy', 'in ip-protocol 6']] }),
    },
  }),
);
const explanation = async (first: string, second: string, ...pieces: string[]) =>
  matchText(await matchStacks(registry, first, second, { pieces }));

describe('funnel match', () => {
  it('shows what both accept', async () => {
    expect(await explanation('ip/udp/sip', 'ethernet/ip')).toBe(`they match
  first   ip/udp/5060
  second  ethernet/ip
  both    ethernet/ip/udp/5060
  why     both accept ethernet/ip/udp/5060; ethernet is skipped, because the other begins above it
  ports   5060 is sip
`);
  });

  it('shows what keeps them apart', async () => {
    expect(await explanation('ip/{udp,tcp}/53', 'ipv4/tcp/local:80')).toBe(`they do not match
  first   ip/{tcp,udp}/53
  second  ipv4/tcp/local:80
  why     ip/{tcp,udp}/53 and ipv4/tcp/local:80 do not match: they agree on ipv4/tcp, but there 53 and local:80 have nothing in common
  ports   53 is domain, 80 is http
`);
  });

  it('knows protocols that pieces define', async () => {
    expect(await explanation('ethernet/ip', 'toy/7', 'toymaker')).toContain('both    ethernet/ip/toy/7\n');
    await expect(explanation('ip', 'toy/7')).rejects.toMatchObject({
      code: 'FT_STACK_UNKNOWN',
      message: expect.stringMatching(/^toy\/7: column 1: /),
    });
    await expect(explanation('ip', 'toy', 'forger')).rejects.toMatchObject({
      code: 'FT_PROTOCOL_IDENTIFIER',
    });
    await expect(explanation('ip', 'toy', 'unknown')).rejects.toMatchObject({ code: 'FT_PIECE_UNKNOWN' });
  });
});
