import { createHash } from 'node:crypto';
import { DEFAULT_LIMITS, type Limits } from '../../engine/component/limits.ts';
import { type Inspection, inspectComponent } from '../../engine/inspect-component.ts';
import type { Grant } from '../../engine/load-component.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import { ConfigurationError } from '../configuration/configuration-error.ts';
import { readConfiguration } from '../configuration/read-configuration.ts';
import { checkStructure } from '../configuration/schema-mistakes.ts';
import { grantsOf } from './granted.ts';
import { limitsOf } from './open-piece.ts';
import type { PieceRegistry } from './piece-registry.ts';
import { readComponent } from './read-component.ts';

export type { Extent, Inspection, Structure } from '../../engine/inspect-component.ts';

/**
 * Looks at a component without running anything of it: what it is and wants, and why it would be refused, with the grants
 * and limits that a file has by default, and with those of each instance of it in a configuration.
 *
 * @param reference the name of a built-in component, or the path of a file from `directory`
 * @throws {FunnelError} FT_PIECE_UNKNOWN, FT_COMPONENT_READ, FT_CONFIG.
 */
export async function inspectPiece(
  registry: PieceRegistry,
  reference: string,
  { directory, configuration }: { directory: string; configuration?: string },
): Promise<PieceInspection> {
  const found = registry.find(reference, directory);
  if (found.kind === 'missing')
    throw new FunnelError('FT_PIECE_UNKNOWN', `there is no piece \`${reference}\` — ${found.hint}`);
  if (found.kind === 'native') {
    throw new FunnelError(
      'FT_PIECE_NATIVE',
      `\`${reference}\` is part of the host, and trusted like it; \`funnel piece doc ${reference}\` tells what it is`,
    );
  }
  const bytes = await readComponent(found.file, MOST_READ_BYTES);
  const inspect = async (grants: readonly Grant[], limits: Partial<Limits>): Promise<Terms> => ({
    grants,
    limits: { ...DEFAULT_LIMITS, ...limits },
    inspection: await inspectComponent(bytes, { grants: new Set(grants), limits }),
  });
  const instances: Instance[] = [];
  if (configuration !== undefined) {
    const { entries, base } = await entriesOf(configuration, directory);
    for (const { name, entry, limits } of entries) {
      const other = registry.find(entry.piece, base);
      if (other.kind !== 'component' || other.file !== found.file) continue;
      const grants = grantsOf(entry.grants, found.builtIn);
      instances.push({ name, ...(await inspect(grants, limits)) });
    }
    if (instances.length === 0)
      throw new FunnelError('FT_PIECE_UNKNOWN', `no piece of ${configuration} is ${reference}`);
  }
  return {
    file: found.file,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    isBuiltIn: found.builtIn,
    byDefault: await inspect(grantsOf(undefined, found.builtIn), {}),
    instances,
  };
}

/** What a component file is, and on which terms it would be let in. */
export interface PieceInspection {
  readonly file: string;
  readonly sha256: string;
  readonly isBuiltIn: boolean;
  readonly byDefault: Terms;
  /** Those of a configuration, where one was named. */
  readonly instances: readonly Instance[];
}

/** Grants and limits, and what comes of them. */
export interface Terms {
  readonly grants: readonly Grant[];
  readonly limits: Limits;
  readonly inspection: Inspection;
}

export interface Instance extends Terms {
  readonly name: string;
}

/** The pieces of a configuration, whose structure must be good; whether the puzzle is does not matter here. */
async function entriesOf(configuration: string, directory: string) {
  const { value, mistakes, directory: base } = await readConfiguration(configuration, directory);
  const structure = value === undefined ? undefined : checkStructure(value, mistakes);
  const entries = Object.entries(structure?.configuration?.pieces ?? {}).map(([name, entry]) => ({
    name,
    entry,
    limits: limitsOf(entry, { path: ['pieces', name], mistakes }),
  }));
  if (mistakes.length > 0) throw new ConfigurationError(mistakes.sorted());
  return { entries, base };
}

/** Larger ones than any limit makes sense for are not read. */
const MOST_READ_BYTES = 256 * 1024 * 1024;
