/** Builds the addon if its sources, or what compiles them, have changed. */
export function buildAddon(options?: {
  outDir?: string;
  strict?: boolean;
  force?: boolean;
  env?: Record<string, string | undefined>;
  headerDirs?: readonly string[];
}): { ok: true; path: string; built: boolean } | { ok: false; reason: string; install: string };
