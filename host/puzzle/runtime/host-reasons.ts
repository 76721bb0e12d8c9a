/**
 * The sentences of the reasons that are the host's own: for these, frames end at any piece. A reason that is
 * not here is a problem of the parser, such as `ipv6-truncated`.
 */
const SENTENCES: ReadonlyMap<string, string> = new Map([
  ['no-match', 'The frame matches no Shape on the network to which the piece sent it.'],
  ['not-joined', 'The frame left by an Edge that is on no network.'],
  ['queue-full', 'The queue of the Edge was full: frames come faster than the piece takes them.'],
  ['failed', 'The piece has failed, so it takes no frames.'],
  ['fault', 'The frame was inside the piece when the piece failed.'],
  ['held-full', 'The piece holds as many frames as it may.'],
  ['no-room', 'The lane had no free row for the frame.'],
  ['unparsable', 'The piece decrypted or reassembled the frame, which does not begin as its Shape demands.'],
  ['broken-frame', 'A fragment before this one was lost, or its frame has ended.'],
  ['hop-limit-of-the-puzzle', 'The frame had passed 64 pieces, so it seems to go in circles.'],
  ['removed', 'The frame waited for a piece or an Edge that a change removed.'],
  ['replaced', 'The frame waited for an instance that a change replaced.'],
  ['closed', 'The frame waited when the lane was closed.'],
]);

/** The sentence of a reason that no description has. */
export function hostReasonSentence(name: string): string {
  return SENTENCES.get(name) ?? parserSentence(name) + (OFFLOADED.has(name) ? OFFLOAD_HINT : '');
}

/** The reasons for which frames of a capture end whose system left work to its network card. */
const OFFLOADED: ReadonlySet<string> = new Set(['ipv4-checksum', 'ipv4-length', 'ipv6-length']);
const OFFLOAD_HINT =
  ' Where they come from a capture of offloaded traffic, the setting `mend: true` of pcap-reader helps.';

function parserSentence(name: string): string {
  for (const [kind, sentence] of PROBLEMS)
    if (name.endsWith(`-${kind}`)) return sentence.replace('%', name.slice(0, -kind.length - 1));
  return 'The frame is malformed, and no Shape takes malformed frames.';
}

/** By the kinds of problems in `host/frame/problem.ts`; longer names first. */
const PROBLEMS: readonly (readonly [string, string])[] = [
  ['header-length', 'The % header states a length below its minimum.'],
  ['truncated', 'Bytes of the % header are missing.'],
  ['version', 'The version in the % header is another one.'],
  ['length', 'The length field of % does not fit the bytes that are there.'],
  ['checksum', 'The checksum of % is wrong.'],
  ['parts', 'With % the frame has more parts than a frame may have.'],
  ['fragment', 'The contents of a fragment of % have no checksum of their own.'],
  ['size', 'The length does not fit in the length field of %.'],
  ['carrier', 'No header in front of % has the addresses that its checksum covers.'],
  ['syntax', 'The text is not in the syntax of %.'],
];
