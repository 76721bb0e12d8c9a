import type { Group } from './group.ts';

export const tunTunGroup: Group = { name: 'tun-tun/', async run() {} };
