import type { Group } from './group.ts';

export const fuelGroup: Group = { name: 'fuel/', async run() {} };
