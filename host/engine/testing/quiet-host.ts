import type { PieceStatus } from '../../piece/piece-status.ts';
import type { HostImports } from '../instance/guest.ts';

/** A host that keeps the arguments of its calls, and grants nothing else. */
export class QuietHost implements HostImports {
  readonly messages: string[] = [];
  readonly offers: string[] = [];
  readonly statuses: string[] = [];

  log(level: string, message: string): void {
    this.messages.push(`${level}: ${message}`);
  }

  status({ health, summary, facts }: PieceStatus): void {
    this.statuses.push(`${health}: ${summary} ${JSON.stringify(facts)}`);
  }

  random(): bigint {
    return 0x0123_4567_89ab_cdefn;
  }

  utc(): readonly [bigint, number] {
    return [1_700_000_000n, 5];
  }

  listen(_edge: number, _like: number, stack: string): number | { readonly message: string } {
    return stack === 'ip/udp/5060' ? 7 : { message: `no room for ${stack}` };
  }

  unlisten(): void {}

  offer(edge: number, property: { readonly name: string }, present: boolean): void {
    this.offers.push(`${edge} ${property.name} ${present}`);
  }

  keys(): { readonly message: string } {
    return { message: 'this host has no keys' };
  }
}
