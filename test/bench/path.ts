import type { Running } from '../net/command.ts';
import type { Namespace } from '../net/namespace.ts';

/** A way for packets between two hosts of a lab, with one program in the middle that is measured. */
export interface Path {
  /** Part of the names of rows. */
  readonly name: 'c' | 'funnel' | 'offload';
  readonly near: Namespace;
  readonly far: Namespace;
  readonly nearAddress: string;
  readonly farAddress: string;
  /** The measured path. */
  readonly program: Running;
  /** Packets that have gone all the way through the program, so far, by direction. */
  packets(): Promise<{ readonly out: number; readonly in: number }>;
}

/** Packets that a device has sent and received, as its host sees it. */
export async function devicePackets(
  host: Namespace,
  device: string,
): Promise<{ sent: number; received: number }> {
  const [shown] = JSON.parse(await host.ip('-s', '-j', 'link', 'show', 'dev', device)) as [LinkStatistics];
  return { sent: shown.stats64.tx.packets, received: shown.stats64.rx.packets };
}

interface LinkStatistics {
  readonly stats64: { readonly tx: { readonly packets: number }; readonly rx: { readonly packets: number } };
}
