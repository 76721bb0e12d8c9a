import { isIP } from 'node:net';

/** The parts of a resolv.conf (resolv.conf(5)) that matter here. */
export interface ResolverConfiguration {
  readonly servers: readonly string[];
  /** The unchanged lines about the completion and look-up of names: `search`, `domain`, `options`. */
  readonly others: readonly string[];
}

export function parseResolverConfiguration(text: string): ResolverConfiguration {
  const lines = text.split('\n').map((line) => line.replace(/[#;].*/, '').trim());
  const servers = lines.flatMap((line) => {
    const [, address = ''] = /^nameserver\s+(\S+)/.exec(line) ?? [];
    return isIP(address.replace(/%.*/, '')) === 0 ? [] : [address];
  });
  return { servers, others: lines.filter((line) => /^(search|domain|options)\s/.test(line)) };
}
