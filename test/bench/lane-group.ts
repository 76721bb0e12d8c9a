import type { Group } from './group.ts';

export const laneGroup: Group = { name: 'lane/', async run() {} };
