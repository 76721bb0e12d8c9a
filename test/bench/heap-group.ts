import type { Group } from './group.ts';

export const heapGroup: Group = { name: 'heap/', async run() {} };
