/**
 * The limits that the contract states in words, with their names in every language. A test compares them with
 * the words.
 */
export const LIMITS: readonly { name: string; value: number; doc: string }[] = [
  { name: 'maxFrameParts', value: 32, doc: 'Parts of one frame.' },
  {
    name: 'maxFrameBytes',
    value: 66_240,
    doc: 'Bytes of one frame; a larger one travels in fragments marked `more`.',
  },
  { name: 'maxFramesIn', value: 256, doc: 'Frames that a call brings.' },
  { name: 'maxPartsIn', value: 8192, doc: 'Parts that a call brings.' },
  { name: 'maxArenaIn', value: 131_072, doc: 'Bytes of the arena that a call brings.' },
  { name: 'maxFramesOut', value: 16_384, doc: 'Frames of an outcome.' },
  { name: 'maxPartsOut', value: 65_536, doc: 'Parts of an outcome.' },
  {
    name: 'maxBytesOut',
    value: 16_777_216,
    doc: 'Bytes in all frames of an outcome together, shared parts counted each time.',
  },
  { name: 'maxEndsOut', value: 16_384, doc: 'Tickets that an outcome ends.' },
  { name: 'maxEdges', value: 256, doc: 'Numbers of joined Edges: they are below this.' },
  { name: 'maxStateBytes', value: 4_194_304, doc: 'Bytes of a saved state.' },
  { name: 'maxTasks', value: 1024, doc: 'Tasks of one call of `protect` or `unprotect`.' },
];
