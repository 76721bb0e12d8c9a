import type { ExportName } from '../../abi/host/contract.ts';
import type { HostileOptions, HostileScene } from './hostile-scene.ts';
import { OWN_PACKET } from './hostile-wat.ts';

/** Causes the host to call each export of a running piece, in the lane of a {@link HostileScene}. */
export const PROVOCATIONS = {
  process: { provoke: (scene) => void scene.round() },
  // The last step of the start.
  join: { provoke: () => {} },
  leave: {
    provoke: (scene, bytes, options) => scene.change(bytes, { ...options, networks: ['upper', 'elsewhere'] }),
  },
  listening: {
    provoke: (scene) => {
      scene.ends.bottom!.context.listen(0, 0, LISTENED);
      scene.lane.run();
    },
  },
  /** The piece is to send many frames with each that comes. */
  ready: {
    provoke: (scene) => {
      const { top, bottom } = scene.ends;
      bottom!.takes = 0;
      for (let n = 0; n < 40 && scene.faults().length === 0; n++) top!.bring(0, [...OWN_PACKET]);
      bottom!.takes = Infinity;
      scene.lane.run();
    },
  },
  save: {
    options: { saveEveryMs: 1000 },
    provoke: (scene) => {
      scene.round();
      scene.wait(1000);
    },
  },
  /** The piece is to trap in `process` from 7000 ms on to 8000, and comes back a second later. */
  restore: {
    options: { saveEveryMs: 1000, failure: 'restart' },
    provoke: (scene) => {
      scene.round();
      scene.wait(1000);
      scene.wait(5000);
      scene.round();
      scene.wait(1000);
    },
  },
} as const satisfies Partial<Record<ExportName, Provocation>>;

export interface Provocation {
  readonly options?: HostileOptions;
  /** @param options those of the piece, with which it was brought into the scene */
  provoke(scene: HostileScene, bytes: Uint8Array, options: HostileOptions): void | Promise<void>;
}

/** The Shape on which a neighbour of the piece listens then. */
export const LISTENED = 'ipv6/udp/50607';
