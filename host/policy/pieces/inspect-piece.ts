import { DEFAULT_LIMITS, type Limits } from '../../engine/component/limits.ts';
import type { Inspection } from '../../engine/inspect-component.ts';
import type { Grant } from '../../engine/load-component.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import { ConfigurationError } from '../configuration/configuration-error.ts';
import { readConfiguration } from '../configuration/read-configuration.ts';
import { checkStructure } from '../configuration/schema-mistakes.ts';
import { sharedExaminer } from './examiner.ts';
import type { ExaminerTerms } from './examiner-messages.ts';
import { grantsOf } from './granted.ts';
import { limitsOf } from './open-piece.ts';
import type { PieceRegistry } from './piece-registry.ts';

export type { Extent, Inspection, Structure } from '../../engine/inspect-component.ts';

/**
 * Inspects a component without running any code of it: its contents, what it wants, and why it would be
 * refused. It does so with the default grants and limits of a file, and with those of each instance in a
 * configuration.
 *
 * @param reference the name of a built-in component, or the path of a file from `directory`
 * @throws {FunnelError} FT_PIECE_UNKNOWN, FT_COMPONENT_READ, FT_CONFIG.
 */
export async function inspectPiece(
  registry: PieceRegistry,
  reference: string,
  { directory, configuration, parameters }: InspectionOptions,
): Promise<PieceInspection> {
  const found = registry.find(reference, directory);
  if (found.kind === 'missing')
    throw new FunnelError('FT_PIECE_UNKNOWN', `there is no piece \`${reference}\` — ${found.hint}`);
  if (found.kind === 'native') {
    throw new FunnelError(
      'FT_PIECE_NATIVE',
      `\`${reference}\` is a part of the host, so there is no file to inspect; \`funnel piece doc ${reference}\` describes it`,
    );
  }
  const terms: ExaminerTerms[] = [{ grants: grantsOf(undefined, found.builtIn), limits: {} }];
  const names: string[] = [];
  if (configuration !== undefined) {
    const { entries, directoryAt } = await entriesOf(configuration, directory, parameters);
    for (const { name, entry, limits } of entries) {
      const other = registry.find(entry.piece, directoryAt(['pieces', name, 'piece']));
      if (other.kind !== 'component' || other.file !== found.file) continue;
      names.push(name);
      terms.push({ grants: grantsOf(entry.grants, found.builtIn), limits });
    }
    if (names.length === 0)
      throw new FunnelError('FT_PIECE_UNKNOWN', `no piece of ${configuration} uses ${reference}`);
  }
  const { sha256, inspections } = await sharedExaminer.inspect({
    file: found.file,
    maxBytes: MAX_READ_BYTES,
    terms,
  });
  const [byDefault, ...others] = inspections.map((inspection, index): AdmissionTerms => {
    const { grants, limits } = terms[index]!;
    return { grants, limits: { ...DEFAULT_LIMITS, ...limits }, inspection };
  });
  return {
    file: found.file,
    sha256,
    isBuiltIn: found.builtIn,
    byDefault: byDefault!,
    instances: others.map((each, index) => ({ name: names[index]!, ...each })),
  };
}

export interface InspectionOptions {
  readonly directory: string;
  /** A configuration whose instances of the component are inspected as well. */
  readonly configuration?: string;
  /** The values of its parameters. */
  readonly parameters?: Readonly<Record<string, string>> | undefined;
}

/** The result of an inspection: the file, and whether it would be admitted. */
export interface PieceInspection {
  readonly file: string;
  readonly sha256: string;
  readonly isBuiltIn: boolean;
  readonly byDefault: AdmissionTerms;
  /** The instances in the configuration, where one was named. */
  readonly instances: readonly Instance[];
}

/** Grants and limits, and the inspection with these. */
export interface AdmissionTerms {
  readonly grants: readonly Grant[];
  readonly limits: Limits;
  readonly inspection: Inspection;
}

export interface Instance extends AdmissionTerms {
  readonly name: string;
}

/** The pieces of a configuration. Its structure must be right; mistakes of the puzzle do not matter here. */
async function entriesOf(
  configuration: string,
  directory: string,
  parameters: InspectionOptions['parameters'],
) {
  const { value, mistakes, directoryAt } = await readConfiguration(configuration, directory, {
    parameters,
  });
  const structure = value === undefined ? undefined : checkStructure(value, mistakes);
  const entries = Object.entries(structure?.configuration?.pieces ?? {}).map(([name, entry]) => ({
    name,
    entry,
    limits: limitsOf(entry, { path: ['pieces', name], mistakes }),
  }));
  if (mistakes.length > 0) throw new ConfigurationError(mistakes.sorted());
  return { entries, directoryAt };
}

/** No sensible limit is larger, so no larger file is read. */
const MAX_READ_BYTES = 256 * 1024 * 1024;
