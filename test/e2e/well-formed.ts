import { expect } from 'vitest';
import { run } from '../net/command.ts';
import type { Recording } from './sip-network.ts';

/** Insists that tshark finds all SIP, SDP and RTP of a capture well-formed, and has seen these methods. */
export async function insistWellFormed({ file }: Recording, methods: RegExp): Promise<void> {
  const filter = 'sip or sdp or rtp';
  const seen = await run(['tshark', '-r', file, '-Y', filter, '-T', 'fields', '-e', 'sip.CSeq.method']);
  expect(seen).toMatch(methods);
  const wrong = await run(['tshark', '-r', file, '-Y', '_ws.malformed or _ws.expert.severity == error']);
  expect(wrong).toBe('');
}
