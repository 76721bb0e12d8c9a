/** A resolv.conf for the command. Without a server nothing is asked, and nothing waits. */
export function resolverFile(servers: readonly string[], others: readonly string[]): string {
  const lines = servers.map((server) => `nameserver ${server}`);
  // The C library asks 127.0.0.1 when there is no server; a port that nobody has is refused at once.
  return ['# made by funnel exec', ...lines, ...others, ''].join('\n');
}

/**
 * An nsswitch.conf in which host names come from files and the DNS alone: other modules ask services of this machine by
 * sockets in its files, and so around the puzzle. Undefined where nothing is to be changed.
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
