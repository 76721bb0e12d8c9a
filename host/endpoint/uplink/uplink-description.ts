import type { Piece as Description, Setting } from '../../../abi/host/contract.ts';
import { available } from '../available.ts';
import { tunDescription } from '../device/tun-description.ts';
import { CONNECTORS } from './connector.ts';

/** What the native piece `uplink` is, with packets of at most so many bytes. */
export function uplinkDescription(mtu: number): Description {
  return {
    name: 'uplink',
    version: '0.1.0',
    summary:
      'The ordinary Internet, without privileges: TCP, UDP and echo requests of a neighbour, masqueraded.',
    protocols: [],
    edges: [
      {
        name: 'ip',
        optional: false,
        repeated: false,
        shapes: [
          {
            stack: 'ip',
            direction: 'up',
            reach: 'whole-frame',
            properties: [available('framed'), available('size', { tag: 'at-most', val: BigInt(mtu) })],
          },
        ],
      },
    ],
    curves: [],
    settings: uplinkSettings,
    reasons: tunDescription(mtu).reasons,
  };
}

export const uplinkSettings: readonly Setting[] = [
  {
    name: 'via',
    summary: `The program that connects it: ${CONNECTORS.join(' or ')}, or auto for the first that is installed`,
    kind: 'text',
    repeated: false,
    default: 'auto',
  },
  { name: 'mtu', summary: 'Largest packet in bytes', kind: 'number', repeated: false, default: '1500' },
];
