import type { Group } from './group.ts';

export const tunUdpGroup: Group = { name: 'tun-udp/', async run() {} };
