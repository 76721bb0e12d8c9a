/** Returns a resolv.conf for the command. Without a server, look-ups fail at once. */
export function resolverFile(servers: readonly string[], others: readonly string[]): string {
  const lines = servers.map((server) => `nameserver ${server}`);
  // Without a server the C library asks 127.0.0.1; a port without a listener refuses at once.
  return ['# made by funnel exec', ...lines, ...others, ''].join('\n');
}

/**
 * Returns an nsswitch.conf in which host names come from files and the DNS alone: other modules call services
 * of this machine by sockets in its file system, and so bypass the puzzle. Undefined if nothing needs a
 * change.
 */
export function namesFromDnsAlone(text: string): string | undefined {
  let isChanged = false;
  const lines = text.split('\n').map((line) => {
    const [, head, modules] = /^(\s*hosts\s*:)(.*)$/.exec(line) ?? [];
    if (head === undefined || modules === undefined) return line;
    const kept = modules
      .replace(/#.*/, '')
      .replaceAll(/\b(resolve|mymachines|wins|mdns\w*)\b(\s*\[[^\]]*\])*/g, ' ')
      .trim()
      .split(/\s+/)
      .join(' ');
    const made = / dns\b/.test(` ${kept}`) ? kept : `${kept} dns`.trim();
    if (made === modules.trim()) return line;
    isChanged = true;
    return `${head.trim()} ${made}`;
  });
  return isChanged ? lines.join('\n') : undefined;
}
